"""The client's side: what they are told, the steps that are theirs, and what their messages do on every channel."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from models import tables
from models.errors import Conflict, Forbidden, NotFound
from models.terms import Channel, Interaction, Role, TriageState
from triage.desk import client, messages, progress
from triage.desk.reception import Reception, receive
from triage.policy import Policy, load_packs

PACKS = load_packs()
WSO2, ORO = PACKS["wso2"], PACKS["oro"]
HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
CLIENT_STATUS = {
    "wso2": (["start-progress", "ask-client"], "waiting-on-wso2"),
    "witboost": (["take-charge", "ask-customer"], "taken-in-charge"),
    "oro": (["start", "ask-customer"], "in-progress"),
    "parallels": (["start", "ask-customer"], "in-progress"),
}
"""How each policy comes to wait for the client, and where their answer leads."""
TO_RESOLVED = {
    "wso2": (["start-progress"], "solved", "reopened"),
    "witboost": (["take-charge"], "explanation", "to-do"),
    "oro": (["start"], "", "reopened"),
    "parallels": (["start"], "", "new"),
}


def write(session: Session, now: datetime, policy: Policy = WSO2, **more: Any) -> UUID:
    """Something from the client; a new request, or (`request`) more of one."""
    given = {
        "source": f"mail:{uuid4()}",
        "channel": Channel.EMAIL,
        "received_at": now,
        "subject": "Orders",
        "new_text": "Here is what you asked for.",
        **more,
    }
    reception = Reception(policies=PACKS, default_policy=policy.id)
    return receive(session, Interaction(**given), now, reception=reception).request


def answered(session: Session, request_id: UUID, source: str, policy: Policy, now: datetime) -> None:
    """Judge a stored message again."""
    row = tables.requests.interaction_by_source(session, source)
    assert row is not None
    wrote = {"source": source, "by": row.party or "", "at": row.received_at, "paused_at": None}
    client.client_wrote(session, fetched(session, request_id), **wrote, policy=policy, now=now)


def fetched(session: Session, request_id: UUID) -> tables.requests.Request:
    """The request as it stands in the database."""
    session.flush()
    request = tables.requests.fetch(session, request_id)
    assert request is not None
    session.refresh(request)
    return request


def steps(session: Session, request_id: UUID, now: datetime, policy: Policy, *names: str, **given: str) -> datetime:
    """Take steps as an engineer, an hour apart; the moment of the last one."""
    answers = {"message": "Restart it.", **given}
    common = {"engineer": "mara", "role": Role.ENGINEER, "policy": policy}
    for name in names:
        now += HOUR
        version = fetched(session, request_id).version
        progress.transition(session, request_id, step=name, given=answers, version=version, now=now, **common)
    return now


def click(session: Session, request_id: UUID, step: str, now: datetime, **given: str) -> None:
    """Take a step on the portal."""
    client.client_step(session, request_id, step, given, policies=PACKS, now=now, party="ada@example.com")


def view(session: Session, request_id: UUID, now: datetime) -> Any:
    """What the client is shown."""
    return client.client_view(session, request_id, policies=PACKS, now=now)


def kinds(session: Session, request_id: UUID) -> list[str]:
    """What stands in the log."""
    return [row.event for row in tables.requests.clock_events(session, request_id)]


@pytest.mark.parametrize("pack", sorted(CLIENT_STATUS))
@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.PORTAL])
def test_a_message_resumes_at_once_on_any_channel(session, now, pack, channel):
    """A6: what waits for the client waits for us when they write; mail un-pauses too."""
    way, after = CLIENT_STATUS[pack]
    wanted = write(session, now, PACKS[pack])
    at = steps(session, wanted, now, PACKS[pack], *way)
    write(session, at + HOUR, request=wanted, channel=channel)
    request = fetched(session, wanted)
    assert (request.status, request.status_since, request.owner) == (after, at + HOUR, "mara")
    assert kinds(session, wanted).count("resumed") == 1
    assert request.attention_at is not None


def test_the_same_message_twice_changes_nothing(session, now):
    """A door that is called again, and a message that is judged again, write nothing."""
    wanted = write(session, now)
    at = steps(session, wanted, now, WSO2, "start-progress", "ask-client")
    for _ in range(2):
        write(session, at + HOUR, request=wanted, source="mail:answer")
    before, version = kinds(session, wanted), fetched(session, wanted).version
    steps(session, wanted, at + HOUR, WSO2, "ask-client")
    answered(session, wanted, "mail:answer", WSO2, at + 9 * HOUR)
    assert before.count("resumed") == 1
    assert (kinds(session, wanted).count("resumed"), fetched(session, wanted).version) == (1, version + 1)
    assert fetched(session, wanted).status == "waiting-on-client"


def test_what_was_written_before_we_asked_is_no_answer(session, now):
    """A mail that was on its way while we asked leaves the request waiting, and is still part of it."""
    wanted = write(session, now)
    at = steps(session, wanted, now, WSO2, "start-progress", "ask-client")
    write(session, at - HOUR / 2, request=wanted)
    assert fetched(session, wanted).status == "waiting-on-client"
    assert len(tables.requests.interactions(session, wanted)) == 2


def test_an_automatic_mail_changes_nothing(session, now):
    """An absence notice is no answer."""
    wanted = write(session, now)
    at = steps(session, wanted, now, WSO2, "start-progress", "ask-client")
    write(session, at + HOUR, request=wanted, note="automatic: out of office")
    assert fetched(session, wanted).status == "waiting-on-client"
    assert "resumed" not in kinds(session, wanted)


@pytest.mark.parametrize("pack", sorted(TO_RESOLVED))
def test_a_word_of_thanks_reopens_nothing_and_is_shown(session, now, pack):
    """After a resolution a message is a proposal to re-open; a person decides, or the client says so."""
    way, code, reopened = TO_RESOLVED[pack]
    wanted = write(session, now, PACKS[pack])
    at = steps(session, wanted, now, PACKS[pack], *way, "resolve", resolution=code)
    request = fetched(session, wanted)
    request.state = TriageState.DECIDED
    write(session, at + HOUR, request=wanted, source="mail:thanks")
    answered(session, wanted, "mail:thanks", PACKS[pack], at + HOUR)
    assert (fetched(session, wanted).status, request.follow_up_at) == ("resolved", at + HOUR)
    proposed = [row for row in tables.requests.clock_events(session, wanted) if row.event == "proposed"]
    assert [(row.value, row.source) for row in proposed] == [("reopen", "mail:thanks")]
    request.follow_up_at = None
    click(session, wanted, "reopen", at + 2 * HOUR)
    request = fetched(session, wanted)
    assert (request.status, request.owner, request.follow_up_at) == (reopened, "mara", at + 2 * HOUR)
    assert kinds(session, wanted).count("reopened") == 1


def test_a_message_to_a_deferred_request_reopens_it_for_us(session, now):
    """WSO2 Deferred, A6: the client has come back, so the work goes on."""
    wanted = write(session, now)
    at = steps(session, wanted, now, WSO2, "start-progress", "ask-client")
    write(session, at + HOUR, request=wanted)
    at = steps(session, wanted, at + HOUR, WSO2, "defer", agreement="until May")
    write(session, at + HOUR, request=wanted)
    assert fetched(session, wanted).status == "reopened"
    assert set(kinds(session, wanted)[-2:]) == {"resumed", "status"}


def test_a_call_ends_a_pause_that_no_step_of_the_workflow_ends(session, now):
    """A clock that was paused by hand runs on, though the call starts a clock itself."""
    wanted = write(session, now)
    tables.requests.record_clock(session, wanted, "paused", "engineer", now + HOUR)
    at = now + 2 * HOUR
    write(session, at, request=wanted, channel=Channel.PHONE, clock_started_at=at)
    started = [row.value for row in tables.requests.clock_events(session, wanted) if row.event == "started"]
    assert (kinds(session, wanted).count("resumed"), started) == (1, ["phone"])


def test_oros_customer_resolves_it_themselves_wherever_it_stands(session, now):
    """Oro O9: mark as resolved; the client owes no code, and has accepted by it."""
    wanted = write(session, now, ORO)
    shown = view(session, wanted, now)
    assert (shown.label, shown.stage, shown.over) == ("Waiting for triage", "waiting", False)
    assert [(one.id, one.to) for one in shown.steps] == [("resolve", "Resolved")]
    click(session, wanted, "resolve", now + HOUR)
    request = fetched(session, wanted)
    assert (request.status, request.resolution) == ("resolved", None)
    assert {"status", "resolved", "accepted"} <= set(kinds(session, wanted))
    (row,) = [row for row in tables.requests.clock_events(session, wanted) if row.event == "status"]
    assert (row.made_by, row.detail["policy"]) == ("ada@example.com", ORO.ref)
    assert view(session, wanted, now).over


def test_wso2s_customer_does_not_resolve_but_closes(session, now):
    """WSO2: an engineer resolves, the client accepts; twice is a conflict."""
    wanted = write(session, now)
    assert view(session, wanted, now).steps == ()
    at = steps(session, wanted, now, WSO2, "start-progress")
    with pytest.raises(Forbidden):
        click(session, wanted, "resolve", at)
    at = steps(session, wanted, at, WSO2, "resolve", resolution="solved")
    assert [one.id for one in view(session, wanted, at).steps] == ["close", "reopen"]
    click(session, wanted, "close", at + HOUR)
    assert (fetched(session, wanted).status, fetched(session, wanted).resolution) == ("closed", "solved")
    with pytest.raises(Conflict):
        click(session, wanted, "close", at + HOUR)


def test_what_a_step_asks_is_asked_of_the_client_too(session, now):
    """Witboost asks how the resolution was confirmed."""
    wanted = write(session, now, PACKS["witboost"])
    at = steps(session, wanted, now, PACKS["witboost"], "take-charge", "resolve", resolution="explanation")
    close = next(one for one in view(session, wanted, at).steps if one.id == "close")
    assert [(one.name, one.ask[:7]) for one in close.asks] == [("confirmed", "How was")]


def test_a_clients_step_turns_an_engineers_old_view_into_a_conflict(session, now):
    """Both act on what they see; the engineer looks again."""
    wanted = write(session, now, ORO)
    seen = fetched(session, wanted).version
    click(session, wanted, "resolve", now + HOUR)
    common = {"engineer": "mara", "role": Role.ENGINEER, "policy": ORO, "now": now + HOUR}
    with pytest.raises(Conflict):
        progress.take(session, wanted, version=seen, **common)


def test_an_unknown_request_is_not_found(session, now):
    """Neither shown nor moved."""
    with pytest.raises(NotFound):
        view(session, uuid4(), now)
    with pytest.raises(NotFound):
        click(session, uuid4(), "close", now)


SSH = {"service": "ssh-access", "user_name": "Ada Example", "user_email": "ada@example.com", "company": "Example"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"fields": SSH}, "between 3 March 2026 and 4 March 2026 (estimate)"),
        ({"fields": {"service": "availability-check"}}, "on 3 March 2026 (estimate)"),
        ({"fields": {**SSH, "user_email": ""}}, ""),
        ({"fields": {"service": "resources", "volume": "1", "queues": "2", "consumers": "3"}}, ""),
        ({"fields": {"service": "no-such"}}, ""),
        ({"new_text": "Please set up basic authentication."}, "between 3 March 2026 and 4 March 2026 (estimate)"),
        ({"new_text": "Please set up basic authentication and dns."}, ""),
        ({"new_text": "Something else."}, ""),
        ({"fields": {"service": "mail-domains", "mail_domains": "example.com", "environment": "production"}}, ""),
    ],
)
def test_an_ordered_service_says_when_to_expect_it(session, said, expected):
    """Oro O17: working days from when everything was told; no estimate for what needs looking into."""
    wanted = write(session, MONDAY, ORO, **{"new_text": "", **said})
    assert view(session, wanted, MONDAY).expected == expected


def test_an_estimate_counts_from_when_everything_was_told(session):
    """What was missing comes two days later; only then do the working days begin."""
    wanted = write(session, MONDAY, ORO, fields={**SSH, "user_email": ""})
    write(session, MONDAY + 48 * HOUR, request=wanted, fields={"user_email": "ada@example.com"})
    assert view(session, wanted, MONDAY).expected == "between 5 March 2026 and 6 March 2026 (estimate)"
    click(session, wanted, "resolve", MONDAY + 49 * HOUR)
    assert view(session, wanted, MONDAY).expected == ""


def test_no_other_policy_estimates_a_service(session):
    """A catalogue is one policy's."""
    wanted = write(session, MONDAY, WSO2, fields=SSH)
    assert view(session, wanted, MONDAY).expected == ""


