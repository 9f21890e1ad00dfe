"""What an engineer does to a request on its page: steps, owner, messages, notes, calls, escalation."""

from console.acts import Act, Doing
from models.errors import Invalid
from models.terms import CallbackOutcome, Visibility
from triage.desk import messages, progress, reachability

QUESTIONS = range(1, 6)
"""How many questions one form holds; a longer list is better told on the telephone."""


def step(doing: Doing) -> None:
    """Take a step of the policy's workflow, with the answers to what it asks."""
    sent = doing.sent
    progress.transition(
        doing.session, doing.request, step=sent.text("step"), given=sent.answers(), version=sent.version, **doing.by
    )


def take(doing: Doing) -> None:
    """Make it one's own; from somebody else with a reason."""
    sent = doing.sent
    progress.take(doing.session, doing.request, version=sent.version, reason=sent.text("reason"), **doing.by)


def owner(doing: Doing) -> None:
    """Hand it to somebody else, or to nobody."""
    sent = doing.sent
    progress.hand_over(
        doing.session,
        doing.request,
        to=sent.text("to"),
        reason=sent.text("reason"),
        version=sent.version,
        **doing.by,
    )


def tell(doing: Doing) -> None:
    """Write to the client, with a time agreed and a workaround where there is one."""
    sent = doing.sent
    messages.tell(
        doing.session,
        doing.request,
        text=sent.text("text"),
        given=sent.answers(),
        until=sent.moment("until"),
        workaround=bool(sent.text("workaround")),
        **doing.by,
    )


def ask(doing: Doing) -> None:
    """Ask the client everything in one go."""
    sent = doing.sent
    asked = [(sent.text(f"question-{place}"), sent.text(f"why-{place}")) for place in QUESTIONS]
    messages.ask(
        doing.session,
        doing.request,
        questions=asked,
        move=bool(sent.text("move")),
        version=sent.version,
        **doing.by,
    )


def note(doing: Doing) -> str:
    """Write something down: for colleagues, for the client to read, or as an assumption to be verified."""
    kind, text = doing.sent.text("kind"), doing.sent.text("text")
    if kind == "assumption":
        messages.assume(doing.session, doing.request, text=text, **doing.by)
        return "assume"
    messages.note(doing.session, doing.request, text=text, public=kind == "public", **doing.by)
    return "note"


def settle(doing: Doing) -> None:
    """Say whether an assumption turned out true."""
    sent = doing.sent
    messages.settle(
        doing.session, doing.request, assumption=sent.text("assumption"), holds=sent.text("holds") == "yes", **doing.by
    )


def work(doing: Doing) -> None:
    """Report support time in minutes."""
    minutes = doing.sent.text("minutes")
    if not minutes.isdecimal() or len(minutes) > 5:  # noqa: PLR2004 - more digits than a day has minutes
        raise Invalid(public="Write the minutes as a number, such as 25.")
    messages.work(doing.session, doing.request, minutes=int(minutes), text=doing.sent.text("text"), **doing.by)


def escalate(doing: Doing) -> None:
    """Ask for help up the policy's ladder."""
    progress.escalate(doing.session, doing.request, reason=doing.sent.text("reason"), **doing.by)


def acknowledge(doing: Doing) -> None:
    """Take an escalation on."""
    progress.acknowledge(doing.session, doing.request, **doing.by)


def callback(doing: Doing) -> None:
    """Write down an attempt to call that somebody made on their own telephone."""
    sent = doing.sent
    outcome = sent.text("outcome")
    if outcome not in {each.value for each in reachability.BY_HAND}:
        raise Invalid(public="Choose how the call ended.")
    reachability.attempt(
        doing.session,
        doing.request,
        outcome=CallbackOutcome(outcome),
        number=sent.text("number"),
        note=sent.text("note"),
        engineer=doing.reader.login,
        now=doing.now,
        region=doing.desk.region,
    )


def call(doing: Doing) -> None:
    """Have the house call the customer now, at the number given, else at the one on file."""
    login, region, number = doing.reader.login, doing.desk.region, doing.sent.text("number")
    reachability.call_back(doing.session, doing.request, engineer=login, now=doing.now, region=region, number=number)


def visibility(doing: Doing) -> None:
    """Show it to whoever raised it only, or to their group."""
    shown = doing.sent.text("visibility")
    if shown not in set(Visibility):
        raise Invalid(public="Choose private or group.")
    progress.set_visibility(doing.session, doing.request, visibility=Visibility(shown), **doing.by)


ACTS: dict[str, Act] = {
    "step": step,
    "take": take,
    "owner": owner,
    "tell": tell,
    "ask": ask,
    "note": note,
    "settle": settle,
    "work": work,
    "escalate": escalate,
    "acknowledge": acknowledge,
    "callback": callback,
    "call": call,
    "visibility": visibility,
}
"""Every act by the last part of its address, `/requests/{name}/…`, which is its form's name as well."""
