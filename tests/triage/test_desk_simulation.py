"""An edited pack replayed over stored requests: what would be suggested, ruled, due and missed otherwise."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from models import tables
from models.terms import Channel, Fact, Interaction, Suggestion, TriageState
from triage import policy as packs
from triage.classifier import Ranked
from triage.clock import State
from triage.desk.reception import Reception, receive
from triage.desk.revision import Change, Outcome, Stored, compare
from triage.desk.simulation import simulate
from triage.policy import Policy
from triage.suggest import suggest
from triage.timeline import Event

PACK = """\
id: mine
version: 1
name: Mine
source: "Our own handbook"
sla_channels: [portal, phone]
threshold: 0.5
types:
  - {value: fault, label: Fault, definition: Broken., clause: "§1"}
  - {value: wish, label: Wish, definition: Wanted., clause: "§1"}
levels:
  - {value: high, label: High, definition: Bad., clause: "§2"}
  - {value: mid, label: Mid, definition: Half bad., clause: "§2"}
  - {value: low, label: Low, definition: Not bad., clause: "§2"}
rules:
  - {id: way-round, clause: "§3 a way round", when: {workaround: "yes"}, then: {cap: mid}}
  - {id: not-live, clause: "§3 not live", when: {environment: staging}, then: {cap: low}}
clocks:
  calendars:
    - {id: office, zone: UTC, week: {mon-sat: ["09:00-17:00"]}, clause: "§4"}
  pauses:
    - {status: asked, clause: "§4"}
  targets:
    - {level: high, kind: response, within: 1 h, calendar: 24x7, clause: "§4"}
    - {level: mid, kind: response, within: 2 h, calendar: office, clause: "§4"}
    - {level: low, kind: response, within: 8 h, calendar: office, clause: "§4"}
    - {level: high, kind: resolution, within: 24 h, calendar: 24x7, promise: objective, clause: "§4"}
workflow:
  start: open
  statuses:
    - {value: open, label: Open, stage: waiting, definition: New., clause: "§6"}
    - {value: asked, label: Asked, stage: client, definition: Theirs., clause: "§6"}
    - {value: done, label: Done, stage: closed, definition: Over., clause: "§6"}
  steps:
    - {id: ask, label: Ask, from: [open], to: asked, by: [engineer], clause: "§6"}
    - {id: answer, label: Answer, from: [asked], to: open, by: [client], on_message: at-once, clause: "§6"}
    - {id: finish, label: Finish, from: [open], to: done, by: [engineer], clause: "§6"}
  reopen: {owner: last, clause: "§6"}