def test_a_question_that_moves_the_request_is_answered_by_a_mail(session, now):
    """From the console's question to the client's answer, and back to work."""
    wanted = write(session, now)
    at = steps(session, wanted, now, WSO2, "start-progress")
    common = {"engineer": "mara", "role": Role.ENGINEER, "policy": WSO2, "now": at + HOUR}
    version = fetched(session, wanted).version
    messages.ask(session, wanted, questions=[("Which?", "To know.")], move=True, version=version, **common)
    assert fetched(session, wanted).status == "waiting-on-client"
    write(session, at + 2 * HOUR, request=wanted)
    assert fetched(session, wanted).status == "waiting-on-wso2"


def test_a_request_whose_pack_is_gone_is_shown_and_stands_still(session):
    """Its customer is told that we have it, and no step of another policy is theirs to take."""
    request_id = write(session, MONDAY)
    less = {name: pack for name, pack in PACKS.items() if name != "wso2"}
    seen = client.client_view(session, request_id, policies=less, now=MONDAY)
    assert (seen.label, seen.over, seen.steps, seen.expected) == ("Received", False, (), "")
    with pytest.raises(Conflict, match="cannot be changed here"):
        client.client_step(session, request_id, "close", {}, policies=less, now=MONDAY, party="portal")
    assert fetched(session, request_id).policy == "wso2"
