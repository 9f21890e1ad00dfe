"""What the desk is told of a call: an incident at the first webhook, then everything the caller says. Never commits.

Each part of a call has its own source, so that telling it twice changes nothing.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from models import tables
from models.ports import Receive
from models.terms import Channel, Fact, Interaction, Party, Receipt
from voice.menu import LAST

LONGEST_SUBJECT = 120
DOWN = "Production is down, says the caller"


def open_incident(session: Session, call: tables.calls.Call, party: Party | None, now: datetime, desk: Receive) -> None:
    """Open the incident of a call; its clock starts at the call's first webhook."""
    receipt = desk(
        session,
        Interaction(
            source=f"call:{call.call_sid}",
            channel=Channel.PHONE,
            received_at=call.started_at,
            party=party,
            clock_started_at=call.started_at,
        ),
        now,
    )
    call.request_id = receipt.request
    call.answers = {**call.answers, "reference": receipt.reference, "known": "yes" if receipt.party_known else "no"}
    session.flush()


def caller(session: Session, call: tables.calls.Call, party: Party, now: datetime, desk: Receive) -> None:
    """Who calls, where the first webhook did not say it."""
    _tell(session, call, "caller", now, desk, party=party, note="the number the call comes from")


def account(session: Session, call: tables.calls.Call, now: datetime, desk: Receive) -> None:
    """The account number that was keyed; only a confirmed one finds the account."""
    number = call.answers["account"]
    if call.answers.get("account_confirmed") == "yes":
        receipt = _tell(session, call, "account", now, desk, account=number, note=f"account number {number}, confirmed")
        call.answers = {**call.answers, "known": "yes" if receipt.party_known else "no"}
    else:
        _tell(session, call, "account", now, desk, note=f"account number {number}, keyed but not confirmed")


def problem(session: Session, call: tables.calls.Call, now: datetime, desk: Receive) -> None:
    """What the caller said and pressed; what they pressed outranks every guess.

    A call that ended before its last answer came has filed its problem already: the answers follow by themselves.
    """
    said = call.answers.get("problem", "")
    late = is_filed(session, call)
    headline = DOWN if call.answers.get("down") == "yes" and not _is_recorded(call) else ""
    _tell(
        session,
        call,
        "answers" if late else "problem",
        now,
        desk,
        subject=said[:LONGEST_SUBJECT] or headline,
        text="" if late else said,
        facts=stated(call.answers.get("down", "")),
        note=_how(call),
    )


def is_filed(session: Session, call: tables.calls.Call) -> bool:
    """Whether the desk knows the problem of this call."""
    return tables.requests.interaction_by_source(session, f"call:{call.call_sid}:problem") is not None


def hang_up(session: Session, call: tables.calls.Call, told: str, now: datetime, desk: Receive) -> None:
    """The end of a call: what was said until then is filed, and where the caller left is noted."""
    if call.answers.get("problem") and not is_filed(session, call):
        problem(session, call, now, desk)
    if call.step != LAST:
        how = "the caller hung up" if told == "completed" else f"the call ended ({told})"
        _tell(session, call, "hangup", now, desk, note=f"{how} at step {call.step}; call back")


def transcript(
    session: Session, call: tables.calls.Call, recording_sid: str, text: str, now: datetime, desk: Receive
) -> None:
    """What a recording says: the desk suggests from it."""
    part = f"transcript:{recording_sid}"
    note = "transcript of the recording"
    _tell(session, call, part, now, desk, subject=text[:LONGEST_SUBJECT], text=text, note=note)


def stated(down: str) -> tuple[Fact, ...]:
    """The facts that stand in the answer to "is production down?"."""
    if down not in {"yes", "no"}:
        return ()
    evidence = f"asked whether production is down: {down}"
    state = Fact(name="down", value="full" if down == "yes" else "no", source="caller", evidence=evidence)
    if down == "no":
        return (state,)
    return (state, Fact(name="environment", value="production", source="caller", evidence=evidence))


def _is_recorded(call: tables.calls.Call) -> bool:
    return bool(call.answers.get("recording", "none") != "none")


def _how(call: tables.calls.Call) -> str:
    if call.answers.get("problem"):
        confidence = call.answers.get("confidence")
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
            request=call.request_id,
            note=note,
        ),
        now,
    )
