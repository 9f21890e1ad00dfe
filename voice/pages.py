"""What a page says, and what becomes of it: whoever presses 1 has taken the request on. Never commits.

Webhooks may come twice, late and in any order: the notice ends the same.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from models import tables
from models.terms import OutgoingState
from voice import outgoing, prompts
from voice.calls import TERMINAL
from voice.outgoing import YES, Speech, hang_up, is_machine, not_needed, tell
from voice.twiml import spoken

ENDS = {"busy": "busy", "no-answer": "no answer", "failed": "the call failed", "canceled": "the call was canceled"}
MACHINE = "an answering machine took the call"


def ring(session: Session, notice: UUID | None, params: Mapping[str, str], now: datetime, *, speech: Speech) -> str:
    """The TwiML for somebody of ours who answers; a machine hears nothing."""
    row = notice_of(session, notice, params, now, speech)
    if row is None:
        return not_needed(speech)
    if is_machine(params.get("AnsweredBy")):
        _fail(session, row, MACHINE, speech)
        return hang_up()
    return _say(session, row, speech, again=False)


def key(
    session: Session, notice: UUID | None, tried: str, params: Mapping[str, str], now: datetime, *, speech: Speech
) -> str:
    """The TwiML after a key: 1 takes the request on; anything else is told once more, then goodbye."""
    row = notice_of(session, notice, params, now, speech)
    if row is None:
        return not_needed(speech)
    if is_machine(params.get("AnsweredBy")):
        return hang_up()
    words = speech.wording(prompts.FALLBACK)
    if params.get("Digits") == YES or row.acknowledged_at is not None:
        _acknowledge(session, row, now, speech)
        return tell(words, "page_taken")
    return _say(session, row, speech, again=True) if tried == "0" else tell(words, "goodbye")


def status(session: Session, notice: UUID | None, params: Mapping[str, str], now: datetime, *, speech: Speech) -> None:
    """Note that nobody took it on, and fail the page that no person answered. The ladder goes on by time."""
    row = notice_of(session, notice, params, now, speech)
    told = params.get("CallStatus", "")
    if row is None or told not in TERMINAL:
        return
    if why := ENDS.get(told, MACHINE if is_machine(params.get("AnsweredBy")) else ""):
        _fail(session, row, why, speech)
    elif row.acknowledged_at is None and row.error is None:
        row.error = "no key was pressed"


def notice_of(
    session: Session, notice: UUID | None, params: Mapping[str, str], now: datetime, speech: Speech
) -> tables.progress.Notice | None:
    """The notice that a call is about, held until the transaction ends; None if the call is not its own.

    A webhook may be faster than Twilio's answer to us, or come although there was none: then the call was placed.
    """
    row = session.get(tables.progress.Notice, notice, with_for_update=True) if notice else None
    if row is None or row.call_sid == params["CallSid"]:
        return row
    is_open = row.call_sid is None and row.state in (OutgoingState.SENDING, OutgoingState.UNCERTAIN)
    if not is_open or tables.progress.notice_by_sid(session, params["CallSid"]) is not None:
        return None
    row.call_sid, row.state, row.error, row.told_at = params["CallSid"], OutgoingState.SENT, None, now
    session.flush()
    speech.settle(session, row.step_id)
    return row


def _acknowledge(session: Session, row: tables.progress.Notice, now: datetime, speech: Speech) -> None:
    if row.acknowledged_at is not None:
        return
    row.acknowledged_at, row.error = now, None
    tables.requests.record_clock(
        session, row.request_id, "acknowledged", f"notice:{row.id}", now, value=row.name, made_by=row.name
    )
    tables.requests.wants_attention(session, row.request_id, now)
    if row.state is OutgoingState.FAILED:  # its end overtook the key
        row.state, row.told_at = OutgoingState.SENT, now
        session.flush()
        speech.settle(session, row.step_id)


def _fail(session: Session, row: tables.progress.Notice, why: str, speech: Speech) -> None:
    """End a page that no person answered: nobody was told, and the step follows."""
    if row.acknowledged_at is not None or row.error is not None:
        return
    row.state, row.error, row.told_at = OutgoingState.FAILED, why, None
    session.flush()
    speech.settle(session, row.step_id)


def _say(session: Session, row: tables.progress.Notice, speech: Speech, *, again: bool) -> str:
    """Who needs what, in English, as the names of levels and steps are; never a customer's words."""
    request = session.get_one(tables.requests.Request, row.request_id)
    step = session.get_one(tables.progress.EscalationStep, row.step_id)
    words, level = speech.wording(prompts.FALLBACK), speech.naming(request).level
    sentence = "page" if level else "page_plain"
    what = words.say(sentence, level=level, reference=spoken(request.reference), step=step.label)
    here = f"{speech.public_url}/voice/page/{row.id}/key?try={int(again)}"
    return outgoing.ask(words, here, what, words.say("page_keys"))
