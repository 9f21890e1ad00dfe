"""How well `switchboard parse` reads a folder of sample mails, against what a manifest expects of each.

The folder holds mails and `manifest.jsonl`: one object a line with `file`, `kind` and `expect`, the
checks by name (see `CHECKS`). Texts are compared without white space and without the signs that
HTML-to-text converters differ in. Prints the share of checks that hold, of all and by kind; exits 1
below the goals, 0 with one line where there is no such folder.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ALL_GOAL, KIND_GOAL, SECONDS_GOAL = 97.0, 93.0, 1.0
"""Percent of all checks, percent of each kind's checks, seconds of the slowest mail."""
PEOPLE = {"normal", "reply-with-quote", "forward", "attachment", "charset", "malformed", "html-only", "tnef",
          "encrypted-or-signed"}  # fmt: skip
"""Kinds of mail that people write: one that names its author must be answered, unless judged otherwise."""
BATCH = 100
FIRST = b"From: first@example.com\nSubject: first\n\nThe language model is loaded with the first mail that has words.\n"
JUDGED_WRONG = tomllib.loads((Path(__file__).parent / "judged_wrong.toml").read_text("utf-8"))
"""Checks that we think expect the wrong thing, by file and check, with the reason. They count all the same."""

Line = dict[str, Any]


def squeezed(text: str | None) -> str:
    """A text without white space and emphasis signs."""
    return re.sub(r"[\s*_\u00a0\u200b\ufeff\\]", "", unicodedata.normalize("NFC", text or ""))


def spaced(text: str | None) -> str:
    """A text with single spaces."""
    plain = unicodedata.normalize("NFC", text or "").replace("\u00a0", " ").replace("\u200b", "")
    return " ".join(plain.split())


def has_all(parts: list[str], text: str | None) -> bool:
    """Whether every part stands in a text."""
    whole = squeezed(text)
    return all(squeezed(part) in whole for part in parts)


def within(wanted: list[str], found: list[str]) -> bool:
    """Whether every address is among those found."""
    return {each.lower() for each in wanted} <= {each.lower() for each in found}


def same_id(wanted: str, found: str | None) -> bool:
    """Whether two ids or addresses are equal but for brackets and case."""
    return (found or "").strip("<> ").lower() == wanted.lower()


def address(box: Line | None) -> str:
    """The address of a mailbox, or ""."""
    return (box or {}).get("address") or ""


def recipients(line: Line) -> list[Line]:
    """Whom a bounce speaks of."""
    return (line["bounce"] or {}).get("recipients") or []


def forward(line: Line) -> Line:
    """The forwarded mail, or {}."""
    return line["forward"] or {}


def names(line: Line) -> list[str]:
    """The attachments' names, comparable."""
    return [squeezed(each["name"]) for each in line["attachments"]]


def from_address(wanted: str, line: Line) -> bool:
    """Whether the author is that address, or has none."""
    found = address(line["from"])
    return found.lower() == wanted.lower() if wanted else not re.search(r"[^@\s<>]+@[^@\s<>]+", found)


def crypto(wanted: str, line: Line) -> bool:
    """Whether the protection is the one expected; any signature without encryption is "signed"."""
    found = line["crypto"] or ""
    return found == wanted or (wanted == "signed" and found.endswith("signed") and "encrypted" not in found)


def is_automatic(line: Line) -> bool:
    """Whether a machine wrote it; a list's mails are written by people."""
    return bool(line["automatic"]) and line["automatic_kind"] != "list"


def is_bounce(line: Line) -> bool:
    """Whether it tells of a failed delivery."""
    return line["automatic_kind"] == "bounce" or bool(recipients(line))


