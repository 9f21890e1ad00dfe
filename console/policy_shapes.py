"""A policy pack as the API tells it: everything it says, each with its clause and whether it is assumed. Pure."""

from typing import Any

from console.api_shapes import Json, picked
from console.standing_shapes import question_json, seconds
from models.terms import Choice
from triage.calendars import DAY, WEEKDAYS, Calendar
from triage.catalogue import Catalogue, Service
from triage.commitments import Ground
from triage.conditions import All, AnyOf, Condition, Is
from triage.escalation import Ladder
from triage.fields import Field
from triage.holidays import Holiday
from triage.matrix import Matrix
from triage.nudges import Rule as Habit
from triage.policy import Policy, Rule
from triage.targets import Commitments, Target
from triage.workflow import Workflow


def policy_json(policy: Policy) -> Json:
    """Everything a pack says; amounts of time are seconds, calendars are named."""
    definition = ("value", "label", "definition", "clause")
    return {
        **picked(policy, "id", "ref", "version", "name", "source", "digest", "sla_channels", "support_phone"),
        **picked(policy, "contact_phone_levels", "threshold", "assumed"),
        "types": [picked(each, *definition, "priority_applies", "inbound") for each in policy.types],
        "levels": [picked(each, *definition, "aliases") for each in policy.levels],
        "rules": [_rule_json(rule) for rule in policy.rules],
        "fields": [_field_json(field) for field in policy.fields],
        "calendars": [_calendar_json(each, policy.grounds) for each in policy.calendars.values()],
        "clocks": _clocks_json(policy.commitments, policy.grounds),
        "workflow": _workflow_json(policy.workflow),
        "escalation": [_ladder_json(ladder) for ladder in policy.escalation],
        "matrix": _matrix_json(policy.matrix) if policy.matrix else None,
        "catalogue": _catalogue_json(policy.catalogue) if policy.catalogue else None,
        "completeness": [
            picked(each, "name", "label", "ask", "why", "weight", "fields", "facts", "detect", "types", "levels")
            | picked(each, "clause", "assumed")
            for each in policy.completeness
        ],
        "entitlement": _entitlement_json(policy),
        "nudges": [_habit_json(habit) for habit in policy.nudges],
        "reachability": picked(policy.reachability, "attempts", "clause", "assumed")
        | {"apart_seconds": seconds(policy.reachability.apart)},
    }


def condition_json(condition: Condition) -> Json:
    """A condition as a pack writes it: `{fact: [values]}`, `{"all": […]}`, `{"any": […]}` or `{"not": …}`."""
    if isinstance(condition, Is):
        return {condition.fact: list(condition.values)}
    if isinstance(condition, All | AnyOf):
        return {"all" if isinstance(condition, All) else "any": [condition_json(each) for each in condition.parts]}
    return {"not": condition_json(condition.part)}


def condition_words(condition: Condition) -> str:
    """A condition for a person: `workaround is yes or easy, and not (environment is production)`."""
    if isinstance(condition, Is):
        return f"{condition.fact} is {' or '.join(condition.values)}"
    if isinstance(condition, All | AnyOf):
        glue = ", and " if isinstance(condition, All) else ", or "
        return glue.join(
            condition_words(each) if isinstance(each, Is) else f"({condition_words(each)})" for each in condition.parts
        )
    return f"not ({condition_words(condition.part)})"


def _rule_json(rule: Rule) -> Json:
    effect = rule.effect
    return picked(rule, "id", "clause", "by", "assumed") | {
        "when": condition_json(rule.when),
        "when_words": condition_words(rule.when),
        "then": picked(effect, "move", "to") | {"from": list(effect.only)},
    }


def _field_json(field: Field) -> Json:
    names = ("name", "label", "kind", "help", "required", "required_for_types", "required_for_levels", "types", "fact")
    return picked(field, *names, "clause", "assumed") | {"options": _options(field.options)}


def _calendar_json(calendar: Calendar, grounds: tuple[Ground, ...]) -> Json:
    ground = next((each for each in grounds if each.what == f"calendar {calendar.name}"), None)
    return {
        "id": calendar.name,
        "zone": calendar.zone,
        "week": {
            day: [f"{_hour(span.opens)}-{_hour(span.closes)}" for span in spans]
            for day, spans in zip(WEEKDAYS, calendar.week, strict=True)
        },
        "holidays": [{"name": each.name, "on": _day(each)} for each in calendar.holidays],
        "clause": ground.clause if ground else "",
        "assumed": list(ground.assumed) if ground else [],
    }


