"""A person who states that production is down is believed before a classifier, and after the policy."""

import pytest

from models.terms import Channel, Fact
from triage import asserted, policy
from triage.classifier import Ranked
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

    def rank(self, policy_id: str, *_rest) -> Ranked:
        """An incident of the lowest level, nearly certainly."""
        pack = PACKS[policy_id]
        levels, kinds = [each.value for each in pack.levels], [each.value for each in pack.types]
        shares = {level: 0.97 if level == levels[-1] else 0.03 / (len(levels) - 1) for level in levels}
        likely = "technical-request" if policy_id == "oro" else "incident"
        return Ranked(type={kind: float(kind == likely) for kind in kinds}, priority=shares, words=())


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


def test_the_policy_outranks_the_statement():
    """A workaround eases it as the policy says."""
    said = suggested("parallels", (*stated(), WORKAROUND))
    assert (said.priority.value, said.priority_rule) == ("3", "workaround-available")


def test_it_is_suggested_without_a_classifier_too():
    """As certain as a key may be."""
    said = suggested("wso2", stated(), None)
    assert (said.priority.value, said.abstained_because) == ("P1", "no classifier")


def test_a_policy_without_urgent_levels_is_left_alone():
    """There is nothing to raise to."""
    calm = policy.load_packs()["wso2"]
    shares = {"P1": 0.25, "P4": 0.75}
    assert asserted.raised(calm, (), shares) == shares
