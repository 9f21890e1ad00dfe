"""Who is told by a step: by role, by name, and by mail where nobody has a telephone."""

import pytest
from sqlalchemy import select

from models import tables
from models.terms import Channel, JobKind, OutgoingState, Role, StepState, TriageState
from triage.desk import watch
from triage.desk.recipients import Book, find, parse, tell_by_mail
from triage.escalation import Reach, To

BOOK = Book(
    named={
        "on-call": ("+49305550100", "oncall@example.com"),
        "support-chat": ("chat@example.com", "list@example.com"),
        "night-desk": ("+49305550199",),
    }
)


@pytest.fixture
def request_of(session, now):
    """Make a request with an owner, and find who is told of it."""

    def make(to: To, channel: Reach, owner: str | None = None, book: Book = BOOK):
        request = tables.requests.Request(
            channel=Channel.PORTAL, subject="x", policy="wso2", state=TriageState.TO_CONFIRM, received_at=now,
            owner=owner,
        )  # fmt: skip
        return [(one.name, one.value) for one in find(session, request, to, channel, book=book)]

    return make


def engineer(session, login: str, role: Role = Role.LEAD, **values):
    """An engineer of the house."""
    session.add(tables.directory.Engineer(login=login, password_hash="x", role=role, **values))
    session.flush()


def test_a_role_tells_everybody_who_has_it_and_may_sign_in(session, request_of, now):
    """Leads, and only leads; whoever is disabled, or cannot be reached so, is left out."""
    engineer(session, "lea", name="Lea", address="lea@example.com", number="+49305550101")
    engineer(session, "leo", address="leo@example.com")
    engineer(session, "left", address="left@example.com", disabled_at=now)
    engineer(session, "ada", Role.ADMIN, address="ada@example.com")
    assert request_of(To(role="lead"), Reach.MAIL) == [("Lea", "lea@example.com"), ("leo", "leo@example.com")]
    assert request_of(To(role="lead"), Reach.PHONE) == [("Lea", "+49305550101")]
    assert request_of(To(role="admin"), Reach.MAIL) == [("ada", "ada@example.com")]


def test_where_nobody_has_a_role_the_next_one_above_is_told(session, request_of, now):
    """A small house has no lead; a lead who left, or has no address, is as good as none."""
    engineer(session, "left", address="left@example.com", disabled_at=now)
    engineer(session, "leo")
    engineer(session, "ada", Role.ADMIN, address="ada@example.com")
    assert request_of(To(role="lead"), Reach.MAIL) == [("ada", "ada@example.com")]
    assert request_of(To(role="admin"), Reach.MAIL) == [("ada", "ada@example.com")]


def test_where_nobody_has_a_telephone_they_are_told_by_mail(session, request_of):
    """Late is better than never, and the name says so; a step by mail rings nobody."""
    engineer(session, "leo", address="leo@example.com", number=" ")
    assert request_of(To(role="lead"), Reach.PHONE) == [("leo (by mail: no number)", "leo@example.com")]
    assert request_of(To(name="night-desk"), Reach.MAIL) == []


def test_the_owner_is_whoever_owns_it_now(session, request_of, now):
    """In any letter case; nobody where there is none, or where they have left."""
    engineer(session, "mara", Role.ENGINEER, address="mara@example.com")
    engineer(session, "left", Role.ENGINEER, address="left@example.com", disabled_at=now)
    assert request_of(To(role="owner"), Reach.MAIL, "Mara") == [("mara", "mara@example.com")]
    assert request_of(To(role="owner"), Reach.MAIL, "left") == []
    assert request_of(To(role="owner"), Reach.MAIL, "nobody") == []
    assert request_of(To(role="owner"), Reach.MAIL) == []


