"""How good, how fast and how teachable the classifier is: every demand, its goal, and baselines of the same run.

`python bench/classifier.py [--data DIR] [--only PART …] [--quick] [--json FILE]`. The public sets are not part of this
repository (docs/model-card.md says what they are); DIR holds them as `<name>.train.csv.gz`. Where they are absent the
run says so and ends well; `--only blind tone seed` needs none. Every split is stratified and the same in every run, or
the set's own order of time. With `--json` the figures are kept, and those of parts that did not run stay as they were:
the pictures and the model card are made from that file (bench/pictures.py). Exits 0, whatever the figures are.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import _classifier_cost as cost
import _classifier_requests as requests
import _classifier_seed as seed
import _classifier_sets as sets
import _classifier_tone as tone
from _classifier_rows import Asked, Line, say, table
from _classifier_tables import absent
from threadpoolctl import threadpool_limits

FOLDER = os.environ.get("SWITCHBOARD_BENCH_DATA", "data")
Found = list[Line] | tuple[list[Line], dict[str, Any]]
PARTS: dict[str, Callable[[Asked], Found]] = {
    "nlbse24": sets.nlbse24,
    "it_topics": sets.it_topics,
    "pits": sets.pits,
    "mozilla_severity": sets.mozilla_severity,
    "bueck_tickets": sets.bueck_tickets,
    "ohira_jira": sets.ohira_jira,
    "blind": requests.cold_start,
    "tone": tone.tone,
    "seed": seed.seed,
    "speed": cost.speed,
    "learning": cost.learning,
    "customer": cost.customer,
}
AT_HOME = frozenset({"blind", "tone", "seed"})
"""Parts that need nothing but the repository."""


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=Path(FOLDER), help="the folder of the public sets")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts only")
    parser.add_argument("--quick", action="store_true", help="a small part of everything: does it run at all?")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    return parser.parse_args()


def measure(name: str, asked: Asked) -> tuple[list[Line], dict[str, Any]]:
    """The lines of a part, printed, and what only pictures show."""
    started = time.monotonic()
    found = PARTS[name](asked)
    lines, shown = found if isinstance(found, tuple) else (found, {})
    print(table(lines), flush=True)
    for published in filter(None, [sets.ANCHORS.get(name)]):
        print(f"  {published}")
    say(f"{name}: {time.monotonic() - started:.0f} s")
    return lines, shown


def kept(file: Path, name: str, lines: list[Line], shown: dict[str, Any], *, quick: bool) -> None:
    """Write a part's figures; those of parts that did not run stay."""
    parts = json.loads(file.read_text(encoding="utf-8"))["parts"] if file.exists() else {}
    parts[name] = {"quick": quick, "lines": [line.as_json() for line in lines], "shown": shown}
    versions = {each: version(each) for each in ("scikit-learn", "numpy", "scipy")}
    content = {"versions": versions, "parts": {each: parts[each] for each in PARTS if each in parts}}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    """Measure, print, keep."""
    said = arguments()
    missing = absent(said.data)
    if missing and not AT_HOME.issuperset(said.only):
        print(f"nothing measured: {said.data} lacks {', '.join(missing)} (--data DIR, or SWITCHBOARD_BENCH_DATA)")
        return 0
    told: list[Line] = []
    with threadpool_limits(limits=1):  # one core for everybody; small matrices lose more by threads than they win
        for name in said.only:
            lines, shown = measure(name, Asked(folder=said.data, quick=said.quick))
            told += lines
            if said.json:
                kept(said.json, name, lines, shown, quick=said.quick)
    verdicts = [line.verdict for line in told]
    print(f"\nof {len([one for one in verdicts if one in {'met', 'MISSED'}])} goals {verdicts.count('met')} met")
    for line in told:
        if line.verdict == "MISSED":
            print(f"  missed: {line.part}, {line.figure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
