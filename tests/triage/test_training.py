"""Training: the same data gives the same bytes, and figures say how good they are."""

import random
import subprocess
import sys
from dataclasses import replace

import pytest

from triage import classifier, training
from triage.lessons import lesson
from triage.policy import load_packs

PACKS = load_packs()


def test_the_seed_corpus_teaches_every_policy_both_labels():
    """One text is an example for each policy that its author judged it by, and a label left open teaches nothing."""
    corpus = training.seed_corpus()
    assert len({(one.id, one.policy) for one in corpus}) == len(corpus) > 2 * len({one.id for one in corpus})
    assert None in {one.type for one in corpus}
    for pack in PACKS.values():
        kinds, levels = (lesson(corpus, pack, label) for label in ("type", "priority"))
        assert set(kinds.labels[: kinds.own]) == {kind.value for kind in pack.types if kind.inbound}
        assert set(levels.labels[: levels.own]) == {level.value for level in pack.levels}


def test_the_same_examples_give_the_same_artefact(examples, trained):
    """Order does not matter: digest, id and fingerprint are those of the data."""
    shuffled = list(examples)
    random.Random(7).shuffle(shuffled)  # noqa: S311 - any other order will do
    again = training.train(shuffled, {"wso2": PACKS["wso2"]})
    assert (again.digest, again.id, again.fingerprint) == (trained.digest, trained.id, trained.fingerprint)


def test_another_process_gives_the_same_artefact(trained):
    """The digest does not hang on a process's hash seed."""
    program = (
        "import sys; sys.path.insert(0, 'tests/triage')\n"
        "import conftest; from triage import training\n"
        "examples = conftest.examples.__wrapped__()\n"
        "print(training.train(examples, {'wso2': conftest.load_packs()['wso2']}).digest)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == trained.digest


def test_another_example_gives_another_artefact(examples, trained):
    """Changed data is seen in the fingerprint."""
    changed = [replace(examples[0], priority="P2"), *examples[1:]]
    assert training.fingerprint(changed) != trained.fingerprint


def test_foreign_labels_are_left_out(examples):
    """Examples of unknown policies and unknown labels do not stop the training."""
    odd = [replace(examples[0], id="odd", type="nonsense"), replace(examples[1], id="far", policy="elsewhere")]
    found = training.train([*examples, *odd], {"wso2": PACKS["wso2"]})
    ranked = classifier.load(found.content, found.digest).rank("wso2", "a", "b", ())
    assert ranked.type is not None
    assert "nonsense" not in ranked.type


def test_a_new_policy_learns_from_those_it_is_like(examples):
    """A policy without examples ranks what its `like` borrows, and has no figures of its own."""
    found = training.train(examples, PACKS)
    ranked = classifier.load(found.content, found.digest).rank(
        "parallels", "Production is down", "Nobody can log in.", ()
    )
    assert ranked.priority is not None
    assert max(ranked.priority, key=lambda level: ranked.priority[level]) == "1"
    assert found.metrics["policies"]["parallels"] == {}


def test_one_label_is_no_choice(examples):
    """A policy with a single type is ranked without a model; a policy without examples is not ranked."""
    alike = [replace(one, policy="parallels", type="incident", priority="1") for one in examples]
    found = training.train(alike, PACKS)
    loaded = classifier.load(found.content, found.digest)
    assert loaded.rank("parallels", "a", "b", ()).type == {"incident": 1.0}
    assert loaded.rank("oro", "a", "b", ()).type is None


def test_nothing_to_learn_gives_an_empty_artefact():
    """Without examples there is an artefact that has learnt nothing."""
    found = training.train([], PACKS)
    assert classifier.load(found.content, found.digest).rank("wso2", "a", "b", ()).priority is None


def test_a_label_left_open_teaches_nothing(examples):
    """A request without a type still teaches its level, and the other way round."""
    pack = {"wso2": PACKS["wso2"]}
    levels = training.train([replace(one, type=None) for one in examples], pack)
    ranked = classifier.load(levels.content, levels.digest).rank("wso2", "Outage", "Production is down.", ())
    assert ranked.type is None
    assert ranked.priority is not None
    assert levels.metrics["policies"]["wso2"].keys() == {"priority"}


def test_one_text_under_several_policies_is_one_row_of_features(examples, trained):
    """The same texts judged by a second policy change nothing of what the first one learns."""
    twice = [*examples, *(replace(one, policy="oro", type="bug", priority="P3") for one in examples)]
    found = training.train(twice, {"wso2": PACKS["wso2"], "oro": PACKS["oro"]})
    one, other = (classifier.load(each.content, each.digest) for each in (trained, found))
    text = ("wso2", "Outage", "The production gateway is down for all.", ())
    assert other.rank(*text) == one.rank(*text)


def test_progress_reaches_the_end(examples):
    """Whoever watches sees every step done."""
    seen = []
    training.train(examples[:6], {"wso2": PACKS["wso2"]}, progress=lambda done, whole: seen.append((done, whole)))
    assert seen[-1][0] == seen[-1][1] == len(seen)


def test_figures_are_those_of_the_examples(examples, trained):
    """Evaluating on what was learnt finds almost all right; the artefact's own figures are out of fold."""
    found = training.evaluate(classifier.load(trained.content, trained.digest), examples, {"wso2": PACKS["wso2"]})
    assert found["n"] == len(examples)
    assert found["accuracy"] > 0.9
    assert found["policies"]["wso2"]["type"]["n"] == len(examples)
    assert set(found) == set(trained.metrics)


@pytest.mark.parametrize(
    ("candidate", "told"),
    [
        ({"accuracy": 0.9, "macro_f1": 0.8}, None),
        ({"accuracy": 0.895, "macro_f1": 0.8}, None),
        ({"accuracy": 0.8, "macro_f1": 0.8}, "accuracy 0.800"),
        ({"accuracy": 0.9, "macro_f1": 0.7}, "macro_f1 0.700"),
    ],
)
def test_a_worse_candidate_is_told(candidate: dict[str, float], told: str | None):
    """A candidate that lost more than a point is worse, and the reason names the figure."""
    reason = training.is_worse(candidate, {"accuracy": 0.9, "macro_f1": 0.8})
    assert (reason is None) if told is None else told in str(reason)
