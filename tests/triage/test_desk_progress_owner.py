"""Who owns a request: taking, handing over, the soft limit; and what else an engineer does to it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from models import tables
from models.errors import Conflict, Invalid, NotFound
from models.terms import Channel, Interaction, Role, Visibility
from triage.desk import progress
from triage.desk.reception import Reception, receive
from triage.policy import Policy, load_packs

PACKS = load_packs()
WSO2 = PACKS["wso2"]
HOUR = timedelta(hours=1)


def raised(session: Session, now: datetime, policy: Policy = WSO2, **more: Any) -> UUID:
    """A request that came in by the portal."""
    given = {
        "source": f"form:{uuid4()}",
        "channel": Channel.PORTAL,
        "received_at": now,
        "subject": "Orders fail",
        **more,
    }
    return receive(
        session, Interaction(**given), now, reception=Reception(policies=PACKS, default_policy=policy.id)
    ).request


def fetched(session: Session, request_id: UUID) -> tables.requests.Request:
    """The request as it stands in the database."""
    request = tables.requests.fetch(session, request_id)
    assert request is not None
    session.refresh(request)
    return request


def take(session: Session, request_id: UUID, now: datetime, **more: Any) -> Any:
    """Take a request."""
    given = {"engineer": "mara", "role": Role.ENGINEER, "policy": WSO2, "now": now, **more}
    return progress.take(session, request_id, version=fetched(session, request_id).version, **given)


def give(session: Session, request_id: UUID, now: datetime, to: str, reason: str = "") -> None:
    """Hand a request over."""
    common = {"engineer": "mara", "role": Role.ENGINEER, "policy": WSO2, "now": now}
    version = fetched(session, request_id).version
    progress.hand_over(session, request_id, to=to, reason=reason, version=version, **common)


def owners(session: Session, request_id: UUID) -> list[tuple[str, str]]:
    """Every owner in the log, and why they became it."""
    rows = tables.requests.clock_events(session, request_id)
    return [(row.value, row.note) for row in rows if row.event == "owned"]


@pytest.fixture
def request_id(session: Session, now: datetime) -> UUID:
    """A WSO2 request."""
    return raised(session, now)


@pytest.fixture(autouse=True)
def engineers(session: Session) -> None:
    """Mara and Jon may work, Vera may look, Otto has left."""
    for login, role, left in (
        ("mara", Role.ENGINEER, False),
        ("jon", Role.LEAD, False),
        ("vera", Role.VIEWER, False),
        ("otto", Role.ENGINEER, True),
    ):
        gone = datetime.fromisoformat("2026-01-01T00:00:00+00:00") if left else None
        session.add(tables.directory.Engineer(login=login, role=role, password_hash="x", disabled_at=gone))
    session.flush()


def test_taking_moves_it_to_in_progress(session, request_id, now):
    """R2: whoever takes it works on it, and owns it; taken again it stays as it is."""
    take(session, request_id, now)
    request = fetched(session, request_id)
    assert (request.status, request.owner, request.version) == ("in-progress", "mara", 2)
    assert take(session, request_id, now + HOUR) is None
    assert fetched(session, request_id).version == 2
    assert owners(session, request_id) == [("mara", "")]


def test_taking_it_from_somebody_needs_a_reason(session, request_id, now):
    """R15: owned for life; in progress already, only the owner changes."""
    take(session, request_id, now)
    with pytest.raises(Invalid, match="mara owns"):
        take(session, request_id, now + HOUR, engineer="jon")
    take(session, request_id, now + HOUR, engineer="jon", reason="mara is ill")
    assert owners(session, request_id) == [("mara", ""), ("jon", "mara is ill")]
    events = [row.event for row in tables.requests.clock_events(session, request_id)]
    assert (events.count("taken"), events.count("status")) == (1, 1)


def test_a_step_that_takes_it_from_somebody_needs_a_reason_too(session, request_id, now):
    """The step does what taking does: neither goes around the other."""
    give(session, request_id, now, "jon")
    common = {"engineer": "mara", "role": Role.ENGINEER, "policy": WSO2, "now": now + HOUR, "version": 2}
    with pytest.raises(Invalid, match="jon owns"):
        progress.transition(session, request_id, step="start-progress", given={}, **common)


def test_the_soft_limit_is_told_and_stops_nobody(session, now):
    """R2, A15: one at a time; the second is taken all the same, and the first is not counted for itself."""
    first, second, somebody_elses = (raised(session, now) for _ in range(3))
    take(session, somebody_elses, now, engineer="jon")
    assert take(session, first, now) is None
    nudge = take(session, second, now + HOUR)
    assert (nudge.habit, "1 already" in nudge.text, nudge.assumed) == ("in-progress", True, True)
    assert fetched(session, second).owner == "mara"


@pytest.mark.parametrize("pack", ["witboost", "oro", "parallels"])
def test_a_policy_without_a_limit_has_no_such_nudge(session, now, pack):
    """The soft limit is a habit of one policy."""
    for _ in range(3):
        assert take(session, raised(session, now, PACKS[pack]), now, policy=PACKS[pack]) is None


def test_a_hand_over_says_why(session, request_id, now):
    """Given to nobody's request without a word; from an owner only with a reason; back to nobody as well."""
    give(session, request_id, now, "JON")
    with pytest.raises(Invalid, match="reason"):
        give(session, request_id, now + HOUR, "mara", " ")
    give(session, request_id, now + HOUR, "mara", "knows the connector")
    give(session, request_id, now + 2 * HOUR, "", "on leave")
    assert owners(session, request_id) == [("jon", ""), ("mara", "knows the connector"), ("", "on leave")]
    assert fetched(session, request_id).owner is None


