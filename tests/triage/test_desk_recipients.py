"""Who is told by a step: by role, by name, and by mail where nobody has a telephone."""

import pytest

from models import tables
from models.terms import Channel, Role, TriageState
from triage.desk.recipients import Book, find, parse
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

    def make(to: To, channel: Reach, owner: str | None = None):
        request = tables.requests.Request(
            channel=Channel.PORTAL, subject="x", policy="wso2", state=TriageState.TO_CONFIRM, received_at=now,
            owner=owner,
        )  # fmt: skip
        return [(one.name, one.value) for one in find(session, request, to, channel, book=BOOK)]

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
