"""Facts that an engineer states on a request's page, and rules that only certain roles may apply."""

from fastapi import Request, Response

from console.acts import Doing, SentHere, carry_out
from console.deps import Decider, DeskHere
from console.shown import LEDGER
from models.errors import Invalid
from triage.desk import decision, knowledge
from triage.desk.held import held
from triage.desk.suggesting import suggest_again
from triage.suggest import UNKNOWN


def state(request: Request, reader: Decider, desk: DeskHere, name: str, fact: str, sent: SentHere) -> Response:
    """State a fact, and show what the rules make of it at once."""
    return carry_out(request, reader, desk, name, sent, "fact", lambda doing: _state(doing, fact))


def state_one(request: Request, reader: Decider, desk: DeskHere, name: str, sent: SentHere) -> Response:
    """State a fact chosen from the list of all there are, as `name=value`."""
    fact, _, value = sent.text("fact").partition("=")
    return carry_out(request, reader, desk, name, sent, "fact", lambda doing: _state(doing, fact, value))


def _state(doing: Doing, fact: str, value: str = "") -> str:
    """State a fact and suggest again, in one transaction; what comes back names its former value, to undo it by."""
    if fact in LEDGER:
        raise Invalid(public="This follows from the attempts to call: write down an attempt instead.")
    session, sent = doing.session, doing.sent
    version = sent.version
    before = knowledge.known(session, held(session, doing.request, version), policy=doing.policy)
    was = next((one.value for one in before if one.name == fact), UNKNOWN)
    knowledge.state_fact(
        session,
        doing.request,
        fact,
        value or sent.text("value"),
        version=version,
        engineer=doing.reader.login,
        now=doing.now,
    )
    suggest_again(
        session, doing.request, f"fact:{version}", doing.now, policies=doing.desk.policies, suggest=doing.desk.suggest
    )
    return f"fact.{fact}.{was}"


def ease(doing: Doing) -> str:
    """Apply a rule that the policy leaves to certain roles, and cite it."""
    decision.ease(doing.session, doing.request, version=doing.sent.version, rule=doing.sent.text("rule"), **doing.by)
    return ""