"""
PAUSES = '  pauses:\n    - {status: asked, clause: "§4"}\n'
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
WAY_ROUND = Fact(name="workaround", value="yes", source="engineer")
EASED = "{cap: mid}", "{cap: low}"


class Sure:
    """A classifier that finds everything a high fault."""

    id = "sb-sure"

    def rank(self, policy_id: str, subject: str, body: str, facts: Iterable[Fact]) -> Ranked:  # noqa: ARG002 - a fake
        """The same ranking for everything."""
        return Ranked(type={"fault": 0.9, "wish": 0.1}, priority={"high": 0.8, "mid": 0.1, "low": 0.1}, words=())


def pack(*edits: tuple[str, str]) -> Policy:
    """The pack with some of its words exchanged."""
    text = PACK
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    found, mistakes = packs.parse(text.encode(), "mine.yaml")
    assert mistakes == []
    return found


def propose(policy: Policy, /, **said: object) -> Suggestion:
    """A suggestion of the sure classifier."""
    return suggest(policy, Sure(), **said)


def stored(old: Policy | None, new: Policy, *facts: Fact, log: tuple[Event, ...] = (), **more: object) -> Stored:
    """A request of which these facts are known."""
    given = {
        "reference": "SB-1042",
        "received_at": NOW - timedelta(hours=3),
        "channel": Channel.PHONE,
        "subject": "Orders fail again",
        "body": "",
        "language": "en",
        "facts": {one.digest: facts for one in (old, new) if one},
        "log": log,
        **more,
    }
    return Stored(**given)


def started(hours: float, *more: tuple[float, str, str]) -> tuple[Event, ...]:
    """A log: started so many hours ago, and what came after it."""
    entries = [(hours, "started", "phone"), *more]
    return tuple(Event(id=f"{n}", at=NOW - timedelta(hours=h), kind=k, value=v) for n, (h, k, v) in enumerate(entries))


def changed(new: Policy, *facts: Fact, old: Policy | None = None, **more: object) -> Change | None:
    """What changes for a request from the unedited pack to an edited one."""
    old = old or pack()
    return compare(stored(old, new, *facts, **more), old, new, propose, NOW)


def test_the_same_pack_changes_nothing():
    """Replaying is not a change: neither labels nor clocks, decided or not, started or not."""
    for log in ((), started(3)):
        for decided in (None, ("fault", "high")):
            assert changed(pack(), WAY_ROUND, log=log, decided=decided) is None


def test_another_level_suggested_names_the_rule_and_its_clause():
    """The rule that now decides is told with the words of the edited pack."""
    found = changed(pack(EASED, ("§3 a way round", "§3 any way round")), WAY_ROUND)
    assert (found.before.level, found.after.level) == ("mid", "low")
    assert found.reason == "way-round, §3 any way round"
    assert not found.moved


def test_a_rule_that_is_gone_is_named_by_the_pack_that_had_it():
    """What eased before and does so no more."""
    gone = next(line for line in PACK.splitlines(keepends=True) if "way-round" in line)
    found = changed(pack((gone, "")), WAY_ROUND)
    assert (found.before.level, found.after.level) == ("mid", "high")
    assert found.reason == "without way-round, §3 a way round"


def test_a_suggestion_that_would_be_withheld_is_a_change():
    """The threshold is part of the pack."""
    found = changed(pack(("threshold: 0.5", "threshold: 0.95")))
    assert (found.before.withheld, found.after.withheld) == (None, "type below 0.95")
    assert found.reason == ""


def test_a_decided_level_stands_and_where_the_rules_would_take_it_is_told():
    """An engineer's word is not replayed: clocks keep counting by it, the rules' view stands beside it."""
    log = started(3, (2.5, "type", "fault"), (2.5, "level", "high"))
    found = changed(pack(EASED), WAY_ROUND, log=log, decided=("fault", "high"))
    assert (found.before.ruled, found.after.ruled, found.after.ruled_by) == ("mid", "low", "way-round")
    assert found.rules_otherwise
    assert found.moved == ()


def test_a_decision_that_left_no_event_is_clocked_all_the_same():
    """Decided before levels stood in the log: the decided level counts from the start."""
    found = changed(pack(("within: 1 h", "within: 30 min")), log=started(3), decided=("fault", "high"))
    (moved,) = found.moved
    assert (moved.before.level, moved.before.due, moved.after.due) == (
        "high",
        NOW - timedelta(hours=2),
        NOW - timedelta(hours=2.5),
    )


def test_an_undecided_request_is_clocked_by_the_level_each_pack_suggests():
    """With another level come other targets, from the same start."""
    found = changed(pack(("{cap: mid}", "{cap: high}")), WAY_ROUND, log=started(0.25))
    response = next(one for one in found.moved if one.kind == "response")
    assert (response.before.level, response.after.level) == ("mid", "high")
    assert (response.before.target, response.after.target) == ("2 h", "1 h")
    objective = next(one for one in found.moved if one.promise == "objective")
    assert (objective.before, objective.after.target) == (None, "24 h")


@pytest.mark.parametrize(
    ("within", "answered", "more"),
    [("30 min", 2.25, 1), ("3 h", 2.25, 0), ("30 min", 2.75, 0), ("4 h", 1.5, -1), ("1 h 15 min", None, 0)],
)
def test_deadlines_missed_and_met_are_counted(within: str, answered: float | None, more: int):
    """Started three hours ago at a level with one hour: answered after 15, 45 or 90 minutes, or never."""
    log = started(3, (3, "level", "high"), *([(answered, "responded", "")] if answered else []))
    found = changed(pack(("within: 1 h", f"within: {within}")), log=log, decided=("fault", "high"))
    assert [moved.more_missed for moved in found.moved] == [more]


def test_a_status_that_pauses_no_more_moves_the_deadline():
    """Pauses are the pack's to name; the log is the same."""
    log = started(1, (1, "level", "high"), (0.75, "paused", "asked"), (0.25, "resumed", ""))
    found = changed(pack((PAUSES, "")), log=log, decided=("fault", "high"))
    assert {moved.before.due - moved.after.due for moved in found.moved} == {timedelta(minutes=30)}


def test_labels_of_a_decision_taken_back_do_not_count():
    """Undecided again: the suggestion is supposed, not what stood in the log."""
    log = started(3, (2, "level", "low"), (1, "level", ""))
    found = changed(pack(("within: 1 h", "within: 2 h")), log=log)
    assert {moved.before.level for moved in found.moved} == {"high"}


def test_a_request_without_a_clock_has_no_target_to_move():
    """Mail starts no clock: only its suggestion can change."""
    assert changed(pack(("within: 1 h", "within: 2 h"))) is None


def test_what_the_edited_pack_lacks_is_named():
    """A decided level and a status that are gone; what the pack before lacked too is no change."""
    renamed = pack(("value: low", "value: least"), ("cap: low", "cap: least"), ("level: low", "level: least"))
    found = changed(renamed, decided=("fault", "low"), status="lost")
    assert found.lost == ("level low",)
    assert found.after.ruled is None


