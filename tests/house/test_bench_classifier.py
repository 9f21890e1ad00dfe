"""The benchmark of the classifier counts right, on tables small enough to count by hand."""

import importlib
import importlib.util
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from models.terms import Channel, Fact, LabelledRequest, Suggestion
from triage import figures
from triage.policy import load_packs

ROWS = [
    {"subject": f"{label} {at}", "body": "", "type": label, "source": "ab"[at % 2], "created": f"2026-01-{at + 1:02}"}
    for label, times in (("bug", 12), ("question", 8))
    for at in range(times)
]
PACK = load_packs()["wso2"]


@pytest.fixture
def bench(root: Path, monkeypatch: pytest.MonkeyPatch):
    """A module of the benchmark by name, as its script finds it."""
    monkeypatch.syspath_prepend(str(root / "bench"))
    return importlib.import_module


@pytest.fixture
def pictures(bench) -> ModuleType:
    """The script that draws the pictures and writes the card's tables."""
    return bench("pictures")


def shares(*each: float) -> list[dict[str, float]]:
    """Probabilities of S1, the rest for S2."""
    return [{"S1": one, "S2": 1 - one} for one in each]


def test_every_row_is_asked_once(bench):
    """Folds part the table: nothing is asked twice, nothing is taught and asked at once."""
    asked = []
    for parted in bench("_classifier_tables").folds(ROWS, "type", 4):
        assert not [row for row in parted.asked if row in parted.taught]
        assert len(parted.asked) + len(parted.taught) == len(ROWS)
        asked += [row["subject"] for row in parted.asked]
    assert sorted(asked) == sorted(row["subject"] for row in ROWS)


def test_folds_and_hold_outs_are_stratified(bench):
    """Each fold has its share of each label, and so has a hold-out."""
    tables = bench("_classifier_tables")
    for parted in [*tables.folds(ROWS, "type", 4), tables.held_out(ROWS, "type", 4)]:
        assert Counter(row["type"] for row in parted.asked) == {"bug": 3, "question": 2}


def test_a_sample_keeps_the_shares(bench):
    """Half of the rows are half of each label; without a size all are kept."""
    tables = bench("_classifier_tables")
    assert Counter(row["type"] for row in tables.sampled(ROWS, "type", 10)) == {"bug": 6, "question": 4}
    assert tables.sampled(ROWS, "type", None) == ROWS


def test_the_newest_quarter_of_each_project_is_asked(bench):
    """The newest rows by date are asked, and a row without a date counts as old."""
    dated = [{"source": "a", "created": f"2026-02-{day:02}"} for day in range(1, 8)] + [{"source": "a", "created": ""}]
    dated += [{"source": "b", "created": f"2020-01-0{day}"} for day in range(1, 5)]
    parted = bench("_classifier_tables").newest(dated, "source", "created", 4)
    assert [row["created"] for row in parted.asked] == ["2020-01-04", "2026-02-06", "2026-02-07"]
    assert len(parted.taught) == 9


def test_draws_differ_and_repeat(bench):
    """Another draw draws other rows, the same draw the same ones."""
    tables = bench("_classifier_tables")
    first, again, other = (tables.drawn(ROWS, 5, draw).taught for draw in (1, 1, 2))
    assert first == again != other
    assert len(first) == 5


def test_kappa_counted_by_label_is_kappa_counted_by_pair(bench):
    """The quick way gives what the plain definition gives."""
    rivals = bench("_classifier_rivals")
    truth, guesses = ["S1", "S2", "S3", "S3", "S2"], ["S1", "S3", "S3", "S1", "S2"]
    wanted = figures.kappa(truth, guesses, ["S1", "S2", "S3"])
    assert rivals.kappa(rivals.Answers(truth, guesses)) == pytest.approx(wanted)
    assert rivals.kappa(rivals.Answers(truth, truth)) == 1


