"""Texts in which a workaround, a place or an outage is spoken of that is not the writer's own, here and now."""

import pytest

from triage import facts


def fact(name: str, body: str) -> str | None:
    """The value read for a fact, or None where it is unknown."""
    return next((one.value for one in facts.read("", body) if one.name == name), None)


@pytest.mark.parametrize(
    "body",
    [
        "I doubt there is a workaround.",
        "Your engineer says there is a workaround. We cannot find it.",
        "Your support keeps saying that there is a workaround.",
        "Someone on the forum has a workaround, we have yet to try it.",
        "There is a workaround for staging only. Production is down.",
        "We have a workaround for the mobile app, but the web shop has none and is down.",
        "A workaround exists in version 4 but we run version 3.",
        "There is a workaround. It does not work.",
        "There's a workaround. Nobody could get it to run.",
        "We have a workaround. Unfortunately it only helps one branch.",
        "According to your docs there is a workaround.",
        "Hay una solución temporal, pero solo para clientes de otro país.",
    ],
)
def test_a_workaround_doubted_told_or_meant_for_others_eases_nothing(body: str):
    """Only a workaround that the writer has, here and now, is one."""
    assert fact("workaround", body) in {None, "no"}


@pytest.mark.parametrize(
    "body",
    [
        "There is a workaround, we run the old client.",
        "We have a workaround: someone restarts it each morning.",
        "There is a workaround. The export does not work.",
        "There is a workaround. We use it daily.",
        "There is a workaround: open it in another browser.",
        "As I said, we have a workaround.",
        "The customer says they have a workaround.",
        "Our support team has a workaround in place.",
        "Hay una solución temporal.",
    ],
)
def test_a_workaround_in_use_stays_one(body: str):
    """Words of doubt about something else do not take it back."""
    assert fact("workaround", body) == "yes"


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (
            "A workaround exists for staging but not for production, where everything is down for all our users",
            {"production", None},
        ),
        ("It works in staging but not in production.", {"production"}),
        ("It fails in staging but not in production.", {"staging"}),
        ("Nuestro entorno de pruebas es el de los clientes: está caído", {"production", None}),
        ("Our test system is down for all users.", {"test"}),
        ("This is not the test system. It is live. Everyone is out.", {"production", None}),
        (
            "Auf dem Testsystem tritt es nicht auf, nur in der Produktion. Alle Kunden betroffen.",
            {"production", None},
        ),
        (
            "The dev team's test engineers report that live checkout is broken for all customers",
            {"production", None},
        ),
    ],
)
def test_a_place_named_beside_production_does_not_hide_it(body: str, values: set[str | None]):
    """A place is read as one for tests only where that is where it fails."""
    assert fact("environment", body) in values


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("workaround", "Nous avions un contournement, mais il ne fonctionne plus.", "il ne fonctionne plus"),
        ("down", "It was down last week and is down again now", "is down again"),
        ("down", "The server was down last week and is down again now.", "is down again"),
    ],
)
def test_the_words_shown_are_the_claim_itself(name: str, body: str, words: str):
    """Evidence begins where the claim does, and shows the later of two."""
    evidence = next(one.evidence for one in facts.read("", body) if one.name == name)
    assert evidence == words
