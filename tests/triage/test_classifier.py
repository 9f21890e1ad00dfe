"""Artefacts: only the bytes that were recorded are loaded, and what comes out is a probability."""

import os
import random
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import joblib
import pytest
import sklearn

from models.errors import ArtefactRefused
from models.terms import Channel, LabelledRequest
from triage import classifier, facts, training
from triage.policy import load_packs

WORDS = ("north", "south", "east", "west", "rain", "wind", "sun", "snow", "sea", "hill", "road", "tree")


def test_a_request_is_ranked_with_probabilities(trained):
    """Types and levels of the policy get probabilities that sum to 1, and words of the text speak for them."""
    subject, body = "Production is down", "The production gateway does not answer and nobody can log in."
    ranked = classifier.load(trained.content, trained.digest).rank("wso2", subject, body, facts.read(subject, body))
    assert ranked.type is not None
    assert ranked.priority is not None
    assert sum(ranked.type.values()) == pytest.approx(1)
    assert sum(ranked.priority.values()) == pytest.approx(1)
    assert max(ranked.priority, key=lambda level: ranked.priority[level]) == "P1"
    assert ranked.words
    assert all(weight > 0 for _, weight in ranked.words)
    assert all(part in f"{subject} {body}".lower() for word, _ in ranked.words for part in word.split())


@pytest.mark.parametrize(
    "text", ["", " \n", "a" * 900_000, "\ud800\x00 \u0301" * 50_000, "category: P1 urgent " * 1000]
)
def test_any_text_is_ranked(trained, text: str):
    """Empty, endless and broken texts get probabilities as well."""
    ranked = classifier.load(trained.content, trained.digest).rank("wso2", text, text, ())
    assert sum(ranked.priority.values()) == pytest.approx(1)


def test_an_unknown_policy_is_not_ranked(trained):
    """A policy that training never saw has no probabilities, not wrong ones."""
    ranked = classifier.load(trained.content, trained.digest).rank("elsewhere", "a", "b", ())
    assert ranked == classifier.Ranked(type=None, priority=None, words=())


class Malicious:
    """Touches a file when unpickled."""

    def __init__(self, path: Path):
        """`path` is what it touches."""
        self.path = path

    def __reduce__(self):
        """What a pickle would run."""
        return (os.mkdir, (str(self.path),))


def test_foreign_bytes_are_refused_before_they_are_loaded(tmp_path: Path, trained):
    """A pickle that would run code is not opened, because its digest is not the recorded one."""
    buffer = BytesIO()
    joblib.dump(Malicious(tmp_path / "pwned"), buffer)
    with pytest.raises(ArtefactRefused):
        classifier.load(buffer.getvalue(), trained.digest)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("content", [b"", b"not a pickle"])
def test_half_a_file_is_refused(content: bytes):
    """A truncated artefact is a refusal, also where somebody recorded its digest."""
    with pytest.raises(ArtefactRefused):
        classifier.load(content, sha256(content).hexdigest())


def test_another_format_is_refused():
    """An artefact of another layout is refused, not guessed at."""
    buffer = BytesIO()
    joblib.dump({"format": classifier.FORMAT + 1}, buffer)
    with pytest.raises(ArtefactRefused, match="format"):
        classifier.load(buffer.getvalue(), sha256(buffer.getvalue()).hexdigest())


def test_another_scikit_learn_is_refused(monkeypatch, trained):
    """An artefact of another scikit-learn version is refused: its figures would not hold."""
    monkeypatch.setattr(sklearn, "__version__", "0.0.1")
    monkeypatch.setattr(sklearn.base, "__version__", "0.0.1")
    with pytest.raises(ArtefactRefused):
        classifier.load(trained.content, trained.digest)


