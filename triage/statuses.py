"""A pack's `workflow:` read from YAML; steps that lead nowhere and statuses nobody reaches are mistakes. Pure."""

from collections.abc import Mapping, Sequence

from triage.calendars import Calendar
from triage.reading import Node
from triage.sections import At, calendar, chosen, count, flag, questions, slug, words
from triage.workflow import (
    ACTORS,
    CLIENT,
    OVER,
    OnBehalf,
    OnMessage,
    Resolution,
    Silence,
    Stage,
    Status,
    Step,
    Workflow,
)

STAGES = frozenset(stage.value for stage in Stage)
MESSAGES = frozenset(one.value for one in OnMessage)


def read_workflow(node: Node, *, calendars: Mapping[str, Calendar]) -> Workflow:
    """The statuses and steps in a pack's `workflow:`; mistakes are noted at their places."""
    at = node.fields(
        frozenset({"start", "statuses", "steps", "reopen"}), frozenset({"resolutions", "on_behalf", "silence"})
    )
    statuses = tuple(_status(entry) for entry in at["statuses"].entries()) if "statuses" in at else ()
    values = frozenset(status.value for status in statuses)
    steps = tuple(_step(entry, values) for entry in at["steps"].entries()) if "steps" in at else ()
    resolutions = tuple(_resolution(entry) for entry in at["resolutions"].entries()) if "resolutions" in at else ()
    for name, found in (
        ("statuses", [one.value for one in statuses]),
        ("steps", [one.id for one in steps]),
        ("resolutions", [one.value for one in resolutions]),
    ):
        if name in at:
            at[name].unique(found)
    start = at["start"].one_of(values, "status") if "start" in at else ""
    _check(node, start, statuses, steps)
    reopen = at["reopen"].fields(frozenset({"owner", "clause"}), frozenset({"assumed"})) if "reopen" in at else {}
    owner = reopen["owner"].one_of(frozenset({"last", "nobody"}), "owner") if "owner" in reopen else ""
    flag(reopen, "assumed")
    return Workflow(
        start=start,
        statuses=statuses,
        steps=steps,
        resolutions=resolutions,
        on_behalf=_on_behalf(at["on_behalf"]) if "on_behalf" in at else None,
        silence=_silence(at["silence"], values, steps, calendars) if "silence" in at else None,
        returns=owner == "last",
        reopen_clause=words(reopen, "clause"),
    )


def _status(node: Node) -> Status:
    at = node.fields(frozenset({"value", "label", "stage", "definition", "clause"}), frozenset({"assumed"}))
    stage = at["stage"].one_of(STAGES, "stage") if "stage" in at else ""
    return Status(
        value=slug(at, "value"),
        label=words(at, "label"),
        stage=Stage(stage) if stage in STAGES else Stage.WAITING,
        definition=words(at, "definition"),
        clause=words(at, "clause"),
        assumed=flag(at, "assumed"),
    )


def _step(node: Node, statuses: frozenset[str]) -> Step:
    at = node.fields(
        frozenset({"id", "label", "from", "to", "by", "clause"}),
        frozenset({"asks", "takes", "on_message", "assumed"}),
    )
    by = _actors(at, "by")
    told = at["on_message"].one_of(MESSAGES, "way to take a message") if "on_message" in at else ""
    if told and CLIENT not in by:
        at["on_message"].wrong("only a step of the client follows from the client's message")
    return Step(
        id=slug(at, "id"),
        label=words(at, "label"),
        sources=chosen(at, "from", statuses, "status"),
        to=at["to"].one_of(statuses, "status") if "to" in at else "",
        by=by,
        clause=words(at, "clause"),
        asks=questions(at["asks"]) if "asks" in at else (),
        takes=flag(at, "takes"),
        on_message=OnMessage(told) if told in MESSAGES else None,
        assumed=flag(at, "assumed"),
    )


def _actors(at: At, key: str) -> tuple[str, ...]:
    by = chosen(at, key, ACTORS, "actor")
    if key in at:
        at[key].unique(by)
    return by


def _resolution(node: Node) -> Resolution:
    at = node.fields(frozenset({"value", "label", "clause"}), frozenset({"by", "asks", "assumed"}))
    return Resolution(
        value=slug(at, "value"),
        label=words(at, "label"),
        clause=words(at, "clause"),
        by=_actors(at, "by"),
        asks=questions(at["asks"]) if "asks" in at else (),
        assumed=flag(at, "assumed"),
    )


def _on_behalf(node: Node) -> OnBehalf:
    at = node.fields(frozenset({"by", "asks", "clause"}), frozenset({"assumed"}))
    return OnBehalf(
        by=_actors(at, "by"),
        asks=questions(at["asks"]) if "asks" in at else (),
        clause=words(at, "clause"),
        assumed=flag(at, "assumed"),
    )


def _silence(node: Node, statuses: frozenset[str], steps: Sequence[Step], calendars: Mapping[str, Calendar]) -> Silence:
    at = node.fields(frozenset({"status", "step", "follow_ups", "days", "clause"}), frozenset({"calendar", "assumed"}))
    status = at["status"].one_of(statuses, "status") if "status" in at else ""
    step = (
        at["step"].one_of(frozenset(one.id for one in steps if status in one.sources), "step from there")
        if ("step" in at)
        else ""
    )
    days = count(at, "days", 1)
    if days < 1:
        at["days"].wrong("write 1 or more working days")
    return Silence(
        status=status,
        step=step,
        follow_ups=count(at, "follow_ups"),
        days=max(days, 1),
        calendar=calendar(at, "calendar", calendars),
        clause=words(at, "clause"),
        assumed=flag(at, "assumed"),
    )


def _check(node: Node, start: str, statuses: Sequence[Status], steps: Sequence[Step]) -> None:
    """Note statuses that nothing leads to or out of, and two steps that taking a request would do at once."""
    reached, before = {start}, set[str]()
    while reached != before:
        before = set(reached)
        reached |= {step.to for step in steps if reached & set(step.sources)}
    for status in statuses:
        if status.value and status.value not in reached:
            node.wrong(f"no step leads from {start!r} to {status.value!r}")
        if status.stage not in OVER and not any(status.value in step.sources for step in steps):
            node.wrong(f"no step leads out of {status.value!r}")
        for what in ("takes", "on_message"):
            if sum(status.value in step.sources and bool(getattr(step, what)) for step in steps) > 1:
                node.wrong(f"two steps out of {status.value!r} have {what!r}: keep one")
