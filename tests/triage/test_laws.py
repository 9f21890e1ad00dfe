"""What holds of the rules of every pack, whatever is known: easing never worsens, doubt never eases."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from models.terms import Fact
from triage import alternatives, downgrade, facts, suggest, training
from triage.classifier import Ranked
from triage.facts import VOCABULARY
from triage.policy import Policy, load_packs

PACKS = load_packs()
packs = some.sampled_from(sorted(PACKS.values(), key=lambda pack: pack.id))
sources = some.sampled_from(["text", "caller", "engineer"])
known_facts = some.fixed_dictionaries(
    {},
    optional={name: some.tuples(some.sampled_from(sorted(values)), sources) for name, values in VOCABULARY.items()},
).map(lambda drawn: tuple(Fact(name=name, value=value, source=source) for name, (value, source) in drawn.items()))


complete_facts = some.fixed_dictionaries(
    {name: some.sampled_from(sorted(VOCABULARY[name])) for name in VOCABULARY}
).map(lambda drawn: tuple(Fact(name=name, value=value, source="engineer") for name, value in drawn.items()))


def only(pack: Policy, *moves: str) -> Policy:
    """The pack with no other rules than those of these moves."""
    return replace(pack, rules=tuple(rule for rule in pack.rules if rule.effect.move in moves))


def shares(drawn: some.DataObject, values: list[str]) -> dict[str, float]:
    """A probability for each value."""
    weights = {value: drawn.draw(some.floats(0.01, 1)) for value in values}
    return {value: weight / sum(weights.values()) for value, weight in weights.items()}


def levels(pack: Policy) -> list[str]:
    """The pack's levels, the most severe first."""
    return [one.value for one in pack.levels]


def kinds(pack: Policy) -> list[str]:
    """The types a customer may raise."""
    return [one.value for one in pack.types if one.inbound]


def severe(pack: Policy, probabilities: Mapping[str, float]) -> list[float]:
    """For each level, how likely the request is at least so severe."""
    order = levels(pack)
    return [sum(probabilities[level] for level in order[: place + 1]) for place in range(len(order))]


def applied(judged: downgrade.Judged) -> set[str]:
    """The rules that applied."""
    return {one.id for one in judged.results if one.verdict == downgrade.APPLIED}


def without(known: tuple[Fact, ...], drawn: some.DataObject) -> tuple[Fact, ...]:
    """The facts, some of them forgotten."""
    return tuple(fact for fact in known if drawn.draw(some.booleans()))


@given(pack=packs, known=known_facts, drawn=some.data())
def test_a_downgrade_never_worsens(pack: Policy, known: tuple[Fact, ...], drawn: some.DataObject):
    """Whatever eases: for every level, the request is no likelier to be at least so severe than before."""
    start = shares(drawn, levels(pack))
    kind = drawn.draw(some.sampled_from([None, *kinds(pack)]))
    judged = downgrade.judge_level(only(pack, "cap"), known, kind, start)
    pairs = zip(severe(pack, judged.probabilities), severe(pack, start), strict=True)
    assert all(after <= before + 1e-9 for after, before in pairs)


@given(pack=packs, known=known_facts, drawn=some.data())
def test_what_applies_with_less_known_applies_with_more(pack: Policy, known: tuple[Fact, ...], drawn: some.DataObject):
    """Kleene: learning a fact settles open questions and never unsettles an answer, for types and levels alike."""
    fewer = without(known, drawn)
    kind = drawn.draw(some.sampled_from([None, *kinds(pack)]))
    start, types = shares(drawn, levels(pack)), shares(drawn, kinds(pack))
    assert applied(downgrade.judge_level(pack, fewer, kind, start)) <= applied(
        downgrade.judge_level(pack, known, kind, start)
    )
    assert applied(downgrade.judge_type(pack, fewer, types)) <= applied(downgrade.judge_type(pack, known, types))


