"""The requests that the first classifier learns from: enough, varied, labelled in the policies' own words, invented."""

import importlib
import re
from collections import Counter, defaultdict
from pathlib import Path
from time import process_time

import pytest

from models.terms import LabelledRequest
from triage import facts, policy, training

LEAST = 1000
SHOWN = 20
"""Examples below which a classifier learns a word by heart, not what it means."""
SPOKEN = 100
JUDGED = 2
FEW = 0.01
INVENTED = re.compile(r"(?:[\w-]+\.)*(?:example(?:\.(?:com|org|net))?|invalid|test|localhost)", re.IGNORECASE)
ADDRESS = re.compile(r"[\w.+-]+@((?:[\w-]+\.)+[a-z]{2,})", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w+])(?:\+|00)[1-9][\d ().-]{7,}\d")
NOBODYS = re.compile(r"\+\d{1,3}\d{0,3}555\d+|\+44207946 ?0\d{3}|\+3319900\d{4}|\+3532091[0-9]\d{4}")
"""Numbers with 555, and those set aside for stories by Ofcom (020 7946 0xxx), Arcep (01 99 00) and ComReg (020 91x)."""
PACKS = policy.load_packs()


@pytest.fixture(scope="module")
def corpus() -> list[LabelledRequest]:
    """The seed corpus, one text once for each policy that judges it."""
    return training.seed_corpus()


@pytest.fixture(scope="module")
def texts(corpus: list[LabelledRequest]) -> dict[str, list[LabelledRequest]]:
    """The judgements of each text, by its id."""
    found = defaultdict(list)
    for each in corpus:
        found[each.id].append(each)
    return found


@pytest.fixture
def bench(root: Path, monkeypatch: pytest.MonkeyPatch):
    """The script that finds near-duplicates and gaps."""
    monkeypatch.syspath_prepend(str(root / "bench"))
    return importlib.import_module("corpus")


@pytest.mark.parametrize("pack", sorted(PACKS))
def test_every_policy_has_enough_examples(corpus: list[LabelledRequest], pack: str):
    """A thousand at least, by mail, by phone and by form."""
    mine = [each for each in corpus if each.policy == pack]
    assert len(mine) >= LEAST
    assert {"email", "phone", "portal"} == {each.channel for each in mine}


def test_every_label_is_one_of_the_policy_or_left_open(corpus: list[LabelledRequest]):
    """A type customers may raise, and a level; what a policy leaves open is empty, never a guess."""
    for each in corpus:
        pack = PACKS[each.policy]
        assert each.type in {None, *(kind.value for kind in pack.types if kind.inbound)}, each.id
        assert each.priority in {None, *(level.value for level in pack.levels)}, each.id
    open_types, open_levels = (sum(label is None for label in labels) for labels in labels_of(corpus))
    assert 0 < open_types < len(corpus) / 4
    assert 0 < open_levels < len(corpus) / 4


def labels_of(corpus: list[LabelledRequest]) -> tuple[list[str | None], list[str | None]]:
    """The types and the levels."""
    return [each.type for each in corpus], [each.priority for each in corpus]


@pytest.mark.parametrize("pack", sorted(PACKS))
def test_every_type_and_level_has_examples(corpus: list[LabelledRequest], pack: str):
    """Twenty at least: of what nobody shows it, a classifier learns nothing."""
    types, levels = map(Counter, labels_of([each for each in corpus if each.policy == pack]))
    assert not [kind.value for kind in PACKS[pack].types if kind.inbound and types[kind.value] < SHOWN]
    assert not [level.value for level in PACKS[pack].levels if levels[level.value] < SHOWN]


def test_texts_are_judged_by_several_policies(texts: dict[str, list[LabelledRequest]]):
    """The same words mean different things under different policies; only what no customer writes is judged once."""
    once = [judged[0] for judged in texts.values() if len(judged) < JUDGED]
    assert len(once) <= FEW * len(texts)
    assert {each.type for each in once} <= {None}


def test_every_policy_judges_some_text_otherwise_than_another(texts: dict[str, list[LabelledRequest]]):
    """A corpus that labels every text alike would need one policy only."""
    for one in PACKS:
        for other in PACKS:
            places = [
                {each.policy: PACKS[each.policy].severity(each.priority) for each in judged if each.priority}
                for judged in texts.values()
            ]
            both = [place for place in places if {one, other} <= place.keys()]
            assert one == other or any(place[one] != place[other] for place in both), (one, other)


def test_facts_have_values_the_rules_know(corpus: list[LabelledRequest]):
    """What the corpus states, a rule could ask for."""
    assert not {
        (each.id, name, value)
        for each in corpus
        for name, value in each.facts.items()
        if value not in facts.VOCABULARY.get(name, ())
    }


