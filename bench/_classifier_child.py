"""One training in a process of its own: `python bench/_classifier_child.py WHO [FILE LABEL]`.

WHO is `ours`, `plain` (TF-IDF and logistic regression), or `seed` (the product's first artefact; no file). FILE is a
JSON list of rows: no more is read than is learnt, for its memory counts too. Prints one JSON line: seconds on the clock
and of CPU, the highest memory of the process in megabytes, and the artefact's digest. A process of its own, because
memory is only ever counted upwards, and a digest must not hang on a process.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import _classifier_tables as tables
from _classifier_rivals import plain
from threadpoolctl import threadpool_limits

from triage import training
from triage.policy import load_packs


def trained(who: str, rows: list[tables.Row], label: str) -> str | None:
    """Train; the digest of an artefact of ours."""
    if who == "plain":
        plain().fit([tables.text(row) for row in rows], [row[label] for row in rows])
        return None
    return (training.train_label(rows, label) if rows else training.train(training.seed_corpus(), load_packs())).digest


def peak() -> float:
    """The highest memory of this process, in megabytes."""
    # getrusage would do, but what it counts on Linux begins with the parent's: a process is born as its copy.
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024


def main(who: str, where: str = "", label: str = "") -> dict[str, Any]:
    """Read, train, tell."""
    rows: list[tables.Row] = json.loads(Path(where).read_text(encoding="utf-8")) if where else []
    started, worked = time.perf_counter(), time.process_time()
    with threadpool_limits(limits=1):
        digest = trained(who, rows, label)
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - worked,
        "peak_mb": peak(),
        "digest": digest,
        "rows": len(rows),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