@given(pack=packs, known=complete_facts, drawn=some.data())
def test_an_unknown_fact_never_lowers(pack: Policy, known: tuple[Fact, ...], drawn: some.DataObject):
    """A fact forgotten, or several, or the type: whatever eases gives no milder level than it does with them."""
    start, kind = shares(drawn, levels(pack)), drawn.draw(some.sampled_from(kinds(pack)))
    easing = only(pack, "cap")
    full = downgrade.judge_level(easing, known, kind, start)
    forgotten = drawn.draw(some.sets(some.sampled_from(sorted(VOCABULARY)), min_size=1))
    fewer = tuple(fact for fact in known if fact.name not in forgotten)
    less = downgrade.judge_level(easing, fewer, drawn.draw(some.sampled_from([None, kind])), start)
    pairs = zip(severe(pack, less.probabilities), severe(pack, full.probabilities), strict=True)
    assert all(unknown >= answered - 1e-9 for unknown, answered in pairs)


@given(pack=packs, name=some.sampled_from(sorted(VOCABULARY)), drawn=some.data())
def test_a_level_is_not_eased_by_what_is_not_known(pack: Policy, name: str, drawn: some.DataObject):
    """One fact alone, called unknown: no level moves at all, for no rule holds."""
    start = shares(drawn, levels(pack))
    nothing = suggest.merged((), (Fact(name=name, value=suggest.UNKNOWN, source="engineer"),))
    assert downgrade.judge_level(pack, nothing, None, start).probabilities == pytest.approx(start)


@given(pack=packs, known=known_facts, drawn=some.data())
def test_a_fact_called_unknown_is_a_fact_nobody_stated(pack: Policy, known: tuple[Fact, ...], drawn: some.DataObject):
    """An engineer who takes back what a text says leaves what would be there without those words."""
    names = sorted({fact.name for fact in known}) or ["workaround"]
    name = drawn.draw(some.sampled_from(names))
    taken_back = suggest.merged(known, (Fact(name=name, value=suggest.UNKNOWN, source="engineer"),))
    start = shares(drawn, levels(pack))
    never = tuple(fact for fact in known if fact.name != name)
    assert downgrade.judge_level(pack, taken_back, None, start) == downgrade.judge_level(pack, never, None, start)


@given(pack=packs, known=known_facts, drawn=some.data(), shuffle=some.randoms(use_true_random=False))
def test_the_order_of_the_rules_of_one_move_does_not_matter(
    pack: Policy, known: tuple[Fact, ...], drawn: some.DataObject, shuffle
):
    """Moves come in their own order; within one, a pack may list its rules as it likes."""
    rules = list(pack.rules)
    shuffle.shuffle(rules)
    start, kind = shares(drawn, levels(pack)), drawn.draw(some.sampled_from([None, *kinds(pack)]))
    one = downgrade.judge_level(pack, known, kind, start)
    other = downgrade.judge_level(replace(pack, rules=tuple(rules)), known, kind, start)
    assert other.probabilities == pytest.approx(one.probabilities)
    assert applied(other) == applied(one)


def test_a_rule_for_certain_levels_means_the_level_the_request_came_with():
    """Parallels: with a workaround Severity 1 becomes 3, though faulty hardware alone makes it 2, in any order."""
    pack = PACKS["parallels"]
    known = tuple(
        Fact(name=name, value="yes", source="engineer")
        for name in ("workaround", "hardware_at_fault", "hardware_failure")
    )
    start = {level: float(level == "1") for level in levels(pack)}
    for rules in (pack.rules, pack.rules[::-1]):
        judged = downgrade.judge_level(replace(pack, rules=rules), known, None, start)
        assert downgrade.chosen(pack, judged.probabilities) == "3"


@given(pack=packs, known=known_facts, shuffle=some.randoms(use_true_random=False), drawn=some.data())
def test_the_order_of_the_facts_does_not_matter(pack: Policy, known: tuple[Fact, ...], shuffle, drawn: some.DataObject):
    """Rules ask by name."""
    shuffled = list(known)
    shuffle.shuffle(shuffled)
    start, types = shares(drawn, levels(pack)), shares(drawn, kinds(pack))
    assert downgrade.judge_level(pack, tuple(shuffled), None, start) == downgrade.judge_level(pack, known, None, start)
    assert downgrade.judge_type(pack, tuple(shuffled), types) == downgrade.judge_type(pack, known, types)


