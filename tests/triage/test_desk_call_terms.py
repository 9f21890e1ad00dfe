"""What a conversation asks of the desk: urgent or not, what is due, what is open, who took it, who did not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from models import tables
from models.calling import LegState
from models.errors import NotFound
from models.terms import Channel, Fact, Interaction, Role, TriageState, Visibility
from triage import policy
from triage.classifier import Ranked
from triage.desk import directory, folding, ledger, progress, recipients, watch
from triage.desk.call_terms import open_request, taken, terms, unreached
from triage.desk.reception import Reception, receive
from triage.desk.recipients import Book
from triage.suggest import suggest

PACKS = policy.load_packs()
FIND = partial(recipients.find, book=Book(named={"on-call": ("+49305550100",)}))
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PRESSED = {"down": {"value": "full", "source": "caller"}, "environment": {"value": "production", "source": "caller"}}


class Top:
    """A classifier that finds every request a little likelier to be P1 than anything else."""

    id = "top"

    def rank(self, *_):
        """Nothing is asked of the text."""
        shares = {"P1": 0.7, "P2": 0.1, "P3": 0.1, "P4": 0.1}
        return Ranked(type={"incident": 1.0}, priority=shares, words=(), known=1.0)


def called(session, now, *, policy="wso2", decided="", suggested="", rule=None, facts=None, account=None, sid=""):
    """A request that came by telephone, decided or suggested."""
    request = tables.requests.Request(
        channel=Channel.PHONE, subject="Orders fail", policy=policy, received_at=now, clock_started_at=now,
        state=TriageState.DECIDED if decided else TriageState.TO_CONFIRM, decided_at=now if decided else None,
        decided_type="incident" if decided else None, decided_priority=decided or None,
        account_id=account.id if account else None,
    )  # fmt: skip
    session.add(request)
    session.flush()
    labels = (("type", "incident"), ("level", decided)) if decided else ()
    for kind, value in (("started", "phone"), *labels):
        tables.requests.record_clock(session, request.id, kind, "test", now, value=value)
    if suggested or rule:
        content = {"facts": facts or {}, "priority": {"rule": rule, "value": suggested}}
        row = tables.requests.Suggestion(
            request_id=request.id, cause="x", policy="wso2@3", policy_digest="", type="incident",
            priority=suggested or None, created_at=now, content=content,
        )  # fmt: skip
        session.add(row)
    if sid:
        call = tables.calls.Call(
            call_sid=sid, account_sid="AC1", from_number="", to_number="", status="in-progress", step="problem",
            answers={}, request_id=request.id, started_at=now,
        )  # fmt: skip
        session.add(call)
    session.flush()
    return request


def pressed(session, request, now, facts=None) -> None:
    """The caller pressed that production is down, and no worker has suggested yet."""
    told = [{"name": name, **fact} for name, fact in (facts or PRESSED).items()]
    row = tables.requests.Interaction(
        request_id=request.id, source=f"call:{request.id}:problem", channel=Channel.PHONE, subject="", text="",
        new_text="", facts=told, fields={}, received_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()


def looked(session, at) -> list[str]:
    """Look, and give the steps of every request told by now."""
    watch.look(session, at, policies=PACKS, recipients=FIND)
    row = tables.progress.EscalationStep
    return [f"{step.ladder}/{step.rung}" for step in session.scalars(select(row).order_by(row.due_at))]


def rung(session) -> int:
    """How often whoever is on call was rung for an unreached caller."""
    row = tables.progress.EscalationStep
    return session.scalar(select(func.count()).where(row.rung == "on-call", row.cause == "unreached")) or 0


@pytest.mark.parametrize(
    ("given", "urgent"),
    [({"decided": "P1"}, True), ({"decided": "P2"}, False), ({"suggested": "P1"}, True), ({"suggested": "P3"}, False),
     ({"decided": "P3", "suggested": "P1"}, False), ({}, False)],
)  # fmt: skip
def test_a_request_burns_at_an_urgent_level(session, now, given, urgent):
    """The decided one, else the suggested one."""
    assert terms(session, called(session, now, **given).id, now, policies=PACKS).looks_urgent is urgent


def test_a_caller_who_pressed_that_production_is_down_burns_before_anything_is_suggested(session, now):
    """A worker suggests a moment later; the caller is on the line now."""
    request = called(session, now)
    pressed(session, request, now)
    found = terms(session, request.id, now, policies=PACKS)
    assert (found.looks_urgent, found.needs_phone) == (True, True)


@pytest.mark.parametrize(("text", "urgent"), [("Orders fail.", True), ("We found a workaround.", False)])
def test_what_the_desk_stores_of_a_call_is_what_its_terms_are_read_from(session, now, text, urgent):
    """The key as voice files it, the suggestion as the desk makes it: a workaround is what WSO2's P2 note eases."""

    def by_rules(*, policy, **said):
        return suggest(PACKS[policy], Top(), **said)

    facts = tuple(Fact(name=name, **fact) for name, fact in PRESSED.items())
    said = Interaction(source="call:CA9", channel=Channel.PHONE, received_at=now, new_text=text, facts=facts)
    desk = Reception(policies=PACKS, default_policy="wso2", suggest=by_rules)
    found = receive(session, replace(said, clock_started_at=now), now, reception=desk)
    assert terms(session, found.request, now, policies=PACKS).looks_urgent is urgent