def test_recall_of_several_labels_is_that_of_their_sum(bench):
    """Probabilities of the labels meant are added before requests are ranked."""
    rivals = bench("_classifier_rivals")
    told = [{"a": 0.3, "b": 0.3, "c": 0.4}, {"a": 0.5, "b": 0.0, "c": 0.5}, {"a": 0.1, "b": 0.1, "c": 0.8}]
    found = rivals.Answers(["a", "c", "b"], ["c", "a", "c"], told)
    both = frozenset("ab")
    assert rivals.recall(both, 1.0)(found) == 0.5
    assert rivals.recall(both, 0.6)(found) == 1.0


def test_who_is_always_as_sure_names_all_or_none(bench):
    """A constant probability cannot rank, whatever order the rows happen to have."""
    rivals = bench("_classifier_rivals")
    found = rivals.Answers(["S1", "S2", "S2", "S2"], ["S2"] * 4, shares(0.25, 0.25, 0.25, 0.25))
    assert rivals.recall(frozenset({"S1"}), 0.5)(found) == 0.0
    assert rivals.recall(frozenset({"S1"}), 0.25)(found) == 1.0


def test_the_last_of_a_project_is_the_truth_just_learnt(bench):
    """Each guess is the label of the request before in the same project, not in the file."""
    tables, rivals = bench("_classifier_tables"), bench("_classifier_rivals")
    rows = [{"source": source, "type": label} for source, label in zip("aabab", "xyxxz", strict=True)]
    found = rivals.last_of_project(tables.Parted(rows[:2], rows[2:]), "type")
    assert found.truth == ["x", "x", "z"]
    assert found.guesses == ["x", "y", "x"]


def test_baselines_guess_and_the_majority_is_the_commonest(bench):
    """Every baseline answers every row; the majority always says the same, as sure as it is common."""
    tables, rivals = bench("_classifier_tables"), bench("_classifier_rivals")
    parted = tables.held_out(ROWS, "type", 4)
    for rival in rivals.RIVALS.values():
        assert len(rival(parted, "type").guesses) == len(parted.asked)
    found = rivals.majority(parted, "type")
    assert set(found.guesses) == {"bug"}
    assert found.shares[0]["bug"] == pytest.approx(0.6)
    assert rivals.accuracy(found) == pytest.approx(0.6)


def test_a_verdict_is_met_missed_or_not_there(bench):
    """A goal is a least, or with `most` a limit; what could not be measured is neither met nor missed."""
    line = bench("_classifier_rows").Line
    assert line(part="p", figure="f", ours=0.8, goal=0.8).verdict == "met"
    assert line(part="p", figure="f", ours=0.79, goal=0.8).verdict == "MISSED"
    assert line(part="p", figure="f", ours=0.03, goal=0.02, most=True).verdict == "MISSED"
    assert line(part="p", figure="f", ours=None, goal=1.0).verdict == "not there"
    assert line(part="p", figure="f", ours=0.5).verdict == ""


def test_bins_hold_every_suggestion_once(bench):
    """Each bin tells how many, how sure on average and how often right."""
    rivals, seed = bench("_classifier_rivals"), bench("_classifier_seed")
    found = rivals.Answers(["S1", "S1", "S2"], ["S1", "S1", "S1"], shares(0.91, 0.99, 0.55))
    assert seed.bins(found) == [{"n": 1, "sure": 0.55, "right": 0.0}, {"n": 2, "sure": 0.95, "right": 1.0}]


def test_a_downgrade_without_its_span_is_counted(bench):
    """A rule that lowered the level by a fact read from text must show the words; a raise need not."""
    requests = bench("_classifier_requests")
    rule = next(one for one in PACK.rules if one.effect.move == "cap")
    milder = f"{PACK.levels[0].value}→{PACK.levels[1].value}"
    asked = rule.when.asks()[0]
    request = LabelledRequest(
        id="1", policy="wso2", channel=Channel.EMAIL, subject="", body="on staging", type=None, priority=None
    )

    def unproven(effect: str, span: tuple[int, int] | None) -> bool:
        fact = Fact(name=asked, value="yes", source="text", evidence="on staging" if span else "", span=span)
        said = suggestion(fact, rule.id, rule.clause, effect)
        return requests.unproven(PACK, request, said)

    assert unproven(milder, None)
    assert not unproven(milder, (0, 10))
    assert not unproven("→".join(reversed(milder.split("→"))), None)