def test_importing_triage_is_light():
    """A process that loads no artefact pays for no scikit-learn, joblib, numpy or SciPy."""
    program = (
        "import sys, triage.suggest, triage.training, triage.policy, triage.identity, triage.downgrade\n"
        "heavy = {'sklearn', 'joblib', 'numpy', 'scipy'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_example_is_not_changed_by_ranking(trained, examples):
    """Ranking the same request twice gives the same answer."""
    loaded = classifier.load(trained.content, trained.digest)
    one = replace(examples[0])
    assert loaded.rank("wso2", one.subject, one.body, ()) == loaded.rank("wso2", one.subject, one.body, ())


def test_how_much_of_a_text_is_known_is_told(trained):
    """All words of what training saw, none of another script's, and half of a mixture."""
    loaded = classifier.load(trained.content, trained.digest)
    known = {text: loaded.rank("wso2", "", text, ()).known for text in ("the gateway", "шлюз молчит", "gateway молчит")}
    assert known == {"the gateway": 1.0, "шлюз молчит": 0.0, "gateway молчит": 0.5}


def test_a_type_that_was_never_learnt_lends_no_floor(examples):
    """The floor is that of the levels, or of the types where no level was learnt."""
    pack = {"wso2": load_packs()["wso2"]}
    both = training.train(examples, pack)
    only_types = training.train([replace(one, priority=None) for one in examples], pack)
    floors = {label: head.floor for (_, label), head in joblib.load(BytesIO(both.content))["heads"].items()}
    assert floors["type"] != floors["priority"]
    assert classifier.load(both.content, both.digest).rank("wso2", "a", "b", ()).floor == floors["priority"]
    ranked = classifier.load(only_types.content, only_types.digest).rank("wso2", "a", "b", ())
    assert (ranked.priority, ranked.floor) == (None, floors["type"])


def test_a_confirmation_is_learnt_by_this_process_alone(trained):
    """Labels a person gave move the ranking at once; the artefact, and whoever else loaded it, stay as they are."""
    mine, other = (classifier.load(trained.content, trained.digest) for _ in range(2))
    text = ("wso2", "Export button", "The export in production is slow for many users.", ())
    before = mine.rank(*text)
    mine.learn(*text, given={"type": "query", "priority": "P4"})
    after = mine.rank(*text)
    assert after.type["query"] > before.type["query"]
    assert after.priority["P4"] > before.priority["P4"]
    assert other.rank(*text) == before
    assert (mine.id, classifier.load(trained.content, trained.digest).rank(*text)) == (other.id, before)


@pytest.mark.parametrize("given", [{}, {"type": None, "priority": None}, {"type": "nonsense", "priority": "S9"}])
def test_labels_it_does_not_know_are_not_learnt(trained, given):
    """A decision with a new label, or without one, changes nothing; neither does one of another policy."""
    mine = classifier.load(trained.content, trained.digest)
    before = mine.rank("wso2", "Outage", "It is down.", ())
    mine.learn("wso2", "Outage", "It is down.", (), given=given)
    mine.learn("elsewhere", "Outage", "It is down.", (), given={"type": "query", "priority": "P4"})
    assert mine.rank("wso2", "Outage", "It is down.", ()) == before


def test_what_a_head_declines_is_told_of_its_label():
    """Types that nothing in the text tells apart, and levels that a word does."""
    noise = random.Random(5)  # noqa: S311 - a fixed one
    rows = [
        LabelledRequest(
            id=f"noise-{number}",
            policy="wso2",
            channel=Channel.EMAIL,
            subject="",
            body=" ".join(noise.choices(WORDS, k=12)) + (" burning" if number % 2 else " gently"),
            type=noise.choices(["incident", "query"], [0.6, 0.4])[0],
            priority="P1" if number % 2 else "P4",
        )
        for number in range(80)
    ]
    found = training.train(rows, {"wso2": load_packs()["wso2"]})
    declines = classifier.load(found.content, found.digest).rank("wso2", "", "burning", ()).declines
    assert len(declines) == 1
    assert declines[0].startswith("type: right in ")
    assert "always saying 'incident'" in declines[0]