CHECKS: dict[str, Callable[[Any, Line], bool]] = {
    "subject": lambda want, line: spaced(want) == spaced(line["subject"]),
    "subject_contains": lambda want, line: squeezed(want) in squeezed(line["subject"]),
    "subject_startswith": lambda want, line: squeezed(line["subject"]).startswith(squeezed(want)),
    "subject_not_contains": lambda want, line: want not in line["subject"],
    "from_address": from_address,
    "from_name": lambda want, line: (
        squeezed(want.strip("\"'")) == squeezed(((line["from"] or {}).get("name") or "").strip("\"'"))
    ),
    "to_addresses": lambda want, line: within(want, line["to"]),
    "cc_addresses": lambda want, line: within(want, line["cc"]),
    "message_id": lambda want, line: same_id(want, line["message_id"]),
    "in_reply_to": lambda want, line: same_id(want, line["in_reply_to"]),
    "references_contains": lambda want, line: set(want) <= set(line["references"]),
    "effective_sender": lambda want, line: same_id(
        want, address(forward(line).get("from")) or line["sender_of_record"] or address(line["from"])
    ),
    "body_contains": lambda want, line: has_all(want, line["text"]),
    "body_contains_any": lambda want, line: any(has_all([each], line["text"]) for each in want),
    "body_not_contains": lambda want, line: (
        bool(squeezed(line["text"])) and not any(has_all([each], line["text"]) for each in want)
    ),
    "html_body_contains": lambda want, line: has_all(want, (line["html_text"] or "") + line["text"]),
    "reply_text": lambda want, line: squeezed(want) == squeezed(line["new_text"]),
    "reply_contains": lambda want, line: has_all(want, line["new_text"]),
    "reply_not_contains": lambda want, line: not any(has_all([each], line["new_text"]) for each in want),
    "signature": lambda want, line: squeezed(want) == squeezed(line["signature"]),
    "attachments": lambda want, line: want == len(line["attachments"]),
    "attachment_names": lambda want, line: {squeezed(each) for each in want} <= set(names(line)),
    "tnef_files": lambda want, line: {squeezed(each) for each in want} <= {squeezed(e["name"]) for e in line["tnef"]},
    "crypto": crypto,
    "is_auto": lambda want, line: want == is_automatic(line),
    "is_bounce": lambda want, line: want == is_bounce(line),
    "is_forward": lambda want, line: want == bool(forward(line)),
    "is_spam": lambda want, line: want == line["spam"],
    "auth_fail": lambda want, line: want == (line["authentication"] == "fail"),
    "should_autoreply": lambda want, line: want == line["reply"]["send"],
    "forwarded_from": lambda want, line: same_id(want, address(forward(line).get("from"))),
    "forwarded_subject": lambda want, line: spaced(want) == spaced(forward(line).get("subject")),
    "forwarded_body_contains": lambda want, line: has_all(want, forward(line).get("text")),
    "forward_comment_contains": lambda want, line: has_all(want, forward(line).get("comment")),
    "bounce_recipients": lambda want, line: within(want, [each["address"] for each in recipients(line)]),
    "bounce_status": lambda want, line: set(want) <= {each["status"] for each in recipients(line)},
    "bounce_count": lambda want, line: want == len(recipients(line)),
    "bounce_temporary": lambda want, line: want == any(each["temporary"] for each in recipients(line)),
}


