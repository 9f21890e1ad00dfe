"""Artefacts: only the bytes that were recorded are loaded, and what comes out is a probability."""

import os
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
from triage import classifier, facts, fitting, head


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


@pytest.mark.parametrize("marks", ["cue:down cue:all", ""])
def test_features_are_those_of_the_fitted_transformer(marks):
    """Its parts asked one by one, with their weights, with marks and without."""
    rows = [("gateway down since nine", marks), ("how do I rotate keys", marks), ("gateway slow today", marks)]
    features, values = fitting.featured(head.table(rows))
    assert (head.found(features, rows) != values).nnz == 0