@pytest.mark.parametrize("owner", ["mara", "left", "token:portal", "nobody", None])
def test_where_the_owner_cannot_be_reached_a_lead_is_told(session, request_of, now, owner):
    """Whether they left, have no address, or nobody owns it: a step that reaches nobody is left behind."""
    engineer(session, "lea", name="Lea", address="lea@example.com", number="+49305550101")
    engineer(session, "mara", Role.ENGINEER)
    engineer(session, "left", Role.ENGINEER, address="left@example.com", disabled_at=now)
    assert request_of(To(role="owner"), Reach.MAIL, owner) == [("Lea", "lea@example.com")]
    assert request_of(To(role="owner"), Reach.PHONE, owner) == [("Lea", "+49305550101")]


def test_whoever_cannot_be_reached_by_the_channel_makes_room_for_the_role_above(session, request_of):
    """A lead with a number alone reads no mail."""
    engineer(session, "leo", number="+49305550102")
    engineer(session, "ada", Role.ADMIN, address="ada@example.com")
    assert request_of(To(role="lead"), Reach.MAIL) == [("ada", "ada@example.com")]
    assert request_of(To(role="lead"), Reach.PHONE) == [("leo", "+49305550102")]


def test_without_a_telephone_line_everybody_is_told_by_mail_at_once(session, request_of):
    """Whoever has an address; their names say why. Nobody is to be called whom nobody can call."""
    engineer(session, "lea", name="Lea", address="lea@example.com", number="+49305550101")
    engineer(session, "leo", number="+49305550102")
    mute = Book(named=BOOK.named, can_call=False)
    why = "(by mail: no telephone line is set up)"
    assert request_of(To(role="lead"), Reach.PHONE, book=mute) == [(f"Lea {why}", "lea@example.com")]
    assert request_of(To(role="on-call"), Reach.PHONE, book=mute) == [(f"on-call {why}", "oncall@example.com")]
    assert request_of(To(name="night-desk"), Reach.PHONE, book=mute) == []
    assert request_of(To(role="lead"), Reach.MAIL, book=mute) == [("Lea", "lea@example.com")]


@pytest.fixture
def paged(session, now):
    """Make a step whose pages have ended, by name and number; gives the step."""

    def make(*people: tuple[str, str], state: OutgoingState = OutgoingState.FAILED, **columns):
        request = tables.requests.Request(
            channel=Channel.PORTAL, subject="x", policy="wso2", state=TriageState.TO_CONFIRM, received_at=now
        )
        session.add(request)
        session.flush()
        step = tables.progress.add_step(
            session, request_id=request.id, key="k", ladder="late", rung="r", label="L", channel="phone",
            to_role="lead", to_name="", cause="asked", cause_at=now, clause="c", assumed=False, policy="p",
            policy_digest="d", due_at=now, state=StepState.TOLD, created_at=now,
        )  # fmt: skip
        for name, number in people:
            session.add(
                tables.progress.Notice(
                    step_id=step, request_id=request.id, channel="phone", name=name, recipient=number, state=state,
                    created_at=now, **columns,
                )
            )  # fmt: skip
        session.flush()
        return session.get_one(tables.progress.EscalationStep, step)

    return make


def told_by_mail(session, step):
    """The mails of a step: to whom, and their states."""
    rows = tables.progress.notices(session, step.request_id)
    return [(row.name, row.recipient) for row in rows if row.channel == "mail"]


MISSED = "(by mail: not reached by telephone)"


@pytest.mark.parametrize("state", [OutgoingState.FAILED, OutgoingState.UNCERTAIN])
def test_whoever_was_not_reached_by_telephone_is_told_by_mail(session, paged, now, state):
    """Engineers by their number, names of the book by their entry; each once, however often it is asked."""
    engineer(session, "lea", name="Lea", address="lea@example.com", number="+49305550101")
    step = paged(("Lea", "+49305550101"), ("on-call", "+49305550100"), ("night-desk", "+49305550199"), state=state)
    assert tell_by_mail(session, step.id, now, book=BOOK) == 2
    assert tell_by_mail(session, step.id, now, book=BOOK) == 0
    assert told_by_mail(session, step) == [
        (f"Lea {MISSED}", "lea@example.com"),
        (f"on-call {MISSED}", "oncall@example.com"),
    ]
    jobs = session.scalars(select(tables.jobs.Job).where(tables.jobs.Job.kind == JobKind.NOTICE_SEND)).all()
    assert {job.subject for job in jobs} == {
        row.id for row in tables.progress.notices(session, step.request_id) if row.channel == "mail"
    }


