"""What the desk is told of a call: an incident at the first webhook, then everything the caller says. Never commits.

Each part of a call has its own source, so that telling it twice changes nothing. Once the caller has joined a request
that was under way, what follows belongs to that one.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from models import tables
from models.calling import CallerId
from models.ports import Receive
from models.terms import Channel, Fact, Interaction, JobKind, JobState, Party, Receipt
from voice.guesses import REFUSED
from voice.hearing import confidence_of

LONGEST_SUBJECT = 120
DOWN = "Production is down, says the caller"
HIDDEN = "••••"
"""Stands for keys that may have been a PIN."""
NOT_LOOKED_UP = "an account number or PIN, confirmed and not looked up: this telephone confirmed too many wrong ones"
VOUCHED = "the caller's network says {} of their number: a hint, no proof"


def open_incident(
    session: Session, call: tables.calls.Call, party: Party | None, now: datetime, desk: Receive, *, vouched: str = ""
) -> None:
    """Open the incident of a call; its clock starts at the call's first webhook.

    `vouched` is how the network vouches for the number (STIR/SHAKEN): noted, and nothing follows from it.
    """
    receipt = desk(
        session,
        Interaction(
            source=f"call:{call.call_sid}",
            channel=Channel.PHONE,
            received_at=call.started_at,
            party=party,
            clock_started_at=call.started_at,
            note=VOUCHED.format(vouched) if vouched else "",
        ),
        now,
    )
    call.request_id = receipt.request
    call.answers = {**call.answers, "reference": receipt.reference, **_recognised(receipt)}


def caller(
    session: Session, call: tables.calls.Call, party: Party, now: datetime, desk: Receive, *, vouched: str = ""
) -> None:
    """Who calls, where the first webhook did not say it."""
    note = "the number the call comes from"
    note = f"{note}; {VOUCHED.format(vouched)}" if vouched else note
    receipt = _tell(session, call, "caller", now, desk, party=party, note=note)
    call.answers = {**call.answers, **_recognised(receipt)}


def mentioned(session: Session, call: tables.calls.Call, who: CallerId, now: datetime, desk: Receive) -> None:
    """Somebody has mentioned the caller's number: the engineer may ask; the caller is told nothing."""
    by = " of ".join(filter(None, (who.name, who.account))) or "somebody"
    _tell(session, call, "mentioned", now, desk, note=f"maybe known: the number was mentioned by {by}")


def account(session: Session, call: tables.calls.Call, now: datetime, desk: Receive) -> None:
    """The account number or PIN that was keyed; only a confirmed one finds the account.

    The desk leaves no PIN in what it is told, and what may be one does not stay among the answers.
    """
    number, told = call.answers["account"], {}
    if REFUSED in call.answers:
        _tell(session, call, "account", now, desk, note=NOT_LOOKED_UP)
    elif call.answers.get("account_confirmed") == "yes":
        receipt = _tell(session, call, "account", now, desk, account=number, note=f"account number {number}, confirmed")
        told = _recognised(receipt)
        if told["known"] == "yes" and told["trusted"] == "no":
            call.answers = {**call.answers, **told}
            return
        if told["trusted"] == "yes":
            told["pin_ok"] = "yes"
    else:
        _tell(session, call, "account", now, desk, note=f"account number {number}, keyed but not confirmed")
    call.answers = {**call.answers, **told, "account": HIDDEN + number[-2:]}


def problem(session: Session, call: tables.calls.Call, now: datetime, desk: Receive) -> None:
    """What the caller said, as soon as they said it: the desk suggests while they are still on the line."""
    said = call.answers.get("problem", "")
    if said and "filed" not in call.answers:
        sure = confidence_of(call.answers.get("confidence", ""))
        note = _how(call)
        _tell(
            session, call, "problem", now, desk, subject=said[:LONGEST_SUBJECT], text=said, note=note, confidence=sure
        )
        call.answers = {**call.answers, "filed": "yes"}


def pressed(session: Session, call: tables.calls.Call, now: datetime, desk: Receive) -> None:
    """The answer to "is production down?"; what was pressed outranks every guess.

    Where nothing was said it is all there is of the problem, but for what may have been recorded.
    """
    facts = stated(call.answers.get("down", ""))
    if is_filed(session, call):
        if facts:
            said = call.answers.get("problem", "")[:LONGEST_SUBJECT]
            note = "asked whether production is down"
            _tell(session, call, "answers", now, desk, subject=said, facts=facts, note=note)
        return
    headline = DOWN if call.answers.get("down") == "yes" and not _is_recorded(call) else ""
    _tell(session, call, "problem", now, desk, subject=headline, facts=facts, note=_how(call))
    call.answers = {**call.answers, "filed": "yes"}


