"""How promises were kept: counted by account, level and promise, never added up across them."""

from datetime import timedelta
from uuid import uuid4

from models import tables
from models.terms import Channel, Interaction
from triage import policy
from triage.desk import directory
from triage.desk.decision import decide, undo
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


def decided(session, request, level, at):
    """Decide again, at a moment."""
    version = tables.requests.fetch(session, request).version
    decide(session, request, version=version, type="incident", priority=level, reason="", engineer="mara",
           policy=PACKS["wso2"], now=at)  # fmt: skip


def test_a_level_that_flips_makes_one_miss_of_one_response(session, now):
    """P1, P2, P1, P2, P1 within minutes and nobody answered: one response was missed."""
    request = raised(session, now, "P1")
    for minutes, level in enumerate(("P2", "P1", "P2", "P1")):
        decided(session, request, level, now + 2 * HOUR + timedelta(minutes=minutes))
    _, kept = counted(session, now)
    responses = {key: found for key, found in kept.items() if key[2] == "response"}
    assert responses == {("", "P1", "response", "guaranteed"): (0, 1, 0)}


def test_lowering_a_level_hides_no_miss(session, now):
    """A P1 that ran out stays missed, once, whatever it is called afterwards."""
    request = raised(session, now, "P1")
    decided(session, request, "P2", now + 2 * HOUR)
    tables.requests.record_clock(session, request, "responded", "message:1", now + 2.5 * HOUR)
    _, kept = counted(session, now)
    responses = {key: found for key, found in kept.items() if key[2] == "response"}
    assert responses == {("", "P1", "response", "guaranteed"): (0, 1, 0)}


def test_a_decision_taken_back_makes_no_miss(session, now):
    """P1 by mistake after two hours, taken back within a minute: never in force, as far as a report goes."""
    request = raised(session, now, "P3", HOUR / 2)
    late = raised(session, now, "P2")
    decided(session, late, "P1", now + 2 * HOUR)
    version = tables.requests.fetch(session, late).version
    undo(session, late, version=version, engineer="mara", now=now + 2 * HOUR + timedelta(minutes=1))
    tables.requests.record_clock(session, late, "responded", "message:2", now + 2.5 * HOUR)
    _, kept = counted(session, now)
    assert request != late
    assert ("", "P1", "response", "guaranteed") not in kept
    assert kept["", "P2", "response", "guaranteed"] == (1, 0, 0)


def test_what_nobody_decided_counts_apart_as_suggested(session, now):
    """A call that looks like P1 and that nobody read was missed, and the row says that it is supposed."""
    request = raised(session, now, "P1")
    undo(session, request, version=2, engineer="mara", now=now)
    row = tables.requests.Suggestion(
        request_id=request, cause="api", policy="wso2@1", policy_digest="d", type="incident", priority="P1",
        content={}, created_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    found, _ = counted(session, now)
    assert [(one.supposed, one.missed) for one in found.kept if one.kind == "response"] == [(True, 1)]
    decided(session, request, "P1", now + 30 * HOUR)
    found, _ = counted(session, now)
    assert [(one.supposed, one.missed) for one in found.kept if one.kind == "response"] == [(False, 1)]


def test_requests_of_a_pack_that_is_gone_are_left_out_and_counted_as_such(session, now):
    """Nothing of theirs is counted, and the report says how many they are."""
    raised(session, now, "P2", HOUR)
    tables.requests.fetch(session, raised(session, now, "P2")).policy = "gone"
    session.flush()
    found, _ = counted(session, now)
    assert (found.requests, found.left_out) == (1, 1)


def test_a_request_resolved_by_mail_is_not_missed_after_a_call(session, now):
    """A word of thanks by telephone starts nothing."""
    interaction = Interaction(
        source="mail:1", channel=Channel.EMAIL, received_at=now, subject="x", new_text="It fails."
    )
    request = receive(session, interaction, now, reception=RECEPTION).request
    decided(session, request, "P1", now)
    tables.requests.record_clock(session, request, "resolved", "step:1", now + HOUR / 4)
    thanks = Interaction(
        source="call:1", channel=Channel.PHONE, received_at=now + HOUR / 2, subject="x", new_text="Thanks.",
        request=request, clock_started_at=now + HOUR / 2,
    )  # fmt: skip
    receive(session, thanks, now + HOUR / 2, reception=RECEPTION)
    found, kept = counted(session, now)
    assert (found.requests, kept) == (1, {})