@pytest.mark.parametrize(
    ("page", "columns"),
    [(OutgoingState.SENT, {}), (OutgoingState.PENDING, {}), (OutgoingState.DROPPED, {}), (OutgoingState.FAILED, True)],
)
def test_nobody_else_is_told_by_mail(session, paged, now, page, columns):
    """Neither who was reached, nor who is being called, nor whose ladder was stopped, nor who took it on."""
    engineer(session, "lea", name="Lea", address="lea@example.com", number="+49305550101")
    step = paged(("Lea", "+49305550101"), state=page, **({"acknowledged_at": now} if columns else {}))
    assert tell_by_mail(session, step.id, now, book=BOOK) == 0
    assert (told_by_mail(session, step), step.state) == ([], StepState.TOLD)


@pytest.mark.parametrize(
    ("ends", "state"), [(OutgoingState.SENT, StepState.TOLD), (OutgoingState.FAILED, StepState.FAILED)]
)
def test_a_step_waits_for_the_mail_that_stands_in_for_a_page(session, paged, now, ends, state):
    """It was told when the page was placed; it fails only when the mail does as well."""
    engineer(session, "lea", name="Lea", address="lea@example.com", number="+49305550101")
    step = paged(("Lea", "+49305550101"))
    tell_by_mail(session, step.id, now, book=BOOK)
    watch.settle_step(session, step.id)
    session.refresh(step)
    assert step.state is StepState.WAITING
    mail = next(row for row in tables.progress.notices(session, step.request_id) if row.channel == "mail")
    mail.state = ends
    session.flush()
    assert tell_by_mail(session, step.id, now, book=BOOK) == 0
    watch.settle_step(session, step.id)
    assert step.state is state


def test_a_step_nobody_answered_has_failed(session, paged, now):
    """Where there is no address either."""
    step = paged(("night-desk", "+49305550199"))
    tell_by_mail(session, step.id, now, book=BOOK)
    watch.settle_step(session, step.id)
    assert step.state is StepState.FAILED


def test_names_and_the_engineer_on_call_stand_in_the_book(request_of):
    """Every value that the channel can use; a name without an entry is nobody."""
    assert request_of(To(role="on-call"), Reach.PHONE) == [("on-call", "+49305550100")]
    assert request_of(To(role="on-call"), Reach.MAIL) == [("on-call", "oncall@example.com")]
    assert [value for _, value in request_of(To(name="support-chat"), Reach.MAIL)] == list(BOOK.named["support-chat"])
    assert request_of(To(name="unknown"), Reach.PHONE) == []


def test_a_book_is_read_from_one_line():
    """Entries by semicolons, values by commas; numbers may be written as people do."""
    text = " support-chat=chat@example.com ; on-call=+49 (30) 5550-100, ops@example.com,ops@example.com; "
    assert parse(text) == {
        "support-chat": ("chat@example.com",),
        "on-call": ("+49305550100", "ops@example.com"),
    }
    assert parse("") == {}


def test_every_mistake_of_a_book_is_named_at_once():
    """With what to write instead."""
    with pytest.raises(ValueError, match="name=address") as caught:
        parse("chat; a b=c@example.com; x=; y=030 5550; z=@example.com, a@b@c; q=a@example.com; q=b@example.com")
    told = str(caught.value)
    for part in (
        "'chat'",
        "'a b=c@example.com'",
        "x: write at least",
        "'030 5550'",
        "'@example.com'",
        "'a@b@c'",
        "'q'",
    ):
        assert part in told


@pytest.mark.parametrize(
    "value", ["a@example.com\r\nBcc: b@example.com", "a@example.com b@example.com", "a@", "+0", "+1"]
)
def test_what_is_neither_address_nor_number_is_refused(value):
    """Nothing that could be more than one recipient gets into a mail or a call."""
    with pytest.raises(ValueError, match="no "):
        parse(f"x={value}")
