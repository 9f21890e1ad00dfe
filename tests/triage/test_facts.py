"""Facts are claimed only where a text states them; what is not stated stays unknown."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from triage import facts


def fact(name: str, body: str, subject: str = "") -> str | None:
    """The value read for a fact, or None where it is unknown."""
    return next((one.value for one in facts.read(subject, body) if one.name == name), None)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("No, there is no workaround.", "no"),
        ("There is no known workaround for this.", "no"),
        ("We have not found any workaround yet.", "no"),
        ("The workaround you sent does not work.", "no"),
        ("The workaround no longer works since Monday.", "no"),
        ("Workaround: none", "no"),
        ("Is there any way around it? - No, none.", "no"),
        ("Agent: Is there a workaround?\nCaller: No, nothing at all.", "no"),
        ("We cannot work around it.", "no"),
        ("There is nothing we can do from here.", "no"),
        ("Es gibt keinen Workaround.", "no"),
        ("Nous n'avons aucune solution de contournement.", "no"),
        ("No hay ninguna alternativa.", "no"),
        ("We have a workaround: restart the node every hour.", "yes"),
        ("As a temporary workaround we send the orders by fax.", "yes"),
        ("We can work around it by calling the API directly.", "yes"),
        ("In the meantime we enter the orders by hand.", "yes"),
        ("There is an easy workaround: reload the page.", "easy"),
        ("A stable workaround is in place.", "stable"),
        ("Is there a workaround?", None),
        ("is there a workaround", None),
        ("Please send us a workaround.", None),
        ("If there is a workaround, tell us.", None),
        ("We need a workaround urgently.", None),
        ("A workaround is no longer needed.", None),
        ("We had a workaround last time.", None),
        ("Maybe there is a workaround.", None),
        ("We are not sure whether we have a workaround.", None),
        ("> We have a workaround.\nThanks for the quick answer.", None),
        ("We have a workaround for reading. There is no workaround for writing.", None),
        ("Nothing about it here.", None),
    ],
)
def test_a_workaround_is_believed_only_when_stated(body: str, value: str | None):
    """A workaround claimed falsely would ease a request that nobody could live with."""
    assert fact("workaround", body) == value


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("Our production gateway answers with 503.", "production"),
        ("Staging is fine, production is not.", "production"),
        ("It fails in staging and in production.", "production"),
        ("We are seeing this in PROD only.", "production"),
        ("Seit heute morgen steht unser Produktivsystem still.", "production"),
        ("El entorno de producción no responde.", "production"),
        ("Production is fine, staging is down.", "staging"),
        ("Only our UAT system is affected.", "staging"),
        ("The pre-production cluster does not start.", "staging"),
        ("On my laptop the export fails.", "development"),
        ("The server in our lab does not boot.", "test"),
        ("It fails on staging. Production is not affected.", "staging"),
        ("Does it also happen in production?", None),
        ("We plan to go live in production next month.", None),
        ("It fails in staging. We have not looked at production.", None),
        ("We reproduced it in staging as well.", None),
        ("The staging table is full.", None),
        ("The production line of our factory makes cups.", None),
        ("> our staging environment\nHello", None),
        ("The test case fails.", None),
    ],
)
def test_another_place_than_production_is_believed_only_when_stated(body: str, value: str | None):
    """Production taken for staging would put an outage at the end of the queue."""
    assert fact("environment", body) == value


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("The portal is down.", "full"),
        ("Nobody can log in.", "full"),
        ("The server does not boot any more.", "full"),
        ("Just to let you know that since eight our shop is unreachable and we sell nothing.", "full"),
        ("Unser Shop ist komplett ausgefallen.", "full"),
        ("Personne ne peut se connecter.", "full"),
        ("One of our three nodes is down, everything else works.", "partial"),
        ("The search is very slow today.", "partial"),
        ("The shop was down from nine to ten, it works again now.", "no"),
        ("It was back up for ten minutes, then the shop went down again.", "full"),
        ("There was no outage.", "no"),
        ("If the gateway is down, what happens to open sessions?", None),
        ("Scroll down to the list.", None),
        ("Is the portal down?", None),
        ("URGENT: spelling mistake on the login page", None),
    ],
)
def test_an_outage_is_one_now_and_here(body: str, value: str | None):
    """Past outages, single nodes, conditions and questions are no total outage; calm words may be one."""
    assert fact("down", body) == value


@pytest.mark.parametrize(
    ("name", "body", "value"),
    [
        ("data_loss", "There is no data loss.", "no"),
        ("data_loss", "Two days of orders are lost.", "yes"),
        ("data_loss", "There is a risk of data loss.", "risk"),
        ("security", "An attacker got unauthorised access to an account.", "yes"),
        ("security", "This is not a security incident.", "no"),
        ("intermittent", "It fails from time to time.", "yes"),
        ("reproducible", "We cannot reproduce it.", "no"),
        ("reproducible", "It is reproducible.", "yes"),
        ("after_update", "Since the last upgrade the export fails.", "yes"),
        ("after_update", "The export does not start after the update.", "yes"),
        ("after_update", "It was not caused by the update.", "no"),
        ("after_update", "Is it since the update?", None),
        ("new_installation", "A fresh installation does not start.", "yes"),
        ("hardware_failure", "After a disk failure we need help to recover.", "yes"),
        ("stabilised", "Everything is back to normal.", "yes"),
        ("stabilised", "Please call once it is back to normal.", None),
        ("unreachable", "I will be out of office until Monday.", "yes"),
        ("scope", "All our customers are affected.", "all"),
        ("scope", "Only one user is affected.", "one"),
        ("scope", "It hits three users.", "some"),
        ("scope", "It hits four thousand users.", "many"),
        ("scope", "It hits 1,100 users.", "many"),
        ("cosmetic", "There is a typo on the start page. URGENT!", "yes"),
        ("question", "How can we configure single sign-on?", "yes"),
        ("question", "Production is down, could you please tell us what is going on?", None),
        ("enhancement", "It would be nice to have a dark theme.", "yes"),
        ("documentation", "The documentation of the export is outdated.", "yes"),
        ("documentation", "We installed it as the documentation says.", None),
    ],
)
def test_other_facts(name: str, body: str, value: str | None):
    """Each fact is read where it is stated, and turned by a negation."""
    assert fact(name, body) == value


def test_evidence_is_where_the_span_says():
    """The span counts in subject, blank line, body, and covers the evidence, whatever characters come first."""
    subject, body = "İstanbul’da sorun", "Hello,\n\nwe can’t work around it.\nBye"
    found = next(one for one in facts.read(subject, body) if one.name == "workaround")
    assert found.span is not None
    assert f"{subject}\n\n{body}"[slice(*found.span)] == found.evidence == "can’t work around"
    assert found.source == "text"


@given(some.text(max_size=300), some.text(max_size=600))
def test_reading_never_raises(subject: str, body: str):
    """Whatever the text, facts are known ones with known values, and spans lie inside it."""
    for found in facts.read(subject, body):
        assert found.value in facts.VOCABULARY[found.name]
        assert found.span is not None
        assert 0 <= found.span[0] < found.span[1] <= len(f"{subject}\n\n{body}")


@pytest.mark.parametrize(
    "piece", ["a", "no ", "no workaround ", "production ", "is down, ", "? ", "n't ", ", ", "in the meantime "]
)
def test_a_hostile_text_costs_no_more_than_its_length(piece: str):
    """Twenty thousand characters of one phrase are read in well under a second, and the rest not at all."""
    started = time.process_time()
    facts.read("", piece * (200_000 // len(piece)))
    assert time.process_time() - started < 2


@pytest.mark.parametrize("body", ["a" * 900_000, "a " * 450_000, "is there no way around it? " * 400_000])
def test_what_is_too_long_is_read_to_its_cap(body: str):
    """A single word of 900 kB and a body of 10 MB cost less than a second."""
    started = time.process_time()
    found = facts.read("", body)
    assert time.process_time() - started < 1
    assert all(one.span is not None and one.span[1] <= 20_000 for one in found)