def test_ids_are_unique(corpus: list[LabelledRequest], bench):
    """An id names one text, which a policy judges once."""
    assert len({(each.id, each.policy) for each in corpus}) == len(corpus)
    assert not [name for name, times in Counter(text["id"] for text in bench.read()).items() if times > 1]


def test_no_two_texts_are_one_template(bench):
    """No pair shares half of its three-word sequences, and finding out takes seconds."""
    started = process_time()
    pairs = bench.alike(bench.read())
    assert pairs[0].share < bench.ALIKE
    assert process_time() - started < 10


def test_languages_are_many(bench):
    """German, French and Spanish by mail and by phone, beside English."""
    texts = bench.read()
    languages = Counter(text["language"] for text in texts)
    spoken = Counter(text["language"] for text in texts if text["channel"] == "phone")
    assert languages.keys() == set(bench.LANGUAGES)
    assert not [language for language in bench.LANGUAGES if languages[language] < SPOKEN or spoken[language] < SHOWN]


def test_people_and_places_are_invented(corpus: list[LabelledRequest]):
    """Mail addresses lie under names that belong to nobody (RFC 2606), phone numbers are nobody's."""
    said = {(each.id, f"{each.subject} {each.body}") for each in corpus}
    assert not {(name, host) for name, text in said for host in ADDRESS.findall(text) if not INVENTED.fullmatch(host)}
    numbers = {(name, "+" + re.sub(r"^00|\D", "", number)) for name, text in said for number in NUMBER.findall(text)}
    assert len(numbers) > SHOWN
    assert not {(name, number) for name, number in numbers if not NOBODYS.fullmatch(number)}


def text(name: str, body: str, **more: object) -> dict[str, object]:
    """A line of a corpus."""
    return {
        "id": name,
        "subject": "",
        "body": body,
        "language": "en",
        "channel": "email",
        "facts": {},
        "labels": {},
    } | more


def test_alike_is_the_share_of_three_words_in_a_row(bench):
    """By hand: of five sequences three are common; case and signs do not count; short texts have none."""
    found = bench.alike(
        [
            text("a", "the gateway is down again today"),
            text("b", "The gateway is down, again, maybe"),
            text("c", "quite another thing"),
            text("d", "is down"),
            text("e", "is down"),
        ]
    )
    assert found == [(pytest.approx(3 / 5), 0, 1)]


def test_a_text_that_is_there_twice_is_found_wherever_it_stands(bench):
    """Among three thousand others, in another order of title and body."""
    real = bench.read()
    copy = {**real[100], "subject": "", "body": f"{real[100]['subject']} {real[100]['body']}!"}
    found = bench.alike([*real, copy])
    assert found[0] == (pytest.approx(1.0), 100, len(real))


def test_gaps_are_told_by_value_language_and_channel(bench):
    """What is there is counted, what is missing is named, and a label left open is no gap."""
    pack = PACKS["wso2"]
    told = [
        text("a", "one", labels={"wso2": ["incident", None]}),
        text("b", "two", labels={"wso2": [None, "P1"]}, language="de", channel="phone"),
        text("c", "three", labels={"oro": ["bug", "P1"]}),
    ]
    kinds, levels = (bench.counted(told, pack, label) for label in (0, 1))
    assert kinds["incident"] == {("en", "email"): 1}
    assert kinds[bench.OPEN] == {("de", "phone"): 1}
    assert levels["P1"] == {("de", "phone"): 1}
    missing = bench.gaps(levels)
    assert ("P1", ("en", "email")) in missing
    assert ("P1", ("de", "phone")) not in missing
    assert len(missing) == len(pack.levels) * len(bench.CELLS) - 1


def test_facts_no_text_states_are_told(bench):
    """By name and value; all of them, where nothing is stated."""
    told = bench.unused([text("a", "one", facts={"workaround": "yes"})])
    assert "workaround=no" in told
    assert "workaround=yes" not in told
    assert len(told) == sum(map(len, facts.VOCABULARY.values())) - 1


def test_the_script_prints_both_and_ends_well(bench, capsys: pytest.CaptureFixture[str], monkeypatch):
    """Duplicates, every policy's counts, and facts never stated."""
    monkeypatch.setattr("sys.argv", ["corpus.py"])
    bench.main()
    told = capsys.readouterr().out
    assert "near-duplicates (at least 50% of their sequences of 3 words in common): 0" in told
    assert all(f"{pack} {label}" in told for pack in PACKS for label in ("type", "level"))
    assert "empty cells: " in told
    assert "never stated: " in told