@pytest.mark.parametrize(
    ("rule", "facts", "urgent"),
    [(None, PRESSED, True), ("functional-loss-is-not-low", PRESSED, True), ("workaround-available", PRESSED, False),
     (None, {"down": {"value": "full", "source": "text"}, "environment": PRESSED["environment"]}, False),
     (None, {"down": {"value": "no", "source": "caller"}}, False)],
)  # fmt: skip
def test_the_key_pressed_outranks_the_classifier_and_no_rule(session, now, rule, facts, urgent):
    """What the policy itself eases is eased; what a text says is the classifier's to weigh."""
    request = called(session, now, suggested="P3", rule=rule, facts=facts)
    assert terms(session, request.id, now, policies=PACKS).looks_urgent is urgent


def test_a_decision_outranks_the_key(session, now):
    """An engineer has looked."""
    request = called(session, now, decided="P3", suggested="P3", facts=PRESSED)
    assert not terms(session, request.id, now, policies=PACKS).looks_urgent


@pytest.mark.parametrize(
    ("name", "level", "needed"), [("parallels", "2", True), ("parallels", "3", False), ("oro", "P1", False)]
)
def test_the_policy_says_for_which_levels_a_number_is_needed(session, now, name, level, needed):
    """Parallels for Severity 1 and 2 (L7)."""
    request = called(session, now, policy=name, suggested=level)
    assert terms(session, request.id, now, policies=PACKS).needs_phone is needed


def test_the_response_is_due_as_if_the_suggestion_were_confirmed(session, now):
    """WSO2 answers a P1 within its time from the first webhook; what was answered is due no more."""
    request = called(session, now, suggested="P1")
    target = next(one for one in PACKS["wso2"].commitments.levels["P1"] if one.kind == "response")
    assert terms(session, request.id, now + MINUTE, policies=PACKS).response_due == now + target.within
    tables.requests.record_clock(session, request.id, "responded", "test", now + MINUTE)
    assert terms(session, request.id, now + 2 * MINUTE, policies=PACKS).response_due is None


@pytest.mark.parametrize("name", sorted(PACKS))
def test_a_call_in_the_night_of_a_holiday_is_taken_like_any_other(session, name):
    """Requests are taken at all hours of every day (O2); its clock starts at once, whatever its calendar says then."""
    night = datetime(2026, 12, 25, 3, 0, tzinfo=UTC)
    said = Interaction(source="call:CA8", channel=Channel.PHONE, received_at=night, clock_started_at=night)
    found = receive(session, said, night, reception=Reception(policies=PACKS, default_policy=name))
    request = tables.requests.fetch(session, found.request)
    assert (found.opened, request.clock_started_at, found.policy) == (True, night, name)
    request.decided_type, request.decided_priority = "incident", PACKS[name].levels[0].value
    due = terms(session, request.id, night, policies=PACKS).response_due
    assert due is None or due > night


