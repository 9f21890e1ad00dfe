"""The way of working of a policy that states none. Pure."""

from triage.workflow import CLIENT, OnMessage, Stage, Status, Step, Workflow

STATUSES = (
    ("open", "Open", Stage.WAITING, "Nobody has begun."),
    ("in-progress", "In progress", Stage.WORKING, "Somebody works on it."),
    ("waiting-for-customer", "Waiting for customer", Stage.CLIENT, "The customer owes an answer."),
    ("resolved", "Resolved", Stage.RESOLVED, "It was solved."),
)
UNSTATED = "The policy states no workflow"


def plain_workflow() -> Workflow:
    """Open, in progress, waiting for the customer, resolved; every step of it counts as assumed."""
    statuses = tuple(
        Status(value=value, label=label, stage=stage, definition=definition, clause=UNSTATED, assumed=True)
        for value, label, stage, definition in STATUSES
    )
    unfinished = tuple(one.value for one in statuses[:-1])
    return Workflow(
        start="open",
        statuses=statuses,
        steps=(
            _step("start", "Start", ("open",), "in-progress", ("engineer",), takes=True),
            _step("ask-customer", "Ask the customer", ("in-progress",), "waiting-for-customer", ("engineer",)),
            _step(
                "answer", "Answer", ("waiting-for-customer",), "in-progress", (CLIENT, "engineer"), OnMessage.AT_ONCE
            ),
            _step("resolve", "Resolve", unfinished, "resolved", ("engineer",)),
            _step("reopen", "Re-open", ("resolved",), "open", (CLIENT, "engineer"), OnMessage.PROPOSED),
        ),
        reopen_clause=UNSTATED,
    )


def _step(
    id_: str,
    label: str,
    sources: tuple[str, ...],
    to: str,
    by: tuple[str, ...],
    on_message: OnMessage | None = None,
    *,
    takes: bool = False,
) -> Step:
    return Step(
        id=id_,
        label=label,
        sources=sources,
        to=to,
        by=by,
        clause=UNSTATED,
        takes=takes,
        on_message=on_message,
        assumed=True,
    )
