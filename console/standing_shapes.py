"""Where a request stands under its policy, as the API tells it: clocks, steps, rules, who was told. Pure."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from console.api_shapes import at, picked
from console.standing import Shown, Standing
from models.tables import requests
from models.terms import Role
from triage import tabled
from triage.clock import Clock, Entry
from triage.completeness import Found, Meter
from triage.desk.knowledge import RoleRule
from triage.desk.nudging import LeftBehind
from triage.downgrade import UNKNOWN
from triage.explain import Line
from triage.nudges import Nudge
from triage.policy import Policy
from triage.sections import Question
from triage.workflow import Move, Offer, Resolution


def standing_json(
    request: requests.Request, suggestion: requests.Suggestion | None, standing: Standing | None, role: Role
) -> dict[str, Any]:
    """Where a request stands, for a reader of this role; without its policy installed what can be told without it.

    Telephone numbers and addresses, and remarks that may hold them, are for whoever works on requests: a viewer reads
    that there is one, and from where.
    """
    status = status_json(standing.status, standing.policy) if standing else status_json(request.status, None)
    told = {
        "status": status | {"since": at(request.status_since or request.received_at)},
        "owner": request.owner,
        "visibility": request.visibility.value,
        "claimed_priority": standing.claimed if standing else None,
        "resolution": request.resolution,
        "rules": rules_json(suggestion, standing, role),
    }
    return told | (_empty() if standing is None else _under_policy(standing, role))


def clock_json(shown: Shown, standing: Standing) -> dict[str, Any]:
    """A clock with what explains it; what is absent is null."""
    clock, policy = shown.clock, standing.policy
    return picked(clock, "kind", "promise", "state", "reason", "type", "level") | {
        "supposed": standing.supposed,
        **_target_json(clock),
        **picked(clock, "since", "due", "if_resumed", "estimate", "met_at", "breached_at", "fraction"),
        "elapsed_seconds": seconds(clock.elapsed),
        "remaining_seconds": seconds(clock.remaining),
        "policy": policy.ref,
        "policy_digest": policy.digest,
        "warnings": [picked(each, "percent", "at", "notify_at") for each in clock.warnings],
        "explain": [_line_json(line) for line in shown.lines],
        "ledger": [_entry_json(entry) for entry in clock.ledger],
    }


def offer_json(offer: Offer, policy: Policy) -> dict[str, Any]:
    """A step the reader's role may take now, with everything that must be told with it."""
    step = offer.step
    return picked(step, "label", "to", "clause", "assumed") | {
        "step": step.id,
        "to_label": policy.workflow.status_label(step.to),
        "on_behalf": offer.on_behalf,
        "takes": step.takes,
        "asks": [question_json(each) for each in offer.asks],
        "resolutions": [_resolution_json(each) for each in offer.resolutions],
    }


def move_json(move: Move, policy: Policy) -> dict[str, Any]:
    """A step that was taken."""
    label = policy.workflow.status_label(move.to)
    return {"step": move.step, "from": move.origin, "to": move.to, "to_label": label} | picked(
        move, "on_behalf", "clause"
    )


def question_json(question: Question) -> dict[str, Any]:
    """Something to be told, why, and the only answers that will do, if there are such."""
    return picked(question, "name", "ask", "why", "clause") | {
        "options": [picked(option, "value", "label") for option in question.options]
    }


def nudge_json(nudge: Nudge) -> dict[str, Any]:
    """Something to look at, with the clause it rests on."""
    return picked(nudge, "key", "habit", "at", "due", "text", "to", "clause", "assumed")


def left_behind_json(one: LeftBehind) -> dict[str, Any]:
    """A request that somebody should look at, and why."""
    return {
        "id": str(one.request),
        **picked(one, "reference", "subject", "policy", "status", "level"),
        "owner": one.owner or None,
        "due": at(one.due),
        "nudges": [nudge_json(each) for each in one.nudges],
        "proposal": proposal_json(one.proposal),
    }


def proposal_json(proposal: Any) -> dict[str, Any] | None:
    """What a person may do about a silent client, or null."""
    return picked(proposal, "key", "what", "number", "at", "step", "clause", "assumed") if proposal else None