def note(session: Session, call: tables.calls.Call, now: datetime, desk: Receive) -> None:
    """What the caller added to the request they joined; a recording's words come with its transcript."""
    said = call.answers.get("note", "")
    if said or call.answers.get("note_recording"):
        sure = confidence_of(call.answers.get("note_confidence", ""))
        how = "a note, by speech" if said else "a note, left in a recording"
        _tell(session, call, "note", now, desk, subject=said[:LONGEST_SUBJECT], text=said, note=how, confidence=sure)


def no_phone(session: Session, call: tables.calls.Call, now: datetime, desk: Receive) -> None:
    """There is no number that the caller confirmed."""
    number = call.answers.get("phone", "")
    heard = f"; {number} was keyed and not confirmed" if number else ""
    _tell(session, call, "phone", now, desk, note=f"contact phone missing: none was confirmed{heard}")


def is_filed(session: Session, call: tables.calls.Call) -> bool:
    """Whether the desk knows the problem of this call; the answers say so of what this version filed."""
    source = f"call:{call.call_sid}:problem"
    return "filed" in call.answers or tables.requests.interaction_by_source(session, source) is not None


def is_to_be_suggested(session: Session, call: tables.calls.Call) -> bool:
    """Whether a worker has still to suggest from what the caller said."""
    said, job = tables.requests.Interaction, tables.jobs.Job
    asked = (job.subject == said.id, job.kind == JobKind.REQUEST_SUGGEST, job.state == JobState.WAITING)
    found = select(job.id).join(said, and_(*asked)).where(said.source == f"call:{call.call_sid}:problem")
    return session.scalar(found.limit(1)) is not None


def hang_up(session: Session, call: tables.calls.Call, told: str, now: datetime, desk: Receive) -> None:
    """The end of a call before its last step: what was said until then is filed, and where the caller left is noted."""
    problem(session, call, now, desk)
    _tell(session, call, "hangup", now, desk, note=f"{how_it_ended(call, told)}; call back")


def has_hung_up(session: Session, call: tables.calls.Call) -> bool:
    """Whether the desk knows that this caller left before the end."""
    return tables.requests.interaction_by_source(session, f"call:{call.call_sid}:hangup") is not None


def how_it_ended(call: tables.calls.Call, told: str) -> str:
    """Where in the menu a call ended, and by whom, as far as its status tells."""
    how = "the caller hung up" if told == "completed" else f"the call ended ({told})"
    return f"{how} at step {call.step}"


def transcript(
    session: Session, call: tables.calls.Call, recording_sid: str, text: str, now: datetime, desk: Receive
) -> None:
    """What a recording says: the desk suggests from it."""
    part = f"transcript:{recording_sid}"
    _tell(session, call, part, now, desk, subject=text[:LONGEST_SUBJECT], text=text, note="transcript of the recording")


def request_of(call: tables.calls.Call) -> UUID:
    """The request a call is about by now: the one the caller joined, else the call's own."""
    joined = call.answers.get("joined")
    if joined:
        return UUID(joined)
    if call.request_id is None:
        raise LookupError(call.call_sid)
    return call.request_id


def stated(down: str) -> tuple[Fact, ...]:
    """The facts that stand in the answer to "is production down?"."""
    if down not in {"yes", "no"}:
        return ()
    evidence = f"asked whether production is down: {down}"
    state = Fact(name="down", value="full" if down == "yes" else "no", source="caller", evidence=evidence)
    if down == "no":
        return (state,)
    return (state, Fact(name="environment", value="production", source="caller", evidence=evidence))


def _recognised(receipt: Receipt) -> dict[str, str]:
    return {
        "known": "yes" if receipt.party_known else "no",
        "trusted": "yes" if receipt.is_trusted else "no",
        "policy": receipt.policy,
    }


def _is_recorded(call: tables.calls.Call) -> bool:
    return bool(call.answers.get("recording", "none") != "none")


def _how(call: tables.calls.Call) -> str:
    if call.answers.get("problem"):
        confidence = confidence_of(call.answers.get("confidence", ""))
        return f"speech, recognised with confidence {confidence}" if confidence else "speech"
    return "described in a recording" if _is_recorded(call) else "not described"


def _tell(
    session: Session,
    call: tables.calls.Call,
    part: str,
    now: datetime,
    desk: Receive,
    *,
    subject: str = "",
    text: str = "",
    facts: tuple[Fact, ...] = (),
    account: str = "",
    party: Party | None = None,
    note: str = "",
    confidence: float | None = None,
) -> Receipt:
    return desk(
        session,
        Interaction(
            source=f"call:{call.call_sid}:{part}",
            channel=Channel.PHONE,
            received_at=now,
            subject=subject,
            text=text,
            new_text=text,
            language=call.answers.get("language"),
            party=party,
            facts=facts,
            account_hint=account,
            request=request_of(call),
            note=note,
            confidence=confidence,
        ),
        now,
    )