def test_a_policy_that_promises_nothing_has_nothing_due(session, now):
    """Parallels names no time; nor does a policy that is not installed."""
    promised = terms(session, called(session, now, policy="parallels", suggested="1").id, now, policies=PACKS)
    assert promised.response_due is None
    assert not terms(session, called(session, now, policy="gone").id, now, policies=PACKS).looks_urgent
    with pytest.raises(NotFound):
        terms(session, directory.add_account(session, "Zed").id, now, policies=PACKS)


def test_an_open_request_that_burns_is_offered_with_its_last_public_update(session, now):
    """What only engineers read is not read out; links and line breaks neither."""
    account = directory.add_account(session, "Nordhandel")
    burning = called(session, now - HOUR, decided="P1", account=account)
    mine = called(session, now, account=account)
    for at, note, public in ((50, "We look.", True), (40, "A node\nis lost: https://x.example/1 we restore.", True),
                             (30, "The admin is asleep", False), (20, "", True)):  # fmt: skip
        tables.requests.record_clock(
            session, burning.id, "updated", f"u{at}", now - at * MINUTE, note=note, is_public=public
        )
    found = open_request(session, mine.id, now, policies=PACKS)
    assert found is not None
    assert (found.request, found.reference, found.level) == (burning.id, burning.reference, "Critical P1")
    assert (found.update, found.updated_at) == ("A node is lost: we restore.", now - 40 * MINUTE)


@pytest.mark.parametrize(("shared", "heard"), [("private", ""), ("group", "We restore it.")])
def test_news_of_a_private_request_is_not_for_colleagues(session, now, shared: str, heard: str):
    """Oro's customers may keep a request to themselves: others of the account hear its number only."""
    account = directory.add_account(session, "Halcyon Hosting")
    theirs = called(session, now - HOUR, policy="oro", decided="P1", account=account)
    theirs.decided_type, theirs.visibility = "technical-request", Visibility(shared)
    session.flush()
    tables.requests.record_clock(session, theirs.id, "update", "x:1", now, note="We restore it.", is_public=True)
    mine = called(session, now, policy="oro", account=account)
    found = open_request(session, mine.id, now, policies=PACKS)
    assert (found.reference, found.update) == (theirs.reference, heard)


def test_a_long_update_is_cut_at_a_word(session, now):
    """Nobody listens to more."""
    account = directory.add_account(session, "Nordhandel")
    burning = called(session, now, decided="P1", account=account)
    tables.requests.record_clock(session, burning.id, "updated", "u", now, note="word " * 100, is_public=True)
    found = open_request(session, called(session, now, account=account).id, now, policies=PACKS)
    assert found is not None
    assert len(found.update) <= 300
    assert found.update.endswith("word…")


@pytest.mark.parametrize(
    "given",
    [
        {"decided": "P2"},
        {"suggested": "P1"},
        {"suggested": "P1", "facts": {"down": {"value": "full", "source": "text"}}},
        {"suggested": "P2", "facts": PRESSED},
        {},
        {"policy": "gone", "decided": "P1"},
    ],
)
def test_what_does_not_surely_burn_is_not_offered(session, now, given):
    """A suggestion alone sends nobody's call to another request: a person has to have said that all is down."""
    account = directory.add_account(session, "Nordhandel")
    called(session, now, account=account, **given)
    assert open_request(session, called(session, now, account=account).id, now, policies=PACKS) is None


