"""Facts that concern what is lost, what is at fault and what is at risk; and those only people can state."""

import pytest

from triage import facts


def fact(name: str, body: str) -> str | None:
    """The value read for a fact, or None where it is unknown."""
    return next((one.value for one in facts.read("", body) if one.name == name), None)


@pytest.mark.parametrize(
    ("name", "body", "value"),
    [
        ("functionality_lost", "The entire component is unusable for us.", "component"),
        ("functionality_lost", "The entire component is not down.", None),
        ("functionality_lost", "Since noon some of the features are missing.", "partial"),
        ("functionality_lost", "None of our functions are lost.", None),
        ("functionality_lost", "All functions still work.", "no"),
        ("functionality_lost", "Is the whole module down?", None),
        ("functionality_lost", "Nothing about it here.", None),
        ("hardware_at_fault", "It was caused by a disk failure.", "yes"),
        ("hardware_at_fault", "It was not caused by a hardware fault.", "no"),
        ("hardware_at_fault", "The disk was not at fault.", "no"),
        ("hardware_at_fault", "Was it caused by a hardware fault?", None),
        ("hardware_at_fault", "Maybe it was caused by a hardware fault.", None),
        ("hardware_at_fault", "Das wurde verursacht durch Hardwarefehler.", "yes"),
        ("milestone_at_risk", "Our go-live is at risk.", "yes"),
        ("milestone_at_risk", "Our go-live is not at risk.", "no"),
        ("milestone_at_risk", "This threatens our launch.", "yes"),
        ("milestone_at_risk", "Der Meilenstein ist nicht in Gefahr.", "no"),
        ("milestone_at_risk", "L'échéance n'est pas menacée.", None),
        ("milestone_at_risk", "El hito no está en riesgo.", None),
        ("milestone_at_risk", "Is the go-live at risk?", None),
        ("milestone_at_risk", "Der Meilenstein ist in Gefahr.", "yes"),
        ("phase", "We are still implementing the integration.", "implementation"),
        ("phase", "We need help during the implementation phase.", None),
        ("phase", "We are not implementing anything.", None),
        ("phase", "The service is slow.", None),
    ],
)
def test_a_fact_is_read_only_where_it_is_claimed(name: str, body: str, value: str | None):
    """A denial is a no; a question, a doubt and silence leave it unknown."""
    assert fact(name, body) == value


STATED_BY_OTHERS = (
    "product_fault",
    "managed_by_vendor",
    "in_architecture",
    "in_scope",
    "reachable_by_phone",
    "contact_phone_on_file",
)


@pytest.mark.parametrize("name", STATED_BY_OTHERS)
def test_what_no_text_can_tell_is_in_the_vocabulary_and_never_read(name: str):
    """An engineer, an account or the log of calls states it."""
    assert facts.VOCABULARY[name] == {"yes", "no"}
    assert name not in {phrases.fact for phrases in facts.lexicon().claims}
