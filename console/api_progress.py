"""The API's writes on a request under way: facts, steps, owner, words to the client and to each other, escalation.

Whatever changes where a request stands names the version it saw in If-Match; what is only added may name it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Response
from pydantic import AfterValidator, AwareDatetime, Field, model_validator
from sqlalchemy.orm import Session

from console.api_answers import Body, IfMatch, Who, appended, guarded, owner_of
from console.deps import Desk, DeskHere, TokenDecider
from console.standing_shapes import move_json, nudge_json, question_json
from models.errors import Invalid
from models.terms import CallbackOutcome, Visibility
from triage.calendars import YEARS
from triage.desk import decision, knowledge, messages, progress, reachability, suggesting

Short = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
Words = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")]
"""PostgreSQL stores no NUL, and no words hold one."""


def _counted(moment: datetime) -> datetime:
    """A moment that the calendars answer for, whatever its zone.

    Raises:
        ValueError: it lies beyond.

    """
    if not YEARS[0] < moment.year < YEARS[-1]:
        message = f"write a time between the years {YEARS[1]} and {YEARS[-2]}"
        raise ValueError(message)
    return moment


Agreed = Annotated[AwareDatetime, AfterValidator(_counted)]
Given = Annotated[dict[Short, Words], Field(max_length=50)]


class FactsBody(Body):
    """What an engineer knows: one fact by `name` and `value`, or several in `facts`; `unknown` takes a text's back."""

    name: Short | None = None
    value: Short | None = None
    facts: dict[Short, Short] | None = Field(None, min_length=1, max_length=100)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        single = self.name is not None and self.value is not None
        if single == (self.facts is not None) or (self.name is None) != (self.value is None):
            message = "write either name and value, or facts"
            raise ValueError(message)
        return self

    @property
    def stated(self) -> Mapping[str, str]:
        """Every fact that is stated."""
        return self.facts or {self.name or "": self.value or ""}


class StepBody(Body):
    """A step of the policy's workflow (`transitions` of the request) with the answers to what it asks, by name.

    `engineer` is who owns the request after a step that takes it (`takes`).
    """

    step: Short
    given: Given = Field(default_factory=dict)
    engineer: Short | None = None


class TakeBody(Body):
    """Why a request is taken from somebody else; empty where nobody owns it. `engineer` is who owns it from now on."""

    reason: Words = ""
    engineer: Short | None = None


class OwnerBody(Body):
    """Who shall own a request from now on (a login, empty for nobody), and why."""

    to: Short
    reason: Words


class MessageBody(Body):
    """What the client shall read; `given` answers the policy's fields of an update, `until` is a time agreed."""

    text: Words = ""
    given: Given = Field(default_factory=dict)
    until: Agreed | None = None
    workaround: bool = False


class QuestionBody(Body):
    """One question to the client, and why it is asked."""

    ask: Words
    why: Words


class QuestionsBody(Body):
    """Everything the client is asked, in one go; with `move` the request waits for the client from now on."""

    questions: list[QuestionBody] = Field(min_length=1, max_length=50)
    move: bool = False


class NoteBody(Body):
    """Something for the other engineers, or, `public`, for the client to read."""

    text: Words
    public: bool = False


class WorkBody(Body):
    """Support time in minutes."""

    minutes: int
    text: Words = ""


class AssumptionBody(Body):
    """An assumption to write down (`text`), or one that turned out true or false (`assumption` and `holds`)."""

    text: Words = ""
    assumption: Short | None = None
    holds: bool | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.assumption is None) != (self.holds is None) or bool(self.text) == (self.assumption is not None):
            message = "write either text, or assumption and holds"
            raise ValueError(message)
        return self


class EscalateBody(Body):
    """What is needed, and from whom: those who are told read it."""

    reason: Words


