"""Rules over three values: what they move, what they leave alone, and what they say about it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from models.terms import Fact, RuleResult
from triage import downgrade
from triage.facts import VOCABULARY
from triage.policy import Policy, load_packs

PACKS = load_packs()


def stated(**values: str) -> tuple[Fact, ...]:
    """Facts an engineer stated."""
    return tuple(Fact(name=name, value=value, source="engineer") for name, value in values.items())


def level(policy: str, start: str, kind: str | None = None, **values: str) -> str | None:
    """The level to suggest after the rules, where the classifier was sure of `start`."""
    pack = PACKS[policy]
    shares = {one.value: float(one.value == start) for one in pack.levels}
    return downgrade.chosen(pack, downgrade.judge_level(pack, stated(**values), kind, shares).probabilities)


def result(policy: str, rule: str, **values: str) -> RuleResult:
    """What one level rule said, where the classifier was sure of the most severe level."""
    pack = PACKS[policy]
    shares = {one.value: float(one is pack.levels[0]) for one in pack.levels}
    judged = downgrade.judge_level(pack, stated(**values), None, shares)
    return next(one for one in judged.results if one.id == rule)


@pytest.mark.parametrize(
    ("policy", "start", "facts", "after"),
    [
        ("wso2", "P1", {"workaround": "yes"}, "P2"),
        ("wso2", "P1", {"workaround": "easy"}, "P3"),
        ("wso2", "P1", {"workaround": "no"}, "P1"),
        ("wso2", "P1", {}, "P1"),
        ("wso2", "P2", {"documentation": "yes"}, "P4"),
        ("parallels", "1", {"workaround": "yes"}, "3"),
        ("parallels", "2", {"workaround": "yes"}, "2"),
        ("parallels", "2", {"workaround": "yes", "stabilised": "yes"}, "3"),
        ("parallels", "2", {"workaround": "stable"}, "3"),
        ("parallels", "1", {"environment": "staging"}, "3"),
        ("parallels", "1", {"intermittent": "yes"}, "3"),
        ("parallels", "2", {"reproducible": "no"}, "3"),
        ("parallels", "4", {"intermittent": "yes"}, "4"),
        ("parallels", "1", {"hardware_failure": "yes"}, "2"),
        ("parallels", "1", {"unreachable": "yes"}, "1"),
        ("parallels", "3", {"environment": "production", "down": "full", "workaround": "no", "scope": "all"}, "1"),
        ("parallels", "3", {"environment": "production", "down": "full", "workaround": "no"}, "3"),
        ("parallels", "1", {"environment": "production", "down": "full", "workaround": "no", "scope": "some"}, "3"),
        ("parallels", "3", {"environment": "production", "down": "full"}, "3"),
        ("oro", "P1", {"workaround": "yes"}, "P2"),
        ("oro", "P4", {"enhancement": "yes"}, "ER"),
        ("oro", "P3", {"environment": "production", "down": "full", "workaround": "no"}, "P1"),
        ("witboost", "P1", {"cosmetic": "yes"}, "P3"),
    ],
)
def test_each_policy_eases_by_its_own_notes(policy: str, start: str, facts: dict[str, str], after: str):
    """The same fact has another effect under another policy, and an unknown fact has none."""
    assert level(policy, start, **facts) == after


@pytest.mark.parametrize(
    ("policy", "start", "facts", "after"),
    [
        ("oro", "P4", {"data_loss": "yes", "workaround": "no", "down": "full"}, "P1"),
        ("oro", "P4", {"data_loss": "yes", "workaround": "no"}, "P2"),
        ("oro", "P4", {"data_loss": "no", "workaround": "no"}, "P4"),
        ("oro", "P4", {"data_loss": "risk"}, "P2"),
        ("oro", "P4", {"capacity_reduced": "yes"}, "P2"),
        ("oro", "P4", {"functionality_lost": "critical", "workaround": "no"}, "P1"),
        ("oro", "P4", {"functionality_lost": "critical"}, "P2"),
        ("oro", "P4", {"functionality_lost": "critical", "workaround": "yes"}, "P2"),
        ("parallels", "4", {"hardware_failure": "yes", "recovery_wanted": "yes"}, "2"),
        ("parallels", "4", {"hardware_failure": "yes", "recovery_wanted": "no"}, "4"),
        ("parallels", "4", {"functionality_lost": "component", "scope": "many"}, "2"),
        ("parallels", "4", {"functionality_lost": "component", "scope": "one"}, "4"),
        ("parallels", "3", {"after_restore": "yes", "functionality_lost": "partial", "scope": "all"}, "3"),
        ("wso2", "P3", {"milestone_at_risk": "yes"}, "P2"),
        ("wso2", "P3", {"milestone_at_risk": "no"}, "P3"),
        ("wso2", "P3", {"data_loss": "risk", "workaround": "no"}, "P2"),
        ("wso2", "P3", {"data_loss": "risk", "workaround": "no", "business_critical": "yes"}, "P1"),
        ("wso2", "P3", {"business_impact": "severe", "workaround": "no"}, "P1"),
        ("wso2", "P3", {"business_impact": "severe"}, "P3"),
    ],
)
def test_a_rule_raises_only_where_all_that_its_sentence_asks_is_stated(
    policy: str, start: str, facts: dict[str, str], after: str
):
    """Of a sentence with several conditions no single one raises: a false alarm costs a night."""
    kind = {"oro": "bug", "parallels": "incident", "wso2": "incident"}[policy]
    assert level(policy, start, kind, environment="production", **facts) == after


@pytest.mark.parametrize("name", ["managed_by_vendor", "in_architecture"])
def test_what_an_account_states_is_as_good_as_an_engineers_word(name: str):
    """WSO2: hosting incidents are for what is managed, as agreed; an account's record moves all of the probability."""
    known = (Fact(name=name, value="no", source="account"),)
    judged = downgrade.judge_type(PACKS["wso2"], known, {"hosting-incident": 0.8, "incident": 0.2})
    assert judged.probabilities == pytest.approx({"hosting-incident": 0.0, "incident": 1.0})


