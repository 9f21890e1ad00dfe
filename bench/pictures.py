"""Draws docs/pictures and writes the tables of docs/model-card.md from the figures of bench/classifier.py.

`python bench/pictures.py [FIGURES]`; FIGURES is docs/pictures/figures.json unless another file is named. The same
figures give the same bytes. `make pictures` measures what needs no public set anew, then draws.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _classifier_rows import shown
from _classifier_sets import ANCHORS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
FIGURES = FOLDER / "figures.json"
CARD = ROOT / "docs" / "model-card.md"
BLOCK = re.compile(r"(<!-- figures: begin.*?-->\n).*?(<!-- figures: end -->)", re.DOTALL)

PAPER, INK, LINE = "#ffffff", "#1f2328", "#8c959f"
COLOURS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df")
DARK = {PAPER: "#0d1117", INK: "#e6edf3", LINE: "#6e7681", COLOURS[0]: "#58a6ff", COLOURS[1]: "#f0883e",
        COLOURS[2]: "#3fb950", COLOURS[3]: "#bc8cff"}  # fmt: skip
"""What a reader's dark mode makes of each colour; the paper is opaque, so a picture is readable on any page."""
CELLS = ("#f3f7fc", "#0b3d78")
ON_LIGHT, ON_DARK = "#10161d", "#fdfdfe"
CURVES = {"unseen type": "type, unseen", "unseen priority": "priority, unseen", "seed type": "type, own",
          "seed priority": "priority, own"}  # fmt: skip
FIRM = 5
"""Bins with fewer requests are not drawn: they say nothing."""
Json = dict[str, Any]

PARTS = {
    "blind": "Cold start: requests nobody has seen",
    "tone": "Who writes, and how: suggestions for the same requests, written differently",
    "seed": "The seed corpus, out of fold",
    "nlbse24": "nlbse24: type of GitHub issues, five repositories",
    "it_topics": "it_topics: topic of help-desk requests",
    "pits": "pits: severity of NASA's issue reports, newest quarter of each project",
    "mozilla_severity": "mozilla_severity: severity of Bugzilla summaries",
    "bueck_tickets": "bueck_tickets: type of synthetic mails in five languages",
    "ohira_jira": "ohira_jira: type and priority of Apache's Jira",
    "customer": "A new customer's first examples",
    "speed": "One item of 620 characters, CPU time",
    "learning": "Learning",
}


def plain_style() -> Any:
    """The drawing library with the settings that make pictures light, still and readable in both modes."""
    import matplotlib as mpl  # noqa: PLC0415 - who only rewrites the card needs no matplotlib

    mpl.use("svg")
    mpl.rcParams.update(
        {
            "svg.hashsalt": "switchboard",
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "text.color": INK,
            "axes.edgecolor": LINE,
            "axes.labelcolor": INK,
            "axes.facecolor": PAPER,
            "figure.facecolor": PAPER,
            "savefig.facecolor": PAPER,
            "xtick.color": INK,
            "ytick.color": INK,
            "legend.frameon": False,
        }
    )
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after its settings

    return plt


