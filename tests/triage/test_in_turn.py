"""What is worked on first: whoever is at a telephone goes before a heap of mails, and no mail waits for ever."""

from datetime import UTC, datetime, timedelta

import pytest

from models import tables
from models.terms import Channel, Interaction
from triage import policy
from triage.desk.reception import Reception, receive

DESK = Reception(policies=policy.load_packs(), default_policy="wso2")


@pytest.fixture
def came(session):
    """Have something come in so many minutes ago, to be suggested from."""

    def make(channel, minutes):
        moment = datetime.now(UTC) - timedelta(minutes=minutes)
        told = Interaction(
            source=f"{channel}:{minutes}", channel=channel, received_at=moment, subject="Orders fail",
            new_text="The gateway is down.",
        )  # fmt: skip
        return receive(session, told, moment, reception=DESK).request

    return make


def in_turn(session):
    """The requests whose suggestions are claimed, in this order."""
    order = []
    while job := tables.jobs.claim(session, timedelta(minutes=1)):
        order.append(session.get(tables.requests.Interaction, job.subject).request_id)
    return order


def test_a_caller_goes_before_the_mails_that_wait(session, came):
    """Their words are suggested from while they are on the line."""
    mails = [came(Channel.EMAIL, minutes) for minutes in (8, 4, 1)]
    caller = came(Channel.PHONE, 0)
    assert in_turn(session) == [caller, *mails]


def test_a_mail_waits_ten_minutes_for_callers_and_no_longer(session, came):
    """However many call."""
    mail = came(Channel.EMAIL, 11)
    callers = [came(Channel.PHONE, seconds / 60) for seconds in (2, 1)]
    assert in_turn(session) == [mail, *callers]
