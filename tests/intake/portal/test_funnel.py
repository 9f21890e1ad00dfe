"""The funnel: told, opened, raised by portal or phone, wrote again; each step's first time, counted by policy."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from models.tables import redirections, requests
from models.terms import Channel, TriageState

LATER = timedelta(hours=1)


@pytest.fixture
def mailed(session: Session, now: datetime):
    """Makes requests that came by mail."""

    def make(policy: str = "wso2") -> UUID:
        row = requests.Request(
            channel=Channel.EMAIL, subject="Orders fail", policy=policy, state=TriageState.TO_CONFIRM, received_at=now
        )
        session.add(row)
        session.flush()
        return row.id

    return make


def step(session: Session, request: UUID) -> redirections.Redirection:
    """What is noted of a request."""
    return session.get_one(redirections.Redirection, request, populate_existing=True)


def test_each_step_keeps_its_first_time(session, mailed, now):
    """Opening a link twice, or raising what was raised, moves nothing."""
    request = mailed()
    for at in (now, now + LATER):
        redirections.note_told(session, request, "wso2", at)
        redirections.note_opened(session, request, at)
        redirections.note_raised(session, request, Channel.PORTAL if at == now else Channel.PHONE, at)
        redirections.wrote_again(session, request, at)
    row = step(session, request)
    assert (row.told_at, row.opened_at, row.raised_at, row.wrote_again_at) == (now,) * 4
    assert (row.raised_on, row.policy) == (Channel.PORTAL, "wso2")


def test_steps_may_come_in_any_order(session, mailed, now):
    """The link may be opened before the reply's delivery is recorded."""
    request = mailed("oro")
    redirections.note_opened(session, request, now)
    redirections.note_told(session, request, "oro", now + LATER)
    row = step(session, request)
    assert (row.policy, row.opened_at, row.told_at) == ("oro", now, now + LATER)


def test_the_funnel_counts_by_policy(session, mailed, now):
    """Two told: one opened and raised in the portal, one raised by phone after writing again; other policies apart."""
    first, second, other = mailed(), mailed(), mailed("oro")
    for request, policy in ((first, "wso2"), (second, "wso2"), (other, "oro")):
        redirections.note_told(session, request, policy, now)
    redirections.note_opened(session, first, now)
    redirections.note_raised(session, first, Channel.PORTAL, now)
    redirections.wrote_again(session, second, now)
    redirections.note_raised(session, second, Channel.PHONE, now)
    rows = {row.policy: row for row in redirections.funnel(session)}
    assert rows["wso2"] == redirections.FunnelRow(
        policy="wso2", told=2, opened=1, raised_portal=1, raised_phone=1, wrote_again=1
    )
    assert (rows["oro"].told, rows["oro"].opened) == (1, 0)
    assert [row.policy for row in redirections.funnel(session, policy="oro")] == ["oro"]


def test_who_was_never_told_is_not_in_the_funnel(session, mailed, now):
    """A call about a mail that was not answered is no success of the answer."""
    redirections.note_raised(session, mailed(), Channel.PHONE, now)
    assert redirections.funnel(session) == []


def test_a_link_that_was_used_was_told(session, mailed, now):
    """A reply that may have been sent (RFC 1047), and whose link was opened, was sent."""
    redirections.note_opened(session, mailed(), now)
    (row,) = redirections.funnel(session)
    assert (row.told, row.opened) == (1, 1)


def test_the_funnel_can_begin_at_a_time(session, mailed, now):
    """A week's figures are of those who were told in that week."""
    for at in (now - LATER, now + LATER):
        redirections.note_told(session, mailed(), "wso2", at)
    assert [row.told for row in redirections.funnel(session, since=now)] == [1]


def test_a_request_that_is_gone_is_not_noted(session, now):
    """Erased meanwhile: nothing to count, nothing breaks."""
    redirections.note_opened(session, uuid4(), now)
    assert redirections.funnel(session) == []