def test_a_hosting_incident_needs_all_four_of_its_grounds():
    """WSO2: managed here, as agreed, not the product's fault, and down in production."""
    grounds = {"managed_by_vendor": "yes", "in_architecture": "yes", "product_fault": "no", "down": "partial"}
    shares = {"incident": 0.7, "hosting-incident": 0.1, "query": 0.2}
    judged = downgrade.judge_type(PACKS["wso2"], stated(environment="production", **grounds), shares)
    assert downgrade.top(judged.probabilities) == "hosting-incident"
    for left_out in grounds:
        fewer = {name: value for name, value in grounds.items() if name != left_out}
        rules = downgrade.judge_type(PACKS["wso2"], stated(environment="production", **fewer), shares).results
        assert next(one.verdict for one in rules if one.id == "hosting-not-product") == "unknown"


def test_other_types_are_answered_like_p4():
    """WSO2 answers queries, bugs and tasks as it answers Low P4, whatever the classifier thinks."""
    assert level("wso2", "P1", "query") == "P4"
    assert level("wso2", "P1", "incident") == "P1"


def test_get_it_help_has_no_clock():
    """Witboost's times are for incidents and bugs only."""
    assert level("witboost", "P1", "it-help") == "P3"


def test_an_incident_outside_production_is_none():
    """WSO2: incident types are for the live production environment only."""
    shares = {"incident": 0.7, "hosting-incident": 0.1, "bug": 0.2, "query": 0.0, "task": 0.0, "announcement": 0.0}
    judged = downgrade.judge_type(PACKS["wso2"], stated(environment="staging"), shares)
    assert downgrade.top(judged.probabilities) == "bug"
    assert judged.rule == "production-only-incident"