def suggestion(fact: Fact, rule: str, clause: str, effect: str) -> Suggestion:
    """A suggestion of which only facts and rules matter."""
    terms = importlib.import_module("models.terms")
    said = terms.RuleResult(id=rule, clause=clause, verdict="applied", effect=effect)
    nothing = dict.fromkeys(
        ("abstained_because", "type", "priority", "priority_model", "priority_rule", "model", "language")
    )
    return Suggestion(policy="wso2", policy_digest="", abstained=False, set90=(), facts=(fact,), rules=(said,),
                      words=(), would_change=(), **nothing)  # fmt: skip


def test_one_text_is_never_taught_and_asked(bench):
    """A text that stands under two policies is in one fold, whole."""
    twice = [
        LabelledRequest(id=f"{policy}-{at}", policy=policy, channel=Channel.EMAIL, subject="", body=f"text {at}",
                        type="incident", priority="P1")
        for at in range(10)
        for policy in ("oro", "wso2")
    ]  # fmt: skip
    for taught, asked in bench("_classifier_seed").dealt_out(twice, 5):
        assert len(asked) == 4
        assert not {one.body for one in taught} & {one.body for one in asked}


def test_ways_of_writing_change_the_writing_only(bench):
    """Shouting and thanking add words, small letters and slips keep their number."""
    tone = bench("_classifier_tone")
    text = ("Orders fail", "Since nine o'clock, every order at the counter fails, and customers wait.")
    for way in tone.WAYS.values():
        assert way(text) != text
        assert way(text) == way(text)
    assert len(tone.mistyped(text)[1].split()) == len(text[1].split())
    assert Counter(tone.mistyped(text)[1]) == Counter(text[1])


def test_without_the_public_sets_nothing_is_measured(root: Path, tmp_path: Path):
    """One clear line and a good end."""
    argv = [sys.executable, str(root / "bench" / "classifier.py"), "--data", str(tmp_path)]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith(f"nothing measured: {tmp_path} lacks nlbse24, ")


def test_the_card_has_the_tables_of_its_figures(root: Path, pictures: ModuleType):
    """The model card is what `bench/pictures.py` would write."""
    card = pictures.CARD.read_text(encoding="utf-8")
    assert pictures.BLOCK.search(card)
    if not pictures.FIGURES.is_file():
        pytest.skip("docs/pictures/figures.json is not there yet: make pictures")
    known = json.loads(pictures.FIGURES.read_text(encoding="utf-8"))
    assert pictures.written(card, known) == card, "run: make pictures"


def test_pictures_are_the_same_each_time(pictures: ModuleType, tmp_path: Path):
    """The same figures give the same bytes, without a date."""
    pytest.importorskip("matplotlib", reason="pictures need matplotlib, the product does not")
    bins = [{"n": 9, "sure": 0.9, "right": 0.8}]
    point = {"unseen type": 0.5, "unseen priority": 0.4}
    shown = {
        "bins": {"type": bins, "priority": bins},
        "confusion": {name: {"labels": ["P1", "P2"], "counts": [[3, 1], [0, 4]]} for name in "abcd"},
        "curves": {"examples": [{"examples": 8} | point], "confirmed": [{"confirmed": 0} | point]},
    }
    known = {"parts": {"seed": {"shown": shown}}}
    first, second = (pictures.draw(known, tmp_path / name) for name in ("first", "second"))
    assert [one.name for one in first] == ["reliability.svg", "confusion.svg", "learning.svg"]
    assert [one.read_bytes() for one in first] == [one.read_bytes() for one in second]
    assert b"<dc:date>" not in first[0].read_bytes()
    assert b"prefers-color-scheme: dark" in first[0].read_bytes()