def drawn_kinds(drawn: some.DataObject, pack: Policy) -> dict[str | None, float]:
    """How likely each type is."""
    return dict(shares(drawn, kinds(pack)))


def plainly(by_kind: Mapping[str | None, float], judged: Mapping[str | None, Mapping[str, float]]) -> dict[str, float]:
    """The levels mixed by how likely the types are, and by nothing else."""
    names = next(iter(judged.values()))
    return {level: sum(share * judged[kind][level] for kind, share in by_kind.items()) for level in names}


@given(pack=packs, known=known_facts, drawn=some.data())
def test_a_mixture_lies_between_the_types_it_mixes(pack: Policy, known: tuple[Fact, ...], drawn: some.DataObject):
    """Never milder than the mildest type's rules make it, nor more severe than the most severe one's."""
    start, by_kind = shares(drawn, levels(pack)), drawn_kinds(drawn, pack)
    judged = {kind: downgrade.judge_level(pack, known, kind, start).probabilities for kind in by_kind}
    mixture = alternatives.mixed(start, by_kind, judged)
    assert sum(mixture.values()) == pytest.approx(1)
    for place, reached in enumerate(severe(pack, mixture)):
        each = [severe(pack, one)[place] for one in judged.values()]
        assert min(each) - 1e-9 <= reached <= max(each) + 1e-9


@given(pack=packs, drawn=some.data())
def test_types_that_agree_alike_count_by_their_likelihood(pack: Policy, drawn: some.DataObject):
    """Where no type's rules move anything, mixing changes nothing; nor does it where there is a single type."""
    start, by_kind = shares(drawn, levels(pack)), drawn_kinds(drawn, pack)
    assert alternatives.mixed(start, by_kind, dict.fromkeys(by_kind, start)) == pytest.approx(start)
    moved = shares(drawn, levels(pack))
    assert alternatives.mixed(start, {"one": 1.0}, {"one": moved}) == pytest.approx(moved)


@given(pack=packs, known=known_facts, share=some.floats(0.01, 0.99), drawn=some.data())
def test_a_type_whose_rules_ease_against_the_text_counts_less_than_its_likelihood(
    pack: Policy, known: tuple[Fact, ...], share: float, drawn: some.DataObject
):
    """Beside a type that leaves the levels alone, easing never lowers more than the types' likelihoods would."""
    start = shares(drawn, levels(pack))
    kind = drawn.draw(some.sampled_from(kinds(pack)))
    eased = downgrade.judge_level(only(pack, "cap"), known, kind, start).probabilities
    by_kind, judged = {"leaves": 1 - share, "eases": share}, {"leaves": start, "eases": eased}
    mixture, plain = alternatives.mixed(start, by_kind, judged), plainly(by_kind, judged)
    pairs = zip(severe(pack, mixture), severe(pack, plain), strict=True)
    assert all(reached >= likely - 1e-9 for reached, likely in pairs)


@pytest.mark.parametrize(
    ("eased", "p4"),
    [
        ({"P1": 0.8, "P4": 0.2}, 0.2),
        ({"P1": 0.0, "P4": 1.0}, (0.5 * 0.2 + 0.5 * 0.2 * 1.0) / (0.5 + 0.5 * 0.2)),
        ({"P1": 0.4, "P4": 0.6}, (0.5 * 0.2 + 0.5 * 0.6 * 0.6) / (0.5 + 0.5 * 0.6)),
    ],
)
def test_mixing_by_hand(eased: dict[str, float], p4: float):
    """Two types as likely as each other: the second counts by the share of the text's view that its rules leave."""
    start = {"P1": 0.8, "P4": 0.2}
    mixture = alternatives.mixed(start, {"incident": 0.5, "query": 0.5}, {"incident": start, "query": eased})
    assert mixture["P4"] == pytest.approx(p4)


