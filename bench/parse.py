"""What reading a mail costs, as a ratio of CPU time to the standard library reading the same mails.

"normalise" is all that `parse` does: structure, charsets, text from HTML, what is new, signature,
forwards, bounces, language. The baseline is `email` with `policy.default` made to do what a careful
script does with it: every header, every address, every part's content. Mails are invented here, of
the kinds a support desk gets; `--samples DIR` takes the files of a folder instead. Prints median and
range of the rounds, CPU seconds a mail and the ratio; exits 1 above the goal.
"""

import argparse
import email
import email.policy
import random
import statistics
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage, MIMEPart
from pathlib import Path

from intake.reading.message import parse

GOAL = 0.3
ROUNDS = 5
MAILS = 200
LARGEST = 500_000
"""Bytes of the largest sample taken: beyond it both sides only count attachments."""
SENTENCES = (
    "Our production gateway answers 503 to every second order since this morning.",
    "We have restarted both nodes twice, and it did not help.",
    "Seit heute Morgen antwortet unser Gateway mit 503, wir haben schon neu gestartet.",
    "Notre passerelle répond 503 depuis ce matin, merci de nous rappeler.",
    "The log says: upstream timed out (110: Connection timed out) while connecting to upstream.",
    "Please call us back, it is urgent for the warehouse.",
)


def body(random_: random.Random, *, answer: bool) -> str:
    """Some paragraphs, a signature, and maybe the mail that is answered."""
    lines = [" ".join(random_.choices(SENTENCES, k=random_.randint(1, 4))) for _ in range(random_.randint(1, 4))]
    text = "\n\n".join(["Hello,", *lines, "Kind regards,\nMarta Sample\n+49 30 5550 100"])
    if answer:
        quoted = "\n".join(f"> {line}" for line in "\n".join(random_.choices(SENTENCES, k=12)).split("\n"))
        text += f"\n\nOn Sat, Nov 21, 2026 at 9:30 AM Jon Sample <jon@example.org> wrote:\n{quoted}\n"
    return text


def invented(number: int) -> bytes:
    """A mail as a customer's program writes it: headers of three hops, text, often HTML, sometimes a file."""
    random_ = random.Random(number)  # noqa: S311 - the same mails in every run
    mail = EmailMessage()
    for hop in range(3):
        mail["Received"] = (
            f"from mx{hop}.example.org by mx{hop + 1}.example.com with ESMTPS; 21 Nov 2026 09:30:00 +0100"
        )
    mail["DKIM-Signature"] = "v=1; a=rsa-sha256; d=example.org; s=a; bh=" + "A" * 43 + "=; b=" + "B" * 300
    mail["From"] = "Märta Sample <marta@example.org>"
    mail["To"] = "support@example.com, Jon Sample <jon@example.org>"
    mail["Cc"] = ", ".join(f"Person {person} <p{person}@example.org>" for person in range(random_.randint(1, 8)))
    mail["Subject"] = random_.choice(("Re: Störung im Gateway", "Orders fail since this morning", "Fwd: 503"))
    mail["Date"] = "Sat, 21 Nov 2026 09:30:00 +0100"
    mail["Message-ID"] = f"<{number}@example.org>"
    mail["References"] = " ".join(f"<{number}.{earlier}@example.org>" for earlier in range(6))
    text = body(random_, answer=number % 2 == 0)
    mail.set_content(text)
    if number % 3:
        shown = "".join(f"<p style='margin:0;color:#123'>{line}</p>" for line in text.split("\n"))
        mail.add_alternative(f"<html><head><style>p{{margin:0}}</style></head><body>{shown}</body></html>", "html")
    if number % 4 == 0:
        log = random_.randbytes(20_000)
        mail.add_attachment(log, maintype="application", subtype="gzip", filename="app.log.gz")
    return mail.as_bytes()


def by_library(raw: bytes) -> None:
    """All that a mail holds, through `email` and its default policy."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    for name in mail:
        value = mail[name]
        _ = [str(each) for each in getattr(value, "addresses", ())], str(value)
    for part in mail.walk():
        if not part.is_multipart():
            content(part)


def content(part: MIMEPart) -> object:
    """A part's content; what the library refuses is left."""
    try:
        return part.get_content()
    except (LookupError, ValueError, AttributeError):
        return part.get_payload(decode=True)


def seconds(read: Callable[[bytes], object], mails: list[bytes]) -> float:
    """CPU seconds for all mails; a mail on which the reader fails has cost what it cost."""
    started = time.process_time()
    for raw in mails:
        try:
            read(raw)
        except Exception as error:  # noqa: BLE001 - the library raises nearly anything on broken mails
            failures.add(type(error).__name__)
    return time.process_time() - started


failures: set[str] = set()


def main() -> int:
    """Measure, print, judge."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--samples", type=Path, help="a folder of mails to read instead of invented ones")
    args = asked.parse_args()
    mails = [invented(number) for number in range(MAILS)]
    if args.samples:
        files = [path for path in sorted(args.samples.rglob("*")) if path.suffix in (".eml", ".txt", ".raw")]
        mails = [raw for path in files if len(raw := path.read_bytes()) <= LARGEST]
    parse(mails[0])  # the language model is loaded once in a process
    times: dict[str, list[float]] = {"email, policy.default": [], "normalise": []}
    for _ in range(ROUNDS):
        times["email, policy.default"].append(seconds(by_library, mails))
        times["normalise"].append(seconds(parse, mails))
    print(f"{len(mails)} mails, {sum(map(len, mails)) // len(mails):,} bytes each")
    for name, took in times.items():
        each = [1_000_000 * one / len(mails) for one in took]
        print(f"{name:24} {statistics.median(each):7.0f} µs a mail ({min(each):.0f}-{max(each):.0f})")
    ratio = statistics.median(times["normalise"]) / statistics.median(times["email, policy.default"])
    print(f"normalise (parse, text, quotes, language): ratio {ratio:.2f}   goal {GOAL}")
    if failures:
        print("the library raised:", ", ".join(sorted(failures)))
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
