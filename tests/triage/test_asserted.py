"""A person who states that production is down is believed before a classifier, and after the policy."""

from dataclasses import replace

import pytest

from models.terms import Channel, Fact
from triage import asserted, policy
from triage.classifier import Ranked
from triage.phone import Phone
from triage.suggest import suggest

PACKS = policy.load_packs()
WORKAROUND = Fact(name="workaround", value="yes", source="caller")


def stated(source: str = "caller", down: str = "full", environment: str = "production") -> tuple[Fact, ...]:
    """What somebody said of production."""
    told = {"down": down, "environment": environment}
    return tuple(Fact(name=name, value=value, source=source) for name, value in told.items())


class Sure:
    """A classifier that finds everything as mild as there is."""

    id = "sure"
    place = -1

    def rank(self, policy_id: str, *_rest) -> Ranked:
        """An incident of one level, nearly certainly."""
        pack = PACKS[policy_id]
        levels, kinds = [each.value for each in pack.levels], [each.value for each in pack.types]
        shares = {level: 0.97 if level == levels[self.place] else 0.03 / (len(levels) - 1) for level in levels}
        likely = "technical-request" if policy_id == "oro" else "incident"
        return Ranked(type={kind: float(kind == likely) for kind in kinds}, priority=shares, words=())


class Alarmed(Sure):
    """A classifier that finds everything as severe as there is."""

    place = 0


NOT_DOWN = (Fact(name="down", value="no", source="caller"),)


def suggested(pack: str, facts: tuple[Fact, ...], classifier=Sure):
    """What is suggested for a text that says little."""
    made = classifier() if classifier else None
    return suggest(
        PACKS[pack],
        made,
        channel=Channel.PHONE,
        subject="",
        body="it is gone for all of us",
        language="en",
        facts=facts,
    )


@pytest.mark.parametrize("pack", sorted(PACKS))
@pytest.mark.parametrize("source", ["caller", "engineer"])
def test_production_is_down_outranks_the_classifier(pack: str, source: str):
    """The urgent level is suggested, with the reason among the rules and a probability that may be wrong."""
    said = suggested(pack, stated(source))
    assert said.priority.value == PACKS[pack].phone.urgent[0]
    assert 0.9 < said.priority.probability < 1
    rule = next(one for one in said.rules if one.id == asserted.ID)
    assert (rule.verdict, rule.effect) == ("applied", f"{PACKS[pack].levels[-1].value}→{said.priority.value}")


@pytest.mark.parametrize("facts", [stated("text"), stated(down="no"), stated(environment="staging"), ()])
def test_words_or_another_statement_do_not(facts: tuple[Fact, ...]):
    """Only what a person said of production."""
    assert asserted.ID not in [one.id for one in suggested("oro", facts).rules]


@pytest.mark.parametrize("pack", sorted(PACKS))
@pytest.mark.parametrize("source", ["caller", "engineer"])
def test_that_nothing_is_down_outranks_the_classifier(pack: str, source: str):
    """The next milder level is suggested, and some of the share stays: a key may be wrong."""
    said = suggested(pack, (Fact(name="down", value="no", source=source),), Alarmed)
    top, following = PACKS[pack].levels[:2]
    assert (said.priority.value, said.priority_rule) == (following.value, asserted.NOT_ID)
    assert sum(said.priority.all.values()) == pytest.approx(1, abs=1e-3)
    assert 0.1 < said.priority.all[top.value] < 0.2
    rule = next(one for one in said.rules if one.id == asserted.NOT_ID)
    assert (rule.verdict, rule.effect) == ("applied", f"{top.value}→{following.value}")


@pytest.mark.parametrize("pack", sorted(PACKS))
@pytest.mark.parametrize(
    ("name", "value"),
    [("data_loss", "yes"), ("data_loss", "risk"), ("functionality_lost", "critical"), ("business_impact", "severe"),
     ("security", "yes")],
)  # fmt: skip
@pytest.mark.parametrize("source", ["text", "engineer"])
def test_what_burns_though_nothing_is_down_stays_urgent(pack: str, name: str, value: str, source: str):
    """Whoever says it: the policies' top levels are about more than what is down."""
    said = suggested(pack, (*NOT_DOWN, Fact(name=name, value=value, source=source)), Alarmed)
    assert said.priority.value == PACKS[pack].phone.urgent[0]
    assert asserted.NOT_ID not in [one.id for one in said.rules]


@pytest.mark.parametrize(
    "facts", [(Fact(name="down", value="no", source="text"),), (Fact(name="down", value="partial", source="caller"),)]
)
def test_words_or_a_part_that_is_down_lower_nothing(facts: tuple[Fact, ...]):
    """Only a person who states that nothing is."""
    said = suggested("wso2", facts, Alarmed)
    assert said.priority.value == "P1"
    assert asserted.NOT_ID not in [one.id for one in said.rules]


def test_the_policy_outranks_the_statement_that_nothing_is_down():
    """Its own reasons for the top level come after (Parallels: broken after a restore)."""
    told = {"after_restore": "yes", "business_critical": "yes", "workaround": "no", "scope": "all",
            "functionality_lost": "component"}  # fmt: skip
    facts = tuple(Fact(name=name, value=value, source="caller") for name, value in told.items())
    said = suggested("parallels", (*NOT_DOWN, *facts), Alarmed)
    assert (said.priority.value, said.priority_rule) == ("1", "broken-after-restore")


def test_that_nothing_is_down_names_no_level():
    """Without a classifier nothing is known of the level but which it is not."""
    assert suggested("wso2", NOT_DOWN, None).priority is None


def test_what_would_change_names_what_is_as_bad():
    """An engineer who learns of lost data sees that it would be urgent again."""
    changes = suggested("wso2", NOT_DOWN, Alarmed).would_change
    assert {"fact": "data_loss", "value": "yes", "priority": "P1"} in changes


@pytest.mark.parametrize("pack", sorted(PACKS))
def test_every_reason_of_a_policy_for_its_top_level_counts_as_bad_or_asks_what_is_down(pack: str):
    """A rule that raises to it is about an outage, about something as bad, or holds by all that it asks."""
    top = PACKS[pack].phone.urgent[0]
    rules = [rule for rule in PACKS[pack].rules if rule.effect.move == "raise" and rule.effect.to == (top,)]
    assert rules
    assert all({"down", *asserted.AS_BAD} & set(rule.when.asks()) for rule in rules)


def test_the_policy_outranks_the_statement():
    """A workaround eases it as the policy says."""
    said = suggested("parallels", (*stated(), WORKAROUND))
    assert (said.priority.value, said.priority_rule) == ("3", "workaround-available")


def test_it_is_suggested_without_a_classifier_too():
    """As certain as a key may be."""
    said = suggested("wso2", stated(), None)
    assert (said.priority.value, said.abstained_because) == ("P1", "no classifier")


@pytest.mark.parametrize("facts", [(), stated(), NOT_DOWN])
def test_a_policy_without_urgent_levels_is_left_alone(facts: tuple[Fact, ...]):
    """There is nothing to raise to, and nothing to take from."""
    calm = policy.load_packs()["wso2"]
    shares = {"P1": 0.25, "P4": 0.75}
    assert asserted.weighed(replace(calm, phone=Phone()), facts, shares) == shares
