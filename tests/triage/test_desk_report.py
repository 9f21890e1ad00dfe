"""How promises were kept: counted by account, level and promise, never added up across them."""

from datetime import timedelta
from uuid import uuid4

from models import tables
from models.terms import Channel, Interaction
from triage import policy
from triage.desk import directory
from triage.desk.decision import decide
from triage.desk.reception import Reception, receive
from triage.desk.report import report

PACKS = policy.load_packs()
RECEPTION = Reception(policies=PACKS, default_policy="wso2")
HOUR = timedelta(hours=1)


def raised(session, now, level, *answered_after, account=None):
    """A request by portal, decided at once, with engineers' messages so long after."""
    interaction = Interaction(
        source=f"api:{uuid4()}",
        channel=Channel.PORTAL,
        received_at=now,
        subject="Gateway",
        new_text="It fails.",
        clock_started_at=now,
        account_hint=account or "",
    )
    request = receive(session, interaction, now, reception=RECEPTION).request
    version = tables.requests.fetch(session, request).version
    decide(
        session,
        request,
        version=version,
        type="incident",
        priority=level,
        reason="",
        engineer="mara",
        policy=PACKS["wso2"],
        now=now,
    )
    for number, after in enumerate(answered_after):
        kind = "responded" if number == 0 else "updated"
        tables.requests.record_clock(session, request, kind, f"message:{uuid4()}", now + after)
    return request


def counted(session, now, **span):
    """The report as a mapping from account, level, kind to met, missed, open."""
    since, until = span.get("since", now - HOUR), span.get("until", now + HOUR)
    found = report(session, policies=PACKS, since=since, until=until, now=now + 30 * HOUR)
    kept = {(one.account, one.level, one.kind, one.promise): (one.met, one.missed, one.open) for one in found.kept}
    return found, kept


def test_met_and_missed_are_counted_for_each_account_and_level(session, now):
    """One hour for P1: answered in time, late, and not at all."""
    directory.add_account(session, "Halcyon Hosting", number="4711", policy="wso2")
    raised(session, now, "P1", HOUR / 2, account="4711")
    raised(session, now, "P1", 2 * HOUR, account="4711")
    raised(session, now, "P1")
    found, kept = counted(session, now)
    assert found.requests == 3
    assert kept["Halcyon Hosting", "P1", "response", "guaranteed"] == (1, 1, 0)
    assert kept["", "P1", "response", "guaranteed"] == (0, 1, 0)


def test_an_objective_is_counted_apart_from_a_guarantee(session, now):
    """The update cadence of the protocol is nobody's guarantee."""
    raised(session, now, "P1", HOUR / 2)
    _, kept = counted(session, now)
    assert {promise for *_, promise in kept} == {"guaranteed", "objective"}


def test_turnaround_is_from_the_customers_message_to_ours(session, now):
    """The median over messages; a mail nobody answered is not in it."""
    raised(session, now, "P2", HOUR)
    raised(session, now, "P2", 3 * HOUR)
    raised(session, now, "P2")
    found, _ = counted(session, now)
    assert (found.turnaround, found.answered) == (2 * HOUR, 2)


def test_only_requests_that_reached_an_sla_channel_in_the_span_count(session, now):
    """The last moment is not in it; nothing at all is an answer too."""
    raised(session, now, "P2", HOUR)
    found, kept = counted(session, now, since=now - HOUR, until=now)
    assert (found.requests, kept, found.turnaround) == (0, {}, None)