def test_a_type_only_we_may_raise_is_never_suggested():
    """A classifier that fancies an announcement is not followed."""
    shares = {"announcement": 0.9, "query": 0.1}
    assert downgrade.judge_type(PACKS["wso2"], (), shares).probabilities == {"query": 1.0}


def test_a_persons_discretion_is_listed_and_never_applied():
    """Parallels: only a lead or account manager may ease for an unreachable contact."""
    said = result("parallels", "unreachable-contact", unreachable="yes")
    assert (said.verdict, said.needs) == ("unknown", "a decision by: lead")


def test_a_rule_says_what_it_lacks():
    """An open rule names the fact that would close it; a met one its effect; another is not met."""
    assert result("parallels", "workaround-and-stabilised", workaround="yes").needs == "stabilised = yes"
    assert result("parallels", "not-production", environment="staging").effect == "1→3"
    assert result("parallels", "not-production", environment="production").verdict == "not met"


def test_probability_moves_and_some_doubt_stays_with_the_text():
    """A rule resting on a fact read from text moves most of the probability, on an engineer's word all."""
    shares = {"P1": 0.8, "P2": 0.1, "P3": 0.1, "P4": 0.0}
    read = (Fact(name="workaround", value="yes", source="text"),)
    judged = downgrade.judge_level(PACKS["wso2"], read, None, shares)
    assert judged.probabilities == pytest.approx({"P1": 0.04, "P2": 0.86, "P3": 0.1, "P4": 0.0})
    sure = downgrade.judge_level(PACKS["wso2"], stated(workaround="yes"), None, shares)
    assert sure.probabilities == pytest.approx({"P1": 0.0, "P2": 0.9, "P3": 0.1, "P4": 0.0})


@pytest.mark.parametrize("name", sorted(downgrade.KINDS))
def test_words_that_sound_like_a_wish_move_half_and_an_engineers_word_moves_all(name: str):
    """What kind of a request it is, a text only hints at; the classifier has seen the same words."""
    for pack in (PACKS["oro"], PACKS["parallels"]):
        value = pack.levels[0].value
        shares = {one.value: float(one.value == value) for one in pack.levels}
        for source, moves in (("text", downgrade.KIND_TRUST), ("caller", 1.0), ("engineer", 1.0)):
            judged = downgrade.judge_level(pack, (Fact(name=name, value="yes", source=source),), None, shares)
            assert judged.probabilities[value] == pytest.approx(1 - moves), (pack.id, source)


def test_one_hint_among_the_grounds_of_a_rule_makes_it_a_hint():
    """A rule that asks a kind of request beside a plain fact moves no more than the hint is worth."""
    rule = next(rule for rule in PACKS["wso2"].rules if "documentation" in rule.when.asks())
    assert downgrade.trust(rule, answer=True, from_text={"documentation"}) == downgrade.KIND_TRUST
    assert downgrade.trust(rule, answer=True, from_text={"environment"}) == 1.0
    assert downgrade.trust(rule, answer=None, from_text={"documentation"}) == 0.0
    plain = next(rule for rule in PACKS["wso2"].rules if rule.id == "workaround-available")
    assert downgrade.trust(plain, answer=True, from_text={"workaround"}) == downgrade.TEXT_TRUST