def saved(figure: Any, file: Path) -> None:
    """Write a picture without date or version, with the colours of a reader's dark mode."""
    figure.savefig(file, metadata={"Date": None, "Creator": None})
    rules = "".join(
        f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    text = file.read_text(encoding="utf-8")
    style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    file.write_text(text.replace("<defs>", f"{style}\n <defs>", 1), encoding="utf-8")


def reliability(pyplot: Any, found: Json) -> Any:
    """How often suggestions are right, by how sure they are: on the line, both agree."""
    figure, frames = pyplot.subplots(1, 2, figsize=(7.2, 3.5), layout="constrained")
    for frame, (label, bins) in zip(frames, found["bins"].items(), strict=True):
        whole = sum(one["n"] for one in bins)
        frame.plot([0, 1], [0, 1], color=LINE, linewidth=1, linestyle="--")
        firm = [one for one in bins if one["n"] >= FIRM]
        sure, right = ([one[name] for one in firm] for name in ("sure", "right"))
        doubt = [(one["right"] * (1 - one["right"]) / one["n"]) ** 0.5 for one in firm]
        frame.errorbar(sure, right, yerr=doubt, color=COLOURS[0], linewidth=1, elinewidth=0.8)
        frame.scatter(sure, right, s=[8 + 260 * one["n"] / whole for one in firm], color=COLOURS[0], zorder=3)
        gap = sum(one["n"] * abs(one["sure"] - one["right"]) for one in bins) / whole
        frame.set(
            xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal", xlabel="probability given", title=f"{label}: gap {gap:.3f}"
        )
    frames[0].set_ylabel("share that is right")
    return figure


def learning(pyplot: Any, found: Json, customer: Json) -> Any:
    """Accuracy by what was learnt: seed examples, confirmations on top of them, a new customer's own examples."""
    panels = 3 if customer else 2
    figure, frames = pyplot.subplots(1, panels, figsize=(3.4 * panels, 3.3), layout="constrained")
    for frame, (across, points) in zip(frames, found["curves"].items(), strict=False):
        for name, colour in zip(CURVES, COLOURS, strict=True):
            if name in points[0]:
                places, values = [one[across] for one in points], [one[name] for one in points]
                frame.plot(places, values, marker="o", markersize=3.5, color=colour, label=CURVES[name])
        frame.set_ylim(0.3, 1)
        frame.legend(loc="lower right")
    _doubling(frames[0], [one["examples"] for one in found["curves"]["examples"]])
    frames[0].set(title="seed corpus", xlabel="examples learnt", ylabel="accuracy")
    frames[1].set(title="a customer's confirmations", xlabel="confirmed, on top of the seed corpus")
    for colour, (name, points) in zip(COLOURS, customer.items(), strict=False):
        places = [one["examples"] for one in points]
        for who, dashes in (("ours", "-"), ("TF-IDF + LR", ":")):
            gains = [one[who] * 100 for one in points]
            frames[2].plot(places, gains, dashes, marker="o", markersize=3.5, color=colour, label=f"{name}, {who}")
    if customer:
        frames[2].legend(loc="best", fontsize=7)
        frames[2].set(
            title="a new customer, nothing else", xlabel="labelled examples", ylabel="points over the majority"
        )
    return figure


def _doubling(frame: Any, places: list[int]) -> None:
    frame.set_xscale("log", base=2)
    frame.set_xticks(places, [str(place) for place in places])
    frame.minorticks_off()


def confusion(pyplot: Any, found: Json) -> Any:
    """What was suggested for each true priority, by policy, the most severe first; shares of a row are shaded."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415 - see above

    shades = LinearSegmentedColormap.from_list("cells", CELLS)
    figure, frames = pyplot.subplots(2, 2, figsize=(8.6, 7.4), layout="constrained")
    for frame, (name, one) in zip(frames.flat, found["confusion"].items(), strict=True):
        counts, labels = one["counts"], one["labels"]
        shares = [[count / max(sum(row), 1) for count in row] for row in counts]
        frame.pcolormesh(shares, cmap=shades, vmin=0, vmax=1, edgecolors=PAPER, linewidth=1)
        for down, row in enumerate(counts):
            for across, count in enumerate(row):
                colour = ON_DARK if shares[down][across] > 0.5 else ON_LIGHT
                frame.text(across + 0.5, down + 0.5, str(count), ha="center", va="center", color=colour)
        ticks = [place + 0.5 for place in range(len(labels))]
        short = [label.split(" (")[0] for label in labels]
        frame.set_xticks(ticks, short, rotation=30, ha="right")
        frame.set_yticks(ticks, short)
        frame.set(title=name, xlabel="suggested", ylabel="true")
        frame.invert_yaxis()
        frame.set_aspect("equal")
    return figure


def tables(figures: Json) -> str:
    """Every part that was measured as a Markdown table."""
    told = []
    for part, title in PARTS.items():
        found = figures["parts"].get(part)
        if not found:
            continue
        told.append(f"### {title}\n")
        if found.get("quick"):
            told.append("*A quick run on a small part: these figures say only that it runs.*\n")
        told += ["| figure | ours | goal | | measured beside it | |", "|---|---|---|---|---|---|"]
        told += [_row(line) for line in found["lines"]]
        told.append(f"\n{ANCHORS[part]}.\n" if part in ANCHORS else "")
    versions = ", ".join(f"{name} {value}" for name, value in figures["versions"].items())
    return "\n".join([*told, f"Measured with {versions}."]) + "\n"


def _row(line: Json) -> str:
    goal = "" if line["goal"] is None else f"{'≤' if line['most'] else '≥'} {shown(line['goal'], line['unit'])}"
    rivals = " · ".join(f"{name} {shown(value, line['unit'])}" for name, value in line["rivals"].items())
    verdict = f"**{line['verdict'].lower()}**" if line["verdict"] == "MISSED" else line["verdict"]
    cells = (line["figure"], shown(line["ours"], line["unit"]), goal, verdict, rivals, line["note"])
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def written(card: str, figures: Json) -> str:
    """The model card with the tables of these figures between its markers."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{tables(figures)}\n{found[2]}", card)


def draw(figures: Json, folder: Path) -> list[Path]:
    """Every picture for which there are figures."""
    parts = {name: part["shown"] for name, part in figures["parts"].items()}
    seed = parts.get("seed", {})
    pyplot = plain_style()
    makers: dict[str, Callable[[], Any]] = {}
    if seed:
        makers |= {
            "reliability.svg": lambda: reliability(pyplot, seed),
            "confusion.svg": lambda: confusion(pyplot, seed),
        }
    if "curves" in seed:
        makers["learning.svg"] = lambda: learning(pyplot, seed, parts.get("customer", {}).get("customer", {}))
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in makers.items():
        figure = make()
        saved(figure, folder / name)
        pyplot.close(figure)
    return [folder / name for name in makers]


def main() -> int:
    """Draw and write."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FIGURES
    if not file.is_file():
        print(f"{file} is not there: make bench-classifier ARGS='--json {FIGURES.relative_to(ROOT)}'")
        return 2
    figures = json.loads(file.read_text(encoding="utf-8"))
    CARD.write_text(written(CARD.read_text(encoding="utf-8"), figures), encoding="utf-8")
    print(f"{CARD.relative_to(ROOT)}: {len(figures['parts'])} tables")
    try:
        drawn = draw(figures, FOLDER)
    except ModuleNotFoundError as error:
        print(f"no pictures: {error}")
        return 2
    for one in drawn:
        print(f"{one.relative_to(ROOT)}: {one.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