class CallbackBody(Body):
    """A call to the customer: `call` has the house place it; else what came of one made by hand."""

    call: bool = False
    outcome: CallbackOutcome | None = None
    number: Short = ""
    note: Words = ""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.call == (self.outcome is not None):
            message = "write either call: true, or the outcome of a call made by hand"
            raise ValueError(message)
        if self.outcome is CallbackOutcome.PLACED:
            known = ", ".join(reachability.BY_HAND)
            message = f"outcome: a call made by hand has ended; choose one of {known}"
            raise ValueError(message)
        return self


class EaseBody(Body):
    """A rule of the policy that only certain roles may apply (`rules` of the request)."""

    rule: Short


class VisibilityBody(Body):
    """Who of the customer's people may see a request."""

    visibility: Visibility


def facts(reader: TokenDecider, desk: DeskHere, name: str, body: FactsBody, if_match: IfMatch = None) -> Response:
    """State facts, all or none of them, and have the suggestion made again: an engineer outranks every other source."""
    return guarded(
        desk, reader, name, if_match, lambda session, request, who: _state(session, request, desk, body, who)
    )


def transition(reader: TokenDecider, desk: DeskHere, name: str, body: StepBody, if_match: IfMatch = None) -> Response:
    """Take a step of the workflow; 422 names everything that must be told with it."""

    def do(session: Session, request: UUID, who: Who) -> dict[str, Any]:
        policy = who["policy"]
        takes = any(one.takes for one in policy.workflow.steps if one.id == body.step)
        owned = owner_of(reader, body.engineer) if takes else ""
        made = progress.transition(session, request, step=body.step, given=body.given, owner=owned, **who)
        return {"moved": move_json(made, policy)}

    return guarded(desk, reader, name, if_match, do)


def take(reader: TokenDecider, desk: DeskHere, name: str, body: TakeBody, if_match: IfMatch = None) -> Response:
    """Have an engineer own a request, and do the step that taking means; `considered` is what to think of before it."""

    def do(session: Session, request: UUID, who: Who) -> dict[str, Any]:
        owned = owner_of(reader, body.engineer)
        nudge = progress.take(session, request, reason=body.reason, owner=owned, **who)
        return {"considered": [nudge_json(nudge)] if nudge else []}

    return guarded(desk, reader, name, if_match, do)


def owner(reader: TokenDecider, desk: DeskHere, name: str, body: OwnerBody, if_match: IfMatch = None) -> Response:
    """Hand a request over to somebody else, or to nobody."""
    return guarded(
        desk,
        reader,
        name,
        if_match,
        lambda session, request, who: progress.hand_over(session, request, to=body.to, reason=body.reason, **who),
    )


def tell(reader: TokenDecider, desk: DeskHere, name: str, body: MessageBody, if_match: IfMatch = None) -> Response:
    """Tell the client something: the response or an update, a time agreed, a workaround; `untold` is what it lacks."""

    def do(session: Session, request: UUID, who: Who) -> dict[str, Any]:
        untold = messages.tell(
            session,
            request,
            text=body.text,
            given=body.given,
            until=body.until,
            workaround=body.workaround,
            **who,
        )
        return {"untold": [question_json(each) for each in untold]}

    return appended(desk, reader, name, if_match, do)


def ask(reader: TokenDecider, desk: DeskHere, name: str, body: QuestionsBody, if_match: IfMatch = None) -> Response:
    """Ask the client everything at once, each question with its reason; `considered` is what to think of."""

    def do(session: Session, request: UUID, who: Who) -> dict[str, Any]:
        asked = [(each.ask, each.why) for each in body.questions]
        considered = messages.ask(session, request, questions=asked, move=body.move, **who)
        return {"considered": [nudge_json(each) for each in considered]}

    return guarded(desk, reader, name, if_match, do)


def note(reader: TokenDecider, desk: DeskHere, name: str, body: NoteBody, if_match: IfMatch = None) -> Response:
    """Write something down."""
    return appended(
        desk,
        reader,
        name,
        if_match,
        lambda session, request, who: messages.note(session, request, text=body.text, public=body.public, **who),
    )