def test_without_an_installed_pack_the_stored_suggestion_is_compared():
    """Levels only: no deadline is stored."""
    new = pack()
    last = Outcome(type="fault", level="high")
    found = compare(stored(None, new, WAY_ROUND, suggested=last, log=started(3)), None, new, propose, NOW)
    assert (found.before.level, found.after.level, found.moved) == ("high", "mid", ())
    assert found.reason == "way-round, §3 a way round"
    same = Outcome(type="fault", level="mid")
    assert compare(stored(None, new, WAY_ROUND, suggested=same, log=started(3)), None, new, propose, NOW) is None
    assert compare(stored(None, new, WAY_ROUND), None, new, propose, NOW) is None


@pytest.fixture
def requests(session) -> list[tables.requests.Request]:
    """Five requests by phone, an hour apart, the third of another policy."""
    found = []
    installed = {"mine": pack(), "other": pack(("id: mine", "id: other"))}
    for number in range(5):
        at = NOW - timedelta(hours=5 - number)
        said = Interaction(
            source=f"call:{number}",
            channel=Channel.PHONE,
            received_at=at,
            subject="Orders fail",
            new_text="A workaround is in place." if number == 4 else "The export is slow.",
            clock_started_at=at if number else None,
        )

        def by_pack(*, policy: str, **more: object) -> Suggestion:
            return propose(installed[policy], **more)

        desk = Reception(policies=installed, default_policy="other" if number == 2 else "mine", suggest=by_pack)
        found.append(tables.requests.fetch(session, receive(session, said, at, reception=desk).request))
    return found


def test_stored_requests_of_the_pack_are_replayed_the_newest_first(session, requests):
    """Those of other policies are not; how many there are, are looked at and have no clock is told."""
    found = simulate(session, pack(("within: 1 h", "within: 30 min")), pack(), propose=propose, now=NOW)
    assert (found.stored, found.replayed, found.without_clock) == (4, 4, 1)
    assert [change.reference for change in found.changes] == [requests[3].reference, requests[1].reference]
    assert (found.more_missed, found.fewer_missed) == (0, 0)
    (retargeted,) = found.targets
    assert (len(retargeted.moved), retargeted.earlier, retargeted.later) == (2, 2, 0)


def test_only_so_many_or_those_since_a_day(session, requests):
    """The newest, and those received since a moment; every one is told to the progress bar."""
    told = []
    found = simulate(
        session, pack(), pack(), propose=propose, now=NOW, limit=2, progress=lambda *each: told.append(each)
    )
    assert (found.stored, found.replayed, told) == (4, 2, [(1, 2), (2, 2)])
    later = simulate(session, pack(), pack(), propose=propose, now=NOW, since=requests[3].received_at)
    assert (later.stored, later.replayed, later.same_file) == (2, 2, True)


def test_the_replay_says_what_the_desk_said(session, requests):
    """Under the pack it was suggested with, the stored suggestion comes out again, the text's facts included."""
    found = simulate(session, pack(), None, propose=propose, now=NOW)
    assert found.changes == ()
    edited = simulate(session, pack(EASED), None, propose=propose, now=NOW)
    assert [change.reference for change in edited.changes] == [requests[4].reference]
    assert (edited.installed, edited.changes[0].moved) == (None, ())


def test_an_engineers_facts_and_decisions_are_replayed_too(session, requests):
    """What an engineer stated outranks the text; what was decided stands."""
    row = requests[4]
    session.add(
        tables.progress.StatedFact(
            request_id=row.id, name="environment", value="staging", stated_by="mara", stated_at=NOW
        )
    )
    row.state, row.decided_type, row.decided_priority = TriageState.DECIDED, "fault", "high"
    session.flush()
    found = simulate(session, pack(("then: {cap: low}", "then: {cap: mid}")), pack(), propose=propose, now=NOW)
    (change,) = found.changes
    assert change.decided == ("fault", "high")
    assert (change.before.ruled, change.after.ruled) == ("low", "mid")


def test_nothing_is_written(session, requests):
    """Only SELECT reaches the database."""
    said = []
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", lambda *each: said.append(each[2]))
    simulate(session, pack(EASED), pack(), propose=propose, now=NOW)
    assert said
    assert {words.split()[0].upper() for words in said} == {"SELECT"}
    assert not session.new
    assert not session.dirty


def test_a_clock_that_stands_still_is_compared_by_its_state():
    """A paused clock has no deadline; under a pack that honours no pause it has one, and it may be missed."""
    log = started(3, (3, "level", "high"), (2.75, "paused", "asked"))
    found = changed(pack((PAUSES, "")), log=log, decided=("fault", "high"))
    response = next(one for one in found.moved if one.kind == "response")
    assert (response.before.state, response.before.due) == (State.PAUSED, None)
    assert (response.after.state, response.more_missed) == (State.BREACHED, 1)