def test_the_newest_one_of_the_same_account_is_offered(session, now):
    """Not what is over, folded, another account's, or this call's own."""
    account = directory.add_account(session, "Nordhandel")
    older = called(session, now - 3 * HOUR, decided="P1", account=account)
    newest = called(session, now - 2 * HOUR, suggested="P1", facts=PRESSED, account=account)
    over = called(session, now - HOUR, decided="P1", account=account)
    over.status = next(one.value for one in PACKS["wso2"].workflow.statuses if one.stage == "resolved")
    child = called(session, now - HOUR, decided="P1", account=account)
    folding.fold(session, child.id, older.id, by="mara", now=now)
    called(session, now - HOUR, decided="P1", account=directory.add_account(session, "Suedwerk"))
    called(session, now - HOUR, decided="P1")
    mine = called(session, now, decided="P1", account=account)
    found = open_request(session, mine.id, now, policies=PACKS)
    assert found is not None
    assert found.request == newest.id
    assert open_request(session, called(session, now, decided="P1").id, now, policies=PACKS) is None


def test_whoever_takes_a_call_on_stops_the_ladder_and_owns_the_request(session, now):
    """By name or login; once for each call, however often the webhook comes."""
    session.add(tables.directory.Engineer(login="mara", name="Mara Muster", password_hash="x", role="engineer"))
    request = called(session, now, decided="P1", sid="CA1")
    for _ in range(2):
        taken(session, request.id, "Mara Muster", now)
    rows = [row for row in tables.requests.clock_events(session, request.id) if row.event == "acknowledged"]
    assert [(row.value, row.made_by) for row in rows] == [("Mara Muster", "Mara Muster")]
    assert request.owner == "mara"


@pytest.mark.parametrize(
    ("owner", "name", "then"),
    [("noor", "Mara", "noor"), (None, "on-call", None), (None, "Old", None), (None, "Twin", None)],
)
def test_a_request_changes_hands_by_nobody_s_key(session, now, owner, name, then):
    """An owner stays; a name of the book, of two people or of somebody who left owns nothing."""
    for login, called_ in (("mara", "Mara"), ("old", "Old"), ("t1", "Twin"), ("t2", "Twin")):
        disabled = now if login == "old" else None
        row = tables.directory.Engineer(
            login=login, name=called_, password_hash="x", role="engineer", disabled_at=disabled
        )
        session.add(row)
    request = called(session, now, decided="P1")
    request.owner = owner
    taken(session, request.id, name, now)
    assert request.owner == then


def took(session, request, name, at, *, bridged):
    """A telephone of ours whose owner pressed 1 in the call, and what came of it."""
    (call,) = tables.calls.by_request(session, request.id)
    leg = tables.reaching.Leg(
        call_id=call.id, request_id=request.id, round=1, name=name, number=f"+49305550{len(name)}", ring_seconds=20,
        state=LegState.TAKEN, rung_at=at, answered_at=at, key_pressed="1", taken_at=at, bridged=bridged,
    )  # fmt: skip
    session.add(leg)
    taken(session, request.id, name, at)


@pytest.mark.parametrize(("bridged", "owner"), [(False, "priya"), (True, "mara"), (None, "mara")])
def test_a_key_without_a_connection_owns_no_longer_than_until_another_one_takes_it(session, now, bridged, owner):
    """Who talks to the caller has the request; a key is a key and a bridge."""
    for login, name in (("mara", "Mara"), ("priya", "Priya")):
        session.add(tables.directory.Engineer(login=login, name=name, password_hash="x", role="engineer"))
    request = called(session, now, decided="P1", sid="CA1")
    took(session, request, "Mara", now, bridged=bridged)
    assert request.owner == "mara"
    took(session, request, "Priya", now + MINUTE, bridged=None)
    assert request.owner == owner
    notes = [row.note for row in tables.requests.clock_events(session, request.id) if row.event == "owned"]
    assert notes == ["", *(["who took the call first was not connected to the caller"] if bridged is False else [])]


def test_an_owner_from_before_the_call_stays_though_a_key_of_theirs_came_to_nothing(session, now):
    """They had it already: it is no key that made it theirs."""
    for login, name in (("mara", "Mara"), ("priya", "Priya")):
        session.add(tables.directory.Engineer(login=login, name=name, password_hash="x", role="engineer"))
    request = called(session, now, decided="P1", sid="CA1")
    request.owner = "mara"
    took(session, request, "Mara", now, bridged=False)
    took(session, request, "Priya", now + MINUTE, bridged=None)
    assert request.owner == "mara"