@pytest.mark.parametrize(
    ("shares", "level"),
    [
        ({"P1": 1.0, "P2": 0.0, "P3": 0.0, "P4": 0.0}, "P1"),
        ({"P1": 0.0, "P2": 0.0, "P3": 0.0, "P4": 1.0}, "P4"),
        ({"P1": 0.3, "P2": 0.7, "P3": 0.0, "P4": 0.0}, "P1"),
        ({"P1": 0.28, "P2": 0.72, "P3": 0.0, "P4": 0.0}, "P2"),
        ({"P1": 0.0, "P2": 0.0, "P3": 0.3, "P4": 0.7}, "P3"),
        ({"P1": 0.2, "P2": 0.2, "P3": 0.1, "P4": 0.5}, "P2"),
        ({"P1": 0.3, "P2": 0.1, "P3": 0.1, "P4": 0.5}, "P1"),
        ({"P1": 0.25, "P2": 0.25, "P3": 0.25, "P4": 0.25}, "P2"),
        ({}, None),
    ],
)
def test_the_level_suggested_is_the_one_that_costs_least_if_it_is_wrong(shares: dict[str, float], level: str | None):
    """Two levels are even where the more severe has two sevenths; the likeliest is not always suggested."""
    assert downgrade.chosen(PACKS["wso2"], shares) == level


def test_a_level_the_policy_does_not_have_is_not_suggested():
    """A classifier that learnt other words is not followed, and what is missing counts nothing."""
    assert downgrade.chosen(PACKS["wso2"], {"blocker": 0.9, "P3": 0.1}) == "P3"
    assert downgrade.chosen(PACKS["wso2"], {"blocker": 1.0}) is None


FACTS = some.fixed_dictionaries(
    {}, optional={name: some.sampled_from(sorted(values)) for name, values in VOCABULARY.items()}
)


@given(pack=some.sampled_from(sorted(PACKS.values(), key=lambda pack: pack.id)), facts=FACTS, weights=some.data())
def test_probabilities_stay_probabilities(pack: Policy, facts: dict[str, str], weights: some.DataObject):
    """Whatever the facts, the shares sum to 1, and no cap worsens nor raise eases."""
    shares = {one.value: weights.draw(some.floats(0.01, 1)) for one in pack.levels}
    judged = downgrade.judge_level(pack, stated(**facts), None, shares)
    assert sum(judged.probabilities.values()) == pytest.approx(1)
    caps = [rule for rule in pack.rules if rule.effect.move == "cap"]
    assert len(judged.results) == len([rule for rule in pack.rules if not rule.effect.on_type])
    raised = any(one.verdict == "applied" for one in judged.results if one.id not in {rule.id for rule in caps})
    if not raised:
        before, after = downgrade.top(shares), downgrade.top(judged.probabilities)
        assert before is not None
        assert after is not None
        mean = sum(pack.severity(name) * share for name, share in shares.items()) / sum(shares.values())
        assert sum(pack.severity(name) * share for name, share in judged.probabilities.items()) >= mean - 1e-9


@given(pack=some.sampled_from(sorted(PACKS.values(), key=lambda pack: pack.id)), facts=FACTS, start=some.data())
def test_the_order_in_which_a_pack_tells_its_rules_does_not_matter(
    pack: Policy, facts: dict[str, str], start: some.DataObject
):
    """Backwards they move the same shares; a rule that eases one level only (`from`) is told before other caps."""
    shares = {one.value: start.draw(some.floats(0.01, 1)) for one in pack.levels}
    kind = start.draw(some.sampled_from([one.value for one in pack.types]))
    rules = tuple(rule for rule in pack.rules if not rule.effect.only)
    forwards, backwards = (
        downgrade.judge_level(replace(pack, rules=told), stated(**facts), kind, shares).probabilities
        for told in (rules, rules[::-1])
    )
    assert forwards == pytest.approx(backwards)


@given(pack=some.sampled_from(sorted(PACKS.values(), key=lambda pack: pack.id)), start=some.data())
def test_knowing_nothing_changes_nothing(pack: Policy, start: some.DataObject):
    """Without facts no level rule moves anything: unknown never downgrades."""
    shares = {one.value: start.draw(some.floats(0.01, 1)) for one in pack.levels}
    judged = downgrade.judge_level(pack, (), None, shares)
    whole = sum(shares.values())
    assert judged.probabilities == pytest.approx({name: share / whole for name, share in shares.items()})
    assert judged.rule is None