def read(files: list[Path]) -> Iterator[tuple[Line, float]]:
    """The line that the command prints for each mail, and the seconds it took; ends early where the command does."""
    with tempfile.NamedTemporaryFile(suffix=".eml") as first:
        first.write(FIRST)
        first.flush()
        argv = [sys.executable, "-m", "switchboard.cli", "parse", first.name, *map(str, files)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
            assert process.stdout is not None
            process.stdout.readline()
            before = time.perf_counter()
            for line in process.stdout:
                now = time.perf_counter()
                yield json.loads(line), now - before
                before = now


def read_all(folder: Path, rows: list[Line]) -> dict[str, tuple[Line, float]]:
    """Every mail's line and seconds by its name in the manifest; a mail on which the command died is missing."""
    found: dict[str, tuple[Line, float]] = {}
    waiting = [row["file"] for row in rows]
    while waiting:
        batch, answered = waiting[:BATCH], 0
        for line, seconds in read([folder / name for name in batch]):
            found[batch[answered]] = (line, seconds)
            answered += 1
        waiting = waiting[answered + (answered < len(batch)) :]  # the one it died on is left out
    return found


def score(rows: list[Line], found: dict[str, tuple[Line, float]]) -> tuple[dict[str, Counter[str]], list[Line]]:
    """Checks made and held by kind, by answering, and what failed."""
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    failed: list[Line] = []
    for row in rows:
        line = found[row["file"]][0] if row["file"] in found else None
        for name, want in row["expect"].items():
            holds = line is not None and CHECKS[name](want, line)
            for group in (row["kind"], "all", *(["not answered"] if name == "should_autoreply" and not want else [])):
                tally[group].update(made=1, held=holds)
            if not holds:
                failed.append({"file": row["file"], "kind": row["kind"], "check": name, "want": want})
        if line is not None and is_from_a_person(row, line):
            tally["answered"].update(made=1, held=line["reply"]["send"])
            if not line["reply"]["send"]:
                failed.append({"file": row["file"], "kind": row["kind"], "check": "answered", "want": True})
    return tally, failed


def is_from_a_person(row: Line, line: Line) -> bool:
    """Whether a mail must be answered: nothing in the manifest or our own list says otherwise, and it has an author."""
    told = row["expect"].get("should_autoreply", row["kind"] in PEOPLE)
    return bool(told) and bool(address(line["from"])) and "answered" not in JUDGED_WRONG.get(row["file"], {})


def percent(count: Counter[str]) -> float:
    """The share of checks that held."""
    return 100 * count["held"] / count["made"] if count["made"] else 100.0


def report(tally: dict[str, Counter[str]], failed: list[Line], missing: list[str], slowest: tuple[float, str]) -> bool:
    """Print the figures; whether every goal is reached."""
    answering = {name: tally.pop(name, Counter()) for name in ("answered", "not answered")}
    every = tally.pop("all", Counter())
    print(f"{'kind':24} {'held':>11} {'percent':>8}   goal")
    for kind, count in sorted(tally.items(), key=lambda item: -item[1]["made"]):
        print(f"{kind:24} {count['held']:5}/{count['made']:<5} {percent(count):8.1f}   {KIND_GOAL:.0f}")
    print(f"{'all checks':24} {every['held']:5}/{every['made']:<5} {percent(every):8.1f}   {ALL_GOAL:.0f}")
    for name, count in answering.items():
        print(f"{'must be ' + name:24} {count['held']:5}/{count['made']:<5} {percent(count):8.1f}   100")
    judged = sum(each["check"] in JUDGED_WRONG.get(each["file"], {}) for each in failed)
    print(f"mails without an answer: {len(missing)} {' '.join(missing)}")
    print(f"slowest mail: {slowest[0]:.2f} s ({slowest[1]})   goal {SECONDS_GOAL:.0f} s")
    print(f"failed: {len(failed)}, of which {judged} are judged wrong (bench/judged_wrong.toml)")
    reached = percent(every) >= ALL_GOAL and all(percent(count) >= KIND_GOAL for count in tally.values())
    return (
        reached
        and not missing
        and slowest[0] <= SECONDS_GOAL
        and all(percent(count) == 100 for count in answering.values())
    )


def main() -> int:
    """Read, score, print, judge."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("MAIL_SAMPLES", "../shared/mail-samples")
    asked.add_argument("--samples", type=Path, default=Path(default), help="folder with manifest.jsonl")
    asked.add_argument("--failures", action="store_true", help="print every check that failed")
    args = asked.parse_args()
    manifest = args.samples / "manifest.jsonl"
    if not manifest.is_file():
        print(f"skipped: no {manifest}; name a folder with --samples or MAIL_SAMPLES")
        return 0
    rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]
    found = read_all(args.samples, rows)
    tally, failed = score(rows, found)
    missing = [row["file"] for row in rows if row["file"] not in found]
    slowest = max(((seconds, name) for name, (_, seconds) in found.items()), default=(0.0, "-"))
    reached = report(tally, failed, missing, slowest)
    for each in failed if args.failures else []:
        why = JUDGED_WRONG.get(each["file"], {}).get(each["check"], "")
        print(f"{each['file']}: {each['check']} {json.dumps(each['want'], ensure_ascii=False)[:100]}  {why}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