def test_types_that_all_contradict_the_text_still_count_by_their_likelihood():
    """A text that is sure of what every type's rules exclude is no division by nought."""
    judged = {"one": {"P1": 0.0, "P2": 1.0, "P3": 0.0}, "other": {"P1": 0.0, "P2": 0.0, "P3": 1.0}}
    mixture = alternatives.mixed({"P1": 1.0, "P2": 0.0, "P3": 0.0}, {"one": 0.7, "other": 0.3}, judged)
    assert mixture == pytest.approx({"P1": 0.0, "P2": 0.7, "P3": 0.3})


@given(pack=packs, known=known_facts, drawn=some.data(), ranks=some.booleans())
def test_what_is_suggested_is_believed_and_costs_least(
    pack: Policy, known: tuple[Fact, ...], drawn: some.DataObject, ranks: bool
):
    """It has a fifth of the probability or the most of it, and of such levels none costs less to be wrong with."""
    order = levels(pack)
    types = shares(drawn, kinds(pack))
    ranked = Ranked(type=types if ranks else None, priority=shares(drawn, order), words=())
    found = suggest._levels(pack, known, ranked, downgrade.judge_type(pack, known, types).probabilities).probabilities
    said = downgrade.chosen(pack, found) or ""
    believed = [level for level in order if found[level] >= min(downgrade.BELIEVED, max(found.values()))]
    costs = {
        level: sum(found[true] * (2.5 * (at - place) if place < at else place - at) for place, true in enumerate(order))
        for at, level in enumerate(order)
    }
    assert said in believed
    assert costs[said] <= min(costs[level] for level in believed) + 1e-9


def tried_one_by_one(
    pack: Policy, known: tuple[Fact, ...], ranked: Ranked, types: Mapping[str, float], now: str | None
) -> list[dict[str, str]]:
    """Every fact with every other value, the whole judged anew for each."""
    held = {fact.name: fact.value for fact in known}
    asked = dict.fromkeys(name for rule in pack.rules for name in rule.when.asks() if name in VOCABULARY)
    found = []
    for name in asked:
        for value in sorted(VOCABULARY[name] - {held.get(name, "")}):
            flipped = suggest.merged(known, (Fact(name=name, value=value, source="engineer"),))
            other = downgrade.chosen(pack, suggest._levels(pack, flipped, ranked, types).probabilities)
            if other and other != now:
                found.append({"fact": name, "value": value, "priority": other})
    return found[: suggest.MAX_CHANGES]


def assert_alternatives(pack: Policy, known: tuple[Fact, ...], ranked: Ranked) -> None:
    """The short way to what would change comes to what the long way does."""
    even = {one.value: 1 / len(pack.types) for one in pack.types}
    types = downgrade.judge_type(pack, known, ranked.type or even).probabilities
    judged = suggest._levels(pack, known, ranked, types)
    expected = tried_one_by_one(pack, known, ranked, types, downgrade.chosen(pack, judged.probabilities))
    assert list(suggest._would_change(pack, known, ranked, types, judged)) == expected


@given(pack=packs, known=known_facts, drawn=some.data(), ranks=some.booleans())
def test_what_would_change_is_what_changes(pack: Policy, known: tuple[Fact, ...], drawn: some.DataObject, ranks: bool):
    """Asking only the rules concerned gives what judging everything anew gives, with a classifier and without."""
    ranked = Ranked(
        type=shares(drawn, [one.value for one in pack.types]) if ranks else None,
        priority=shares(drawn, levels(pack)) if ranks else None,
        words=(),
    )
    assert_alternatives(pack, known, ranked)


def test_what_would_change_is_what_changes_for_real_texts():
    """The same for texts of the seed corpus, each under its own policy."""
    for one in training.seed_corpus()[::250]:
        pack = PACKS[one.policy]
        labels = {level: 0.7 if level == one.priority else 0.3 / (len(pack.levels) - 1) for level in levels(pack)}
        ranked = Ranked(type={kind: 1 / len(kinds(pack)) for kind in kinds(pack)}, priority=labels, words=())
        assert_alternatives(pack, facts.read(one.subject, one.body), ranked)