def _clocks_json(commitments: Commitments, grounds: tuple[Ground, ...]) -> Json:
    return {
        "targets": [
            {"level": level, **_target_json(target)}
            for level, targets in commitments.levels.items()
            for target in targets
        ],
        "types": [
            {"type": name, **picked(each, "as_level", "clocked", "reason", "clause")}
            for name, each in commitments.types.items()
        ],
        "met_by": {kind.value: list(events) for kind, events in commitments.met_by.items()},
        "warn_at": list(commitments.warn_at),
        "grounds": [picked(each, "what", "clause", "assumed") for each in grounds],
    }


def _target_json(target: Target) -> Json:
    return picked(target, "kind", "promise", "measure", "days", "clause", "assumed") | {
        "within_seconds": seconds(target.within),
        "calendar": target.calendar.name,
        "pauses": sorted(target.pauses),
        "notices": target.notices.name if target.notices else None,
    }


def _workflow_json(flow: Workflow) -> Json:
    behalf, silence = flow.on_behalf, flow.silence
    return {
        "start": flow.start,
        "statuses": [
            picked(each, "value", "label", "stage", "definition", "clause", "assumed") for each in flow.statuses
        ],
        "steps": [
            picked(step, "id", "label", "to", "by", "takes", "on_message", "clause", "assumed")
            | {"from": list(step.sources), "asks": [question_json(each) for each in step.asks]}
            for step in flow.steps
        ],
        "resolutions": [
            picked(each, "value", "label", "by", "clause", "assumed")
            | {"asks": [question_json(question) for question in each.asks]}
            for each in flow.resolutions
        ],
        "on_behalf": picked(behalf, "by", "clause", "assumed") | {"asks": [question_json(each) for each in behalf.asks]}
        if behalf
        else None,
        "silence": picked(silence, "status", "step", "follow_ups", "days", "clause", "assumed")
        | {"calendar": silence.calendar.name}
        if silence
        else None,
        "reopen": {"owner": "last" if flow.returns else "nobody", "clause": flow.reopen_clause},
    }


def _ladder_json(ladder: Ladder) -> Json:
    return picked(ladder, "id", "label", "on", "stops", "levels", "types", "clocks", "clause", "assumed") | {
        "counted": ladder.counted.name,
        "notices": ladder.notices.name,
        "steps": [
            picked(rung, "id", "label", "channel")
            | {"after_seconds": seconds(rung.after), "to": picked(rung.to, "role", "name")}
            for rung in ladder.rungs
        ],
    }


def _matrix_json(matrix: Matrix) -> Json:
    return picked(matrix, "impact", "urgency", "urgencies", "types", "clause", "assumed") | {
        "rows": {impact: list(cells) for impact, cells in matrix.rows.items()},
        "forced": [
            picked(each, "level", "clause", "assumed")
            | {"when": condition_json(each.when), "when_words": condition_words(each.when)}
            for each in matrix.forced
        ],
    }


def _catalogue_json(catalogue: Catalogue) -> Json:
    return picked(catalogue, "clause", "visibility", "visibility_clause") | {
        "calendar": catalogue.calendar.name,
        "services": [_service_json(service) for service in catalogue.services],
    }


def _service_json(service: Service) -> Json:
    names = ("id", "label", "types", "days", "notice", "hint", "note", "places", "clause", "assumed")
    return picked(service, *names) | {"asks": [question_json(each) for each in service.asks]}


def _entitlement_json(policy: Policy) -> Json | None:
    found = policy.entitlement
    if found is None:
        return None
    return picked(found, "kinds", "products", "products_clause", "clause", "assumed") | {
        "excluded": [picked(each, "names", "reason", "clause") for each in found.excluded]
    }


def _habit_json(habit: Habit) -> Json:
    return picked(habit, "habit", "days", "limit", "types", "clause", "assumed") | {
        "calendar": habit.calendar.name,
        "after_seconds": {level: seconds(after) for level, after in habit.after.items()},
        "fields": [question_json(each) for each in habit.fields],
    }


def _options(options: tuple[Choice, ...]) -> list[dict[str, Any]]:
    return [picked(option, "value", "label") for option in options]


def _hour(of_day: int) -> str:
    """A time of the wall clock; 24:00 is midnight at the end of the day."""
    return "24:00" if of_day == DAY else f"{of_day // 3600:02}:{of_day % 3600 // 60:02}"


def _day(holiday: Holiday) -> str:
    """A day off as a pack writes it: `2026-12-25`, `12-25` for every year, `easter+1`."""
    if holiday.easter is not None:
        return f"easter{holiday.easter:+d}" if holiday.easter else "easter"
    year = f"{holiday.year}-" if holiday.year else ""
    return f"{year}{holiday.month:02}-{holiday.day:02}"
