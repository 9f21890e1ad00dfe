"""Features of one request by lookups: those that scikit-learn's fitted parts compute, whatever the text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from triage import fitting, gather
from triage.features import Row, row
from triage.gather import Gather

TEXTS = [
    ("gateway down", "the gateway is down", "down=full cue-urgent"),
    ("", "how do I rotate keys?", "question=yes"),
    ("", "das Gateway läuft nicht, größer wird's nimmer", ""),
    ("slow", "the the gateway -- slow (P1) at 08:15!", "cue-urgent cue-urgent+"),
    ("lock", f"a key, a lock, a key; the gateway is ΟΔΟΣ, and {'so on, ' * 70}and the gateway is slow", "down=full"),
]
ROWS = [row(*each) for each in TEXTS]
WORDS = sorted({word for each in ROWS for word in each.text.split()})
ODD = [
    "gate",
    "way",
    "GATEWAY",
    "İstanbul",
    "ß",
    "d\u0301own",
    "\ud800",
    "\x1c",
    "?",
    "…",
    "x" * 60,
    "x" * 61,
    ">",
    "Σ'",
]
TEXT = some.one_of(
    some.lists(some.one_of(some.sampled_from(WORDS), some.sampled_from(ODD), some.text(max_size=8)), max_size=12),
    some.lists(some.sampled_from([*WORDS, *ODD]), min_size=55, max_size=65),
).map(" ".join)
MARKS = some.lists(some.sampled_from(["down=full", "cue-urgent", "cue-urgent+", "question=yes", "other=no"])).map(
    " ".join
)
PARTS = {
    "all": ROWS,
    "without titles": [row("", body, seen) for _, body, seen in TEXTS],
    "without marks": [row(subject, body) for subject, body, _ in TEXTS],
    "marks alone": [row("", "", seen) for *_, seen in TEXTS],
    "one request": ROWS[:1],
}


@pytest.fixture(scope="module")
def fitted():
    """The features fitted on each selection of parts, and what looks them up."""
    found = {name: fitting.featured(rows)[0] for name, rows in PARTS.items()}
    return {name: (features, Gather(features)) for name, features in found.items()}


def computed(features, one: Row):
    """The features as scikit-learn computes them, dense."""
    values = features.transform(np.array([one], dtype=object))
    return np.asarray(values.todense() if hasattr(values, "todense") else values, dtype=float).ravel()


def looked_up(looker: Gather, one: Row):
    """The features as they are looked up, dense."""
    seen = looker.see(one)
    dense = np.zeros(looker.size)
    dense[seen.columns] = seen.values
    return dense


@pytest.mark.parametrize("name", sorted(PARTS))
@settings(max_examples=50)  # scikit-learn takes its time for a single request
@given(one=some.builds(row, TEXT, TEXT, MARKS))
def test_any_request_has_the_features_that_scikit_learn_computes(fitted, name: str, one: Row):
    """Empty, foreign, long, broken and repeated words, with every part and with some."""
    features, looker = fitted[name]
    assert looked_up(looker, one) == pytest.approx(computed(features, one), abs=1e-12)


@pytest.mark.parametrize("name", sorted(PARTS))
def test_what_it_was_fitted_on_has_the_features_it_was_fitted_with(fitted, name: str):
    """The values that taught a head are those it is asked with."""
    values = fitting.featured(PARTS[name])[1].toarray()
    for one, expected in zip(PARTS[name], values, strict=True):
        assert looked_up(fitted[name][1], one) == pytest.approx(expected, abs=1e-12)


def test_a_pair_half_of_which_is_beyond_the_opening_is_not_in_it(fitted):
    """The sixtieth word and the next are a pair of the text alone."""
    features, looker = fitted["all"]
    for before in (58, 59, 60):
        one = row("", "so " * before + "the gateway")
        assert looked_up(looker, one) == pytest.approx(computed(features, one), abs=1e-12)


def test_parts_that_teach_nothing_are_left_out():
    """No title, no mark, an opening that is all there is, or no word: the features are those of the rest, or none."""
    parts = {
        name: [] if (found := fitting.featured(rows)[0]) is None else [part[0] for part in found.transformers]
        for name, rows in PARTS.items()
    }
    assert parts["all"] == ["text", "title", "opening", "mark", "characters"]
    assert parts["without titles"] == ["text", "opening", "mark", "characters"]
    assert parts["without marks"] == ["text", "title", "opening", "characters"]
    assert parts["marks alone"] == ["mark"]
    short = fitting.featured([row("", "it is down"), row("", "it is slow")])[0]
    assert [part[0] for part in short.transformers] == ["text", "characters"]
    assert fitting.featured([Row("", "", "", "")] * 3) == (None, None)
    assert fitting.featured([]) == (None, None)


def test_columns_rise_and_no_value_is_missing(fitted):
    """One value a column, none of them nought: a head multiplies each once."""
    seen = fitted["all"][1].see(ROWS[3])
    assert (np.diff(seen.columns) > 0).all()
    assert len(seen.values) == len(seen.columns)
    assert (seen.values > 0).all()


def test_how_many_words_are_known_is_counted_word_by_word(fitted):
    """Repeated words count each time, pairs do not count, and an empty text knows nothing."""
    see = fitted["all"][1].see
    assert see(row("", "the the шлюз the")).known == 0.75
    assert see(row("GATEWAY", "")).known == 1.0
    assert see(row("", "the gateway is down, шлюз")).known == pytest.approx(5 / 6)
    assert see(row("", "", "down=full")).known == 0.0


def test_a_forgotten_word_is_looked_up_again(fitted, monkeypatch: pytest.MonkeyPatch):
    """When the memory of words is full it starts anew, and nothing changes."""
    features, remembering = fitted["all"]
    monkeypatch.setattr(gather, "REMEMBERED", 2)
    looker = Gather(features)
    assert looked_up(looker, ROWS[4]).tolist() == looked_up(remembering, ROWS[4]).tolist()
    assert len(looker._remembered) <= 2


def test_columns_of_words_have_names_and_others_have_none(fitted):
    """Words and pairs of text, title and opening by their column; characters, marks and mere signs are no words."""
    features, looker = fitted["all"]
    named = {}
    start = 0
    for name, part, _ in features.transformers_:
        for gram, column in part.vocabulary_.items():
            if looker.names[start + column]:
                assert looker.names[start + column] == gram
                named.setdefault(name, set()).add(gram)
        start += len(part.vocabulary_)
    assert len(looker.names) == looker.size == start
    assert named.keys() == {"text", "title", "opening"}
    assert named["title"] == {"gateway", "down", "gateway down", "slow", "lock"}
    assert {"the gateway", "is"} <= named["text"] & named["opening"]
    assert "," in features.named_transformers_["text"].vocabulary_
    assert "," not in named["text"]


@pytest.mark.parametrize(("name", "sees"), [("all", True), ("without marks", False)])
def test_marks_are_read_only_where_they_were_learnt(fitted, name: str, sees: bool):
    """Reading facts costs more than ranking: a classifier without marks does without."""
    assert fitted[name][1].sees_marks is sees