def rules_json(suggestion: requests.Suggestion | None, standing: Standing | None, role: Role) -> list[dict[str, Any]]:
    """Every rule as the suggestion in force judged it; one that only certain roles may apply as it stands now."""
    said: Iterable[Mapping[str, Any]] = suggestion.content.get("rules", ()) if suggestion else ()
    packed = {rule.id: rule for rule in standing.policy.rules} if standing else {}
    table = standing.policy.matrix if standing else None
    found = {}
    for rule in said:
        known = packed.get(rule["id"])
        found[rule["id"]] = {key: rule[key] for key in ("id", "clause", "verdict", "effect", "needs")} | {
            "by": list(known.by) if known else [],
            "assumed": known.assumed if known else rule["id"] == tabled.ID and table is not None and table.assumed,
        }
    for offer in standing.role_rules if standing else ():
        found[offer.rule.id] = _bare(offer) | found.get(offer.rule.id, {}) | _role_rule_json(offer, role)
    return list(found.values())


def seconds(amount: timedelta | None) -> float | None:
    """An amount of time in seconds, or null."""
    return None if amount is None else amount.total_seconds()


def _empty() -> dict[str, Any]:
    lists = ("clocks", "unclocked", "transitions", "nudges", "callbacks")
    absent = ("policy_ref", "policy_digest", "proposal", "completeness", "coverage", "scope", "matrix")
    return (
        dict.fromkeys(absent)
        | {name: [] for name in lists}
        | {"facts": {}, "bounces": 0, "contact_number": None, "escalation": {"steps": [], "notices": []}}
    )


def _under_policy(standing: Standing, role: Role) -> dict[str, Any]:
    policy, works = standing.policy, role.includes(Role.ENGINEER)
    coverage, scope = standing.coverage or (None, None)
    return {
        "policy_ref": policy.ref,
        "policy_digest": policy.digest,
        "clocks": [clock_json(shown, standing) for shown in standing.clocks],
        "unclocked": [
            picked(each, "what", "clause", "assumed") for each in policy.grounds if each.what.startswith("no target")
        ],
        "facts": {
            fact.name: picked(fact, "value", "source") | {"evidence": fact.evidence or None} for fact in standing.facts
        },
        "transitions": [offer_json(offer, policy) for offer in standing.offers],
        "proposal": proposal_json(standing.proposal),
        "nudges": [nudge_json(nudge) for nudge in standing.nudges],
        "bounces": standing.bounces,
        "completeness": meter_json(standing.meter, policy, works=works) if standing.meter else None,
        "coverage": picked(coverage, "answer", "reason", "clause") if coverage else None,
        "scope": picked(scope, "answer", "reason", "clause") if scope else None,
        "matrix": picked(standing.matrix_reading, "level", "most", "least", "cell", "needs", "clause", "assumed")
        if standing.matrix_reading
        else None,
        "contact_number": {"value": standing.number.value if works else None, "source": standing.number.source}
        if standing.number
        else None,
        "callbacks": [_callback_json(row, works=works) for row in standing.callbacks],
        "escalation": {
            "steps": [_step_json(row) for row in standing.steps],
            "notices": [_notice_json(row, works=works) for row in standing.notices],
        },
    }


def status_json(value: str, policy: Policy | None) -> dict[str, Any]:
    """A status of the policy; one it does not have is its own label."""
    for status in policy.workflow.statuses if policy else ():
        if status.value == value:
            return picked(status, "value", "label", "stage", "definition", "clause", "assumed")
    return {"value": value, "label": value, **dict.fromkeys(("stage", "definition", "clause")), "assumed": False}


def _target_json(clock: Clock) -> dict[str, Any]:
    if clock.target is None:
        return dict.fromkeys(("clause", "assumed", "calendar", "zone", "measure", "within_seconds"))
    target = clock.target
    return picked(target, "clause", "assumed", "measure") | {
        "calendar": target.calendar.name,
        "zone": target.calendar.zone,
        "within_seconds": seconds(target.within),
    }


