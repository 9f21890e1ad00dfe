"""Whom `on-call` of a ladder tells where there is a rota: those on duty at that moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy.orm import Session

from models import tables
from models.terms import Channel, OutgoingState, StepState, TriageState
from triage import policy, rota
from triage.desk import oncall, recipients, watch
from triage.desk.recipients import Book, Roster, find, tell_by_mail
from triage.escalation import Reach, To

DAY = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
"""A Wednesday, eleven in the morning in Berlin."""
NIGHT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
ON_CALL = To(role="on-call")
FILE = """
rota: 1
time_zone: Europe/Berlin
people:
  priya: {name: Priya Sample, numbers: "+49 30 5550 101", address: priya@example.com}
  ben: {name: Ben Trial, login: ben}
tiers:
  - {id: office, hours: mon-fri 08:00-18:00, people: [ben]}
  - {id: first, hours: mon-fri 08:00-18:00, people: [priya, ben]}
"""
NAMED = {"on-call": ("+49305550100", "oncall@example.com")}
BOOK = Book(named=NAMED)


def made(text: str = FILE) -> rota.Rota:
    """A rota."""
    found, mistakes = rota.parse(text, "rota.yaml")
    assert mistakes == []
    return found


def book(at: datetime, text: str = FILE) -> Book:
    """The book with a rota that is read at a moment."""
    return replace(BOOK, roster=Roster(rota=made(text), clock=lambda: at))


def told(session: Session, channel: Reach, given: Book, policy: str = "wso2") -> list[tuple[str, str]]:
    """Whom a step tells."""
    request = tables.requests.Request(
        channel=Channel.PORTAL, subject="x", policy=policy, state=TriageState.TO_CONFIRM, received_at=DAY
    )
    return [(one.name, one.value) for one in find(session, request, ON_CALL, channel, book=given)]


def ben(session: Session, **values) -> None:
    """The engineer behind a login of the file."""
    session.add(tables.directory.Engineer(login="ben", password_hash="x", role="engineer", **values))
    session.flush()


def test_the_first_open_tier_is_told(session):
    """By the channel of the step, with what the file or the directory has; and not the tiers behind it."""
    ben(session, number="+49305550102", address="ben@example.com")
    assert told(session, Reach.PHONE, book(DAY)) == [("Ben Trial", "+49305550102")]
    assert told(session, Reach.MAIL, book(DAY)) == [("Ben Trial", "ben@example.com")]


def test_a_telephone_of_the_next_tier_comes_before_a_letter_box(session):
    """Who has no number is told by mail only where nobody on duty has one."""
    ben(session, address="ben@example.com")
    assert told(session, Reach.PHONE, book(DAY)) == [("Priya Sample", "+49305550101")]
    assert told(session, Reach.MAIL, book(DAY)) == [("Ben Trial", "ben@example.com")]
    alone = FILE.replace("  - {id: first, hours: mon-fri 08:00-18:00, people: [priya, ben]}\n", "")
    assert told(session, Reach.PHONE, book(DAY, alone)) == [("Ben Trial (by mail: no number)", "ben@example.com")]


@pytest.mark.parametrize("text", [FILE, FILE.replace("hours: mon-fri 08:00-18:00", "policies: [oro]")])
def test_where_the_rota_has_nobody_the_book_is_asked(session, text):
    """A hole in the rota is not a hole in the ladder."""
    ben(session, number="+49305550102")
    assert told(session, Reach.PHONE, book(NIGHT, text)) == [("on-call", "+49305550100")]
    assert told(session, Reach.MAIL, book(NIGHT, text)) == [("on-call", "oncall@example.com")]


def test_whoever_stands_in_is_told(session):
    """An arrangement made a minute ago counts."""
    ben(session, number="+49305550102")
    later = DAY + timedelta(hours=1)
    oncall.override(session, made(), tier="office", person="priya", starts=DAY, ends=later, by="lea", now=DAY)
    assert told(session, Reach.PHONE, book(DAY)) == [("Priya Sample", "+49305550101")]
    assert told(session, Reach.PHONE, book(later)) == [("Ben Trial", "+49305550102")]


def test_without_a_line_those_on_duty_are_told_by_mail(session):
    """Their names say why."""
    ben(session, number="+49305550102", address="ben@example.com")
    mute = replace(book(DAY), can_call=False)
    why = "(by mail: no telephone line is set up)"
    assert told(session, Reach.PHONE, mute) == [(f"Ben Trial {why}", "ben@example.com")]


def test_whoever_of_the_rota_missed_a_page_is_told_by_mail(session):
    """At the address of the file, which no engineer of the directory need have."""
    request = tables.requests.Request(
        channel=Channel.PHONE, subject="x", policy="wso2", state=TriageState.TO_CONFIRM, received_at=DAY,
        decided_type="incident", decided_priority="P1", attention_at=DAY, clock_started_at=DAY,
    )  # fmt: skip
    session.add(request)
    session.flush()
    for kind, value in (("started", "phone"), ("type", "incident"), ("level", "P1")):
        tables.requests.record_clock(session, request.id, kind, "test", DAY, value=value)
    given = book(DAY, FILE.replace("people: [ben]", "people: [priya]"))
    packs = policy.load_packs()
    watch.look(session, DAY + timedelta(minutes=50), policies=packs, recipients=partial(recipients.find, book=given))
    (page,) = tables.progress.notices(session, request.id)
    assert (page.name, page.recipient, page.channel) == ("Priya Sample", "+49305550101", "phone")
    page.state = OutgoingState.FAILED
    session.flush()
    assert tell_by_mail(session, page.step_id, DAY, book=given) == 1
    mail = next(row for row in tables.progress.notices(session, request.id) if row.channel == "mail")
    assert mail.recipient == "priya@example.com"
    assert session.get_one(tables.progress.EscalationStep, page.step_id).state is StepState.WAITING