@pytest.mark.parametrize("to", ["vera", "otto", "nobody-of-ours"])
def test_only_somebody_who_may_work_is_given_a_request(session, request_id, now, to):
    """Not a viewer, not somebody who has left, not a stranger."""
    with pytest.raises(NotFound, match="no engineer"):
        give(session, request_id, now, to)


def test_a_hand_over_to_whoever_has_it_is_refused(session, request_id, now):
    """Nothing would change, and the log would say that it did."""
    with pytest.raises(Invalid, match="Nobody owns"):
        give(session, request_id, now, "")
    give(session, request_id, now, "jon")
    with pytest.raises(Invalid, match="owns this request already"):
        give(session, request_id, now, "jon", "once more")


def test_a_hand_over_at_an_old_version_is_a_conflict(session, request_id, now):
    """Somebody took it in between."""
    take(session, request_id, now)
    common = {"engineer": "jon", "role": Role.LEAD, "policy": WSO2, "now": now}
    with pytest.raises(Conflict):
        progress.hand_over(session, request_id, to="jon", reason="mine", version=1, **common)


def test_asking_for_help_begins_a_ladder_and_acknowledging_ends_it(session, request_id, now):
    """R17: the reason is kept, both are in the log, and the ladders are looked at."""
    common = {"engineer": "mara", "role": Role.ENGINEER, "policy": WSO2}
    with pytest.raises(Invalid, match="reason"):
        progress.escalate(session, request_id, reason=" ", now=now, **common)
    fetched(session, request_id).attention_at = None
    progress.escalate(session, request_id, reason="Needs the product team.", now=now, **common)
    assert fetched(session, request_id).attention_at == now
    progress.acknowledge(session, request_id, now=now + HOUR, **common | {"engineer": "jon", "role": Role.LEAD})
    rows = {row.event: row for row in tables.requests.clock_events(session, request_id)}
    assert (rows["asked"].note, rows["acknowledged"].made_by) == ("Needs the product team.", "jon")


def test_who_may_see_it_is_changed_once_and_noted(session, request_id, now):
    """The same again changes nothing."""
    common = {"engineer": "mara", "role": Role.ENGINEER, "policy": WSO2, "now": now}
    for _ in range(2):
        progress.set_visibility(session, request_id, visibility=Visibility.GROUP, **common)
    assert fetched(session, request_id).visibility is Visibility.GROUP
    assert [row.value for row in tables.requests.clock_events(session, request_id) if row.event == "noted"] == ["group"]


@pytest.mark.parametrize(
    ("pack", "said", "visibility"),
    [
        ("oro", "", Visibility.PRIVATE),
        ("oro", "group", Visibility.GROUP),
        ("oro", "everybody", Visibility.PRIVATE),
        ("wso2", "group", Visibility.PRIVATE),
    ],
)
def test_a_new_request_is_shown_to_whom_its_form_says(session, now, pack, said, visibility):
    """Oro O8: private or shared with the group; what is not known to be shared is private."""
    wanted = raised(session, now, PACKS[pack], fields={"visibility": said} if said else {})
    assert fetched(session, wanted).visibility is visibility