def work(reader: TokenDecider, desk: DeskHere, name: str, body: WorkBody, if_match: IfMatch = None) -> Response:
    """Report support time."""
    return appended(
        desk,
        reader,
        name,
        if_match,
        lambda session, request, who: messages.work(session, request, minutes=body.minutes, text=body.text, **who),
    )


def assume(reader: TokenDecider, desk: DeskHere, name: str, body: AssumptionBody, if_match: IfMatch = None) -> Response:
    """Write an assumption down, or settle one; `assumption` names it."""

    def do(session: Session, request: UUID, who: Who) -> dict[str, Any]:
        if body.assumption is None or body.holds is None:
            return {"assumption": messages.assume(session, request, text=body.text, **who)}
        messages.settle(session, request, assumption=body.assumption, holds=body.holds, **who)
        return {"assumption": body.assumption}

    return appended(desk, reader, name, if_match, do)


def escalate(reader: TokenDecider, desk: DeskHere, name: str, body: EscalateBody, if_match: IfMatch = None) -> Response:
    """Ask for help up the policy's ladder."""
    return appended(
        desk,
        reader,
        name,
        if_match,
        lambda session, request, who: progress.escalate(session, request, reason=body.reason, **who),
    )


def acknowledge(reader: TokenDecider, desk: DeskHere, name: str, if_match: IfMatch = None) -> Response:
    """Take an escalation on: nobody further up is told."""
    return appended(
        desk, reader, name, if_match, lambda session, request, who: progress.acknowledge(session, request, **who)
    )


def call_back(
    reader: TokenDecider, desk: DeskHere, name: str, body: CallbackBody, if_match: IfMatch = None
) -> Response:
    """Have the customer called, or write down what came of a call made by hand."""

    def do(session: Session, request: UUID, who: Who) -> dict[str, Any]:
        by = {"engineer": who["engineer"], "now": who["now"], "region": desk.region}
        if body.outcome is None:
            row = reachability.call_back(session, request, **by)
        else:
            row = reachability.attempt(session, request, outcome=body.outcome, number=body.number, note=body.note, **by)
        return {"callback": str(row.id)}

    return appended(desk, reader, name, if_match, do)


def ease(reader: TokenDecider, desk: DeskHere, name: str, body: EaseBody, if_match: IfMatch = None) -> Response:
    """Apply a rule that the policy leaves to certain roles, citing it."""

    def do(session: Session, request: UUID, who: Who) -> None:
        decision.ease(session, request, rule=body.rule, **who)

    return guarded(desk, reader, name, if_match, do)


def show(reader: TokenDecider, desk: DeskHere, name: str, body: VisibilityBody, if_match: IfMatch = None) -> Response:
    """Show a request to whoever raised it only, or to their whole group."""
    return appended(
        desk,
        reader,
        name,
        if_match,
        lambda session, request, who: progress.set_visibility(session, request, visibility=body.visibility, **who),
    )


def _state(session: Session, request: UUID, desk: Desk, body: FactsBody, who: Who) -> None:
    """State each fact; every one that cannot be is named, and then none of them is stated."""
    engineer, now, seen = who["engineer"], who["now"], who["version"]
    wrong = []
    for name, value in body.stated.items():
        try:
            knowledge.state_fact(session, request, name, value, version=seen, engineer=engineer, now=now)
        except Invalid as error:
            wrong.append(error.public)
        else:
            seen += 1
    if wrong:
        raise Invalid(public="; ".join(wrong))
    cause = f"fact:{seen}"
    suggesting.suggest_again(session, request, cause, now, policies=desk.policies, suggest=desk.suggest)


ROUTES: tuple[tuple[str, Callable[..., Response]], ...] = (
    ("facts", facts),
    ("transition", transition),
    ("take", take),
    ("owner", owner),
    ("messages", tell),
    ("questions", ask),
    ("notes", note),
    ("work", work),
    ("assumptions", assume),
    ("escalate", escalate),
    ("acknowledge", acknowledge),
    ("callbacks", call_back),
    ("ease", ease),
    ("visibility", show),
)