def _line_json(line: Line) -> dict[str, Any]:
    return picked(line, "about", "text", "since", "until") | {
        "counted_seconds": line.counted.total_seconds(),
        "clause": line.clause or None,
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    names = ("cycle", "round", "since", "until", "type", "level", "estimate", "met_at", "breached_at", "reason")
    return picked(entry, *names) | {
        "opened_by": entry.opened.kind,
        "counted_from": at(entry.deadline.since) if entry.deadline else None,
        "deadline": at(entry.deadline.at) if entry.deadline else None,
        "clause": entry.target.clause if entry.target else None,
        "assumed": entry.target.assumed if entry.target else None,
    }


def _resolution_json(resolution: Resolution) -> dict[str, Any]:
    return picked(resolution, "value", "label", "clause", "assumed") | {
        "asks": [question_json(each) for each in resolution.asks]
    }


def _bare(offer: RoleRule) -> dict[str, Any]:
    """A rule the suggestion did not speak of: none was made since the policy has it."""
    rule = offer.rule
    return {"id": rule.id, "clause": rule.clause, "verdict": UNKNOWN, "effect": None, "by": list(rule.by),
            "assumed": rule.assumed}  # fmt: skip


def _role_rule_json(offer: RoleRule, role: Role) -> dict[str, Any]:
    """Whether it holds now (null: not known), what is open, whether this role `may` apply it, and where it leads."""
    return {
        "holds": offer.holds,
        "needs": "; ".join(offer.needs) or None,
        "may": offer.open_to(role),
        "enabled": offer.holds is True and offer.changes,
        "from": offer.level,
        "to": offer.to,
    }


def meter_json(meter: Meter, policy: Policy, *, works: bool) -> dict[str, Any]:
    """What is wanted of a request and where each thing stands.

    A secret is there or not, and never shown; a telephone number is shown to whoever works on requests.
    """
    kinds = {"secret"} if works else {"secret", "phone"}
    hidden = {field.name for field in policy.fields if field.kind in kinds}
    return {
        "share": meter.share,
        "found": [_found_json(found, hidden) for found in meter.found],
        "missing": [found.wanted.name for found in meter.missing],
        "gates": [found.wanted.name for found in meter.gates],
        "questions": [{"ask": ask, "why": why} for ask, why in meter.questions()],
    }


def gates_json(gates: Mapping[str, tuple[Found, ...]]) -> dict[str, Any]:
    """What is missing that a level depends on, by level: to be seen by a person before it is confirmed."""
    return {
        level: [picked(found.wanted, "name", "label", "ask", "why", "clause", "assumed") for found in missing]
        for level, missing in gates.items()
    }


def _found_json(found: Found, hidden: set[str]) -> dict[str, Any]:
    shown = hidden.isdisjoint(found.wanted.fields)
    return picked(found.wanted, "name", "label", "weight", "clause", "assumed") | {
        "standing": found.standing.value,
        "source": found.source or None,
        "evidence": found.evidence or None if shown else None,
        "lacks": found.lacks or None,
    }


def _callback_json(row: Any, *, works: bool) -> dict[str, Any]:
    names = ("id", "placed_by", "placed_at", "outcome", "ended_at", "call_sid", "ring_seconds", "sip_code")
    shown = {"number": row.number, "note": row.note} if works else dict.fromkeys(("number", "note"))
    return picked(row, *names, "answered_by", "key_pressed") | shown


def _step_json(row: Any) -> dict[str, Any]:
    names = ("id", "key", "ladder", "rung", "label", "channel", "to_role", "to_name", "cause", "cause_at", "due_at")
    return picked(row, *names, "state", "clause", "assumed", "policy", "policy_digest", "created_at")


def _notice_json(row: Any, *, works: bool) -> dict[str, Any]:
    names = ("id", "step_id", "channel", "name", "state", "attempts", "created_at", "told_at", "acknowledged_at")
    shown = {"recipient": row.recipient, "error": row.error} if works else dict.fromkeys(("recipient", "error"))
    return picked(row, *names) | shown
