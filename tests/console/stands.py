"""Requests under the four policies as the console's tests need them: raised by phone, their clocks started."""

from datetime import timedelta

from models import tables
from models.store import transaction
from models.terms import CallbackOutcome, Channel, OutgoingState, StepState
from triage.classifier import Ranked
from triage.policy import load_packs

TEXTS = {
    "wso2": "Our production gateway is down for everybody. There is no workaround.",
    "witboost": "Since this morning nobody can deploy to production, all users are affected.",
    "oro": "Production shop is down for all customers, there is no workaround.",
    "parallels": "Our production server is completely down for all users, and there is no workaround.",
}
TOP = {"wso2": "P1", "witboost": "P1", "oro": "P1", "parallels": "1"}
TYPE = {"wso2": "incident", "witboost": "incident", "oro": "bug", "parallels": "incident"}


class Alarmist:
    """A classifier that thinks of everything as the worst that can happen."""

    id = "alarmist"

    def rank(self, policy_id, subject, body, facts):
        """The most severe level of the commonest type."""
        del subject, body, facts
        levels = {level.value: 0.02 for level in load_packs()[policy_id].levels}
        return Ranked(type={TYPE[policy_id]: 1.0}, priority=levels | {TOP[policy_id]: 0.9}, words=())


def raise_one(desk, suggested, pack="wso2", *, minutes_ago=10, level=None, facts=None, **values):
    """A request by phone under a policy, with its clock started and a suggestion; its reference."""
    content = suggested("P1")
    policy = desk.policies[pack]
    level = level or TOP[pack]
    content["policy"] = policy.ref
    content["type"] |= {"value": TYPE[pack], "label": policy.type_label(TYPE[pack]), "all": {TYPE[pack]: 1.0}}
    content["priority"] |= {"value": level, "label": policy.level_label(level), "model": level, "all": {level: 1.0}}
    content["facts"] = {
        name: {"value": value, "source": "text", "evidence": None, "span": None}
        for name, value in (facts or {"environment": "production", "down": "full", "workaround": "no"}).items()
    }
    content["rules"], content["would_change"] = [], []
    reference = desk.request(
        TEXTS[pack], channel=Channel.PHONE, content=content, minutes_ago=minutes_ago, policy=pack, **values
    )
    at = desk.now - timedelta(minutes=minutes_ago)
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        tables.requests.record_clock(session, row.id, "started", "call:test", at, value="phone")
    return reference


def row_of(desk, reference):
    """The request's row as it stands."""
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        session.expunge(row)
        return row


def log_of(desk, reference):
    """Kind and value of everything in the log, in the order it happened."""
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        return [(one.event, one.value) for one in tables.requests.clock_events(session, row.id)]


def send(client, desk, reference, form, **fields):
    """Send a form of the page, made for the version in force."""
    given = {"version": row_of(desk, reference).version, "back": "request", **fields}
    return client.post(f"/requests/{reference}/{form}", data=given)


def button(page, words):
    """The tag of the button with these words."""
    return page[: page.index(f">{words}")].rsplit("<button", 1)[1]


def leaves_number(desk, reference, number="+49 30 5550137"):
    """The customer wrote into a form at which telephone they are reached."""
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        for said in tables.requests.interactions(session, row.id):
            said.fields = {**said.fields, "phone": number}


def attempt_at(desk, reference, minutes_ago):
    """A call that nobody answered."""
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        at = desk.now - timedelta(minutes=minutes_ago)
        session.add(
            tables.progress.Callback(
                request_id=row.id,
                number="+49305550137",
                placed_by="ida",
                placed_at=at,
                ended_at=at,
                outcome=CallbackOutcome.NO_ANSWER,
            )
        )


def add_steps(desk, reference):
    """A step that told a lead, and one that found nobody."""
    with transaction(desk.engine) as session:
        row = tables.requests.by_number(session, int(reference[3:]))
        shared = {
            "request_id": row.id,
            "ladder": "stuck",
            "channel": "mail",
            "cause": "asked",
            "cause_at": desk.now,
            "clause": "R17 Protocol",
            "assumed": True,
            "policy": "wso2@2",
            "policy_digest": "d",
            "due_at": desk.now,
            "created_at": desk.now,
        }
        told = tables.progress.EscalationStep(
            key="a", rung="lead", label="Support lead", to_role="lead", to_name="", state=StepState.TOLD, **shared
        )
        nobody = tables.progress.EscalationStep(
            key="b",
            rung="chat",
            label="Support chat",
            to_role="",
            to_name="support-chat",
            state=StepState.NOBODY,
            **shared,
        )
        session.add_all([told, nobody])
        session.flush()
        session.add(
            tables.progress.Notice(
                step_id=told.id,
                request_id=row.id,
                channel="mail",
                name="",
                recipient="lead@example.com",
                state=OutgoingState.SENT,
                created_at=desk.now,
                told_at=desk.now,
            )
        )