def test_whoever_is_called_otherwise_in_the_rota_owns_what_they_take(session, now):
    """The rota knows their login; somebody else who is called so by chance does not get it."""
    for login, name in (("mara", "Mara Sample"), ("other", "Mara S.")):
        session.add(tables.directory.Engineer(login=login, name=name, role="engineer", password_hash="x"))
    request = called(session, now, decided="P1")
    taken(session, request.id, "Mara S.", now, logins={"Mara S.": "mara"})
    assert request.owner == "mara"


def test_a_call_about_a_folded_request_is_taken_for_the_one_it_is_worked_on_under(session, now):
    """The ladder that must stop is the parent's."""
    parent, child = called(session, now, decided="P1"), called(session, now, sid="CA1")
    folding.fold(session, child.id, parent.id, by="caller", now=now)
    taken(session, child.id, "Mara", now)
    unreached(session, child.id, "nobody took the call", now, policies=PACKS)
    kinds = {event.kind for event in ledger.events(session, parent.id)}
    assert {"acknowledged", "unreached"} <= kinds
    assert not {"acknowledged", "unreached"} & {event.kind for event in ledger.events(session, child.id)}


@pytest.mark.parametrize("name", ["wso2", "oro", "parallels"])
def test_nobody_reached_pages_on_until_somebody_takes_it_on(session, now, name):
    """Under every policy that can ring somebody at any hour, whether its ladder names the cause or not."""
    request = called(session, now, policy=name, suggested="1" if name == "parallels" else "P1", sid="CA1")
    for _ in range(2):
        unreached(session, request.id, "nobody took the call", now, policies=PACKS)
    for minute in range(0, 55, 5):
        looked(session, now + minute * MINUTE)
    assert rung(session) == 2
    taken(session, request.id, "Mara", now + 51 * MINUTE)
    looked(session, now + 90 * MINUTE)
    assert rung(session) == 2


def test_an_unreached_caller_who_does_not_burn_is_told_to_those_who_may_be_asked(session, now):
    """Nobody is rung out of bed for a question; once a call, and once more for the next call."""
    request = called(session, now, suggested="P3", sid="CA1")
    unreached(session, request.id, "nobody took the call", now, policies=PACKS)
    unreached(session, request.id, "nobody took the call", now + MINUTE, policies=PACKS)
    rows = [row for row in tables.requests.clock_events(session, request.id) if row.event in {"asked", "unreached"}]
    assert [(row.event, row.note) for row in rows] == [("asked", "nobody took the call")]
    told = looked(session, now + 72 * HOUR)
    assert "stuck/support-lead" in told
    assert not any(step.startswith("critical") for step in told)


@pytest.mark.parametrize("rule", [None, "workaround-available"])
def test_a_caller_who_pressed_that_production_is_down_is_paged_for_whatever_was_suggested(session, now, rule):
    """They were rung for, and heard so: what a machine makes of their words keeps no telephone still."""
    request = called(session, now, suggested="P3", rule=rule, facts=PRESSED, sid="CA1")
    unreached(session, request.id, "nobody took the call", now, policies=PACKS)
    assert looked(session, now) == ["critical/on-call"]


def test_an_engineer_s_acknowledgement_in_the_console_ends_the_paging_too(session, now):
    """It is one log."""
    request = called(session, now, suggested="P1", sid="CA1")
    unreached(session, request.id, "nobody took the call", now, policies=PACKS)
    assert looked(session, now) == ["critical/on-call"]
    who = {"engineer": "mara", "role": Role.ENGINEER, "policy": PACKS["wso2"]}
    progress.acknowledge(session, request.id, **who, now=now + MINUTE)
    assert looked(session, now + 40 * MINUTE) == ["critical/on-call"]
