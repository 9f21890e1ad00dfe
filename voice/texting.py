"""The reference of a call sent to its caller as a text, once: nothing about them but the reference.

Twilio has no idempotency key for messages. So the intent is committed before Twilio is asked, and a text that may
have gone out is never sent again. We take no texts: STOP and HELP are answered by Twilio itself.
https://www.twilio.com/docs/messaging/api/message-resource
"""

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from string import Template
from uuid import UUID

import structlog
from sqlalchemy import Engine, Select, func, select
from sqlalchemy.orm import Session

from models import tables
from models.errors import Unavailable
from models.ports import Clock
from models.store import transaction
from models.tables.reaching import CallReceipt
from models.terms import OutgoingState
from voice.dialling import RESTORED, Outcome, Trunk, made, obstacle, textable
from voice.outgoing import Naming
from voice.signature import MESSAGE_SID
from voice.twiml import RETRIES

SMS = "sms"
"""The channel of receipts that go out here; those by mail are the intake's."""
TEXTS: Mapping[str, str] = {
    "en": "$support support: your call is logged as $reference. Please quote it when you call again. "
    "This number takes no texts.",
    "de": "$support Support: Ihr Anruf ist als $reference erfasst. Bitte nennen Sie das beim nächsten Anruf. "
    "SMS an diese Nummer lesen wir nicht.",
    "fr": "Support $support : votre appel est noté sous $reference. Citez-la à votre prochain appel. "
    "Ce numéro ne lit pas les SMS.",
    "es": "Soporte $support: su llamada consta como $reference. Cite esta referencia si vuelve a llamar. "
    "No leemos SMS.",
}
FALLBACK = "en"
GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The letters of one septet (3GPP TS 23.038 §6.2.1); with any other the whole text takes two octets for each."""
LONGEST = 160
"""Letters of one message: 140 octets hold as many septets (3GPP TS 23.040 §9.2.3.16)."""
STOPPED = 21610
"""Twilio's error where the recipient has answered STOP to our number."""
UNABLE = (21601, 21606, 21659, 21660, 21661)
"""Twilio's errors where our number can send no texts: verified only, not of the account, or for calls alone."""
FRESH = timedelta(days=1)
"""A reference that comes later than this helps nobody."""
MOST_A_DAY = 5
"""Texts to one number within a day: whoever keys in somebody else's must not flood them at our expense."""
DELIVERED, UNDONE = "delivered", ("undelivered", "failed")
INTERRUPTED = "interrupted while it was being sent"
OPEN = (OutgoingState.SENDING, OutgoingState.UNCERTAIN)

log = structlog.get_logger()


def send(engine: Engine, receipt_id: UUID, *, trunk: Trunk, naming: Naming, clock: Clock) -> None:
    """Send one receipt: intent recorded, Twilio asked, outcome recorded. *Sent* is what Twilio took.

    Raises:
        Unavailable: certainly nothing was sent; the job is tried again later.

    """
    begun = _begin(engine, receipt_id, trunk, naming, clock())
    if begun is None:
        return
    number, words = begun
    outcome = _text(trunk, number, words, f"{trunk.public_url}/voice/receipt/{receipt_id}/status{RETRIES}")
    with transaction(engine) as session:
        row = _held(session, receipt_id)
        if row is None:
            return
        if row.message_sid is None:  # else a webhook of this message was faster
            row.state, row.message_sid = outcome.state or OutgoingState.PENDING, outcome.sid
            row.error = _why(outcome) or None
    log.info("receipt.sent", receipt=str(receipt_id), channel=SMS, state=row.state)
    if row.state is OutgoingState.PENDING:
        raise Unavailable(outcome.error)


def status(session: Session, receipt: UUID | None, params: Mapping[str, str], now: datetime) -> None:
    """Note that a text arrived (`told_at`), or did not. Statuses come in any order: an arrival is never taken back."""
    row = _held(session, receipt) if receipt else None
    if row is None or not _is_its_own(session, row, params["MessageSid"]):
        return
    told = params.get("MessageStatus", "")
    if told == DELIVERED:
        row.state, row.error, row.told_at = OutgoingState.SENT, None, row.told_at or now
    elif told in UNDONE and row.told_at is None:
        code = params.get("ErrorCode", "")
        row.state = OutgoingState.FAILED
        row.error = f"{told}, error {code}" if code.isdecimal() else told
    session.flush()


def may_be_promised(session: Session, call_id: UUID, number: str, now: datetime) -> bool:
    """Whether a text about a call may be promised to a number (E.164): nothing known keeps it from going.

    It is not where as many as may go there today went, or will before this one; where the last one to this number met
    a STOP; or where Twilio refused our own number for the last one to anybody. Since those are sent without a promise,
    START and another `SWITCHBOARD_TWILIO_FROM` are noticed. https://www.twilio.com/docs/api/errors/21610
    """
    today = _of_today(number, now, OutgoingState.PENDING).where(CallReceipt.call_id != call_id)
    ended = select(CallReceipt.error).where(
        CallReceipt.channel == SMS, CallReceipt.state.in_([OutgoingState.SENT, OutgoingState.FAILED])
    )
    last = ended.order_by(CallReceipt.created_at.desc(), CallReceipt.id.desc()).limit(1)
    there = last.where(CallReceipt.recipient == number)
    known = select(today.scalar_subquery(), there.scalar_subquery(), last.scalar_subquery())
    count, error_there, error_anywhere = session.execute(known).one()
    return count < MOST_A_DAY and not _is(error_there, STOPPED) and not _is(error_anywhere, *UNABLE)


def written(support: str, reference: str, language: str | None) -> str:
    """The text, in one message: letters that need more room are written plainly, a long name is cut."""
    said = Template(TEXTS.get(language or "", TEXTS[FALLBACK]))
    room = LONGEST - len(said.substitute(support="", reference=reference))
    return plain(said.substitute(support=plain(support)[:room].strip(), reference=reference))


def plain(text: str) -> str:
    """A text in the letters of one septet: accents that they do not have are left out, and so are other letters."""
    bare = (each if each in GSM else unicodedata.normalize("NFKD", each) for each in " ".join(text.split()))
    return "".join(sign for each in bare for sign in each if sign in GSM)


def _begin(engine: Engine, receipt_id: UUID, trunk: Trunk, naming: Naming, now: datetime) -> tuple[str, str] | None:
    """Record the intent; the number and the words, or None if there is nothing to send (any more)."""
    with transaction(engine) as session:
        row = _held(session, receipt_id)
        if row is None or row.channel != SMS or row.state not in (OutgoingState.PENDING, OutgoingState.SENDING):
            return None
        number = textable(row.recipient, trunk.region)
        if row.state is OutgoingState.SENDING:
            row.state, row.error = OutgoingState.UNCERTAIN, INTERRUPTED
        elif trunk.doubts(session, row.created_at, now):
            row.state, row.error = OutgoingState.UNCERTAIN, RESTORED
        elif reason := _needless(session, row, number, now):
            row.state, row.error = OutgoingState.DROPPED, reason
        elif problem := obstacle(trunk):
            row.state, row.error = OutgoingState.FAILED, problem
        elif number is not None:
            row.state, row.error = OutgoingState.SENDING, None
            request = session.get_one(tables.requests.Request, row.request_id)
            call = session.get_one(tables.calls.Call, row.call_id)
            return number, written(naming(request).support, request.reference, call.answers.get("language"))
        return None


def _needless(session: Session, row: CallReceipt, number: str | None, now: datetime) -> str:
    """Why a receipt is not sent; empty if it is."""
    if number is None:
        return "the caller left no number that takes texts"
    if now - row.created_at > FRESH:
        return "too old to be of use"
    same = session.scalar(_of_today(row.recipient, now)) or 0
    return f"{MOST_A_DAY} texts went to this number today" if same >= MOST_A_DAY else ""


def _of_today(number: str, now: datetime, *more: OutgoingState) -> Select[int]:
    """How many texts went to a number within a day, or may have; those in further states count as well."""
    return select(func.count()).where(
        CallReceipt.channel == SMS,
        CallReceipt.recipient == number,
        CallReceipt.created_at > now - timedelta(days=1),
        CallReceipt.state.in_([OutgoingState.SENT, *OPEN, *more]),
    )


def _text(trunk: Trunk, number: str, words: str, told_at: str) -> Outcome:
    return made(
        trunk.account,
        MESSAGE_SID,
        lambda client: client.messages.create(
            to=number, from_=trunk.from_number, body=words, status_callback=told_at
        ),
    )  # fmt: skip


def _why(outcome: Outcome) -> str:
    if outcome.code == STOPPED:
        return f"the recipient does not want texts from our number (STOP): {outcome.error}"
    return outcome.error


def _is(error: str | None, *codes: int) -> bool:
    """Whether a receipt ended with one of these errors of Twilio's, at once or as a status told later."""
    return any(f"error {code}" in (error or "") for code in codes)


def _is_its_own(session: Session, row: CallReceipt, sid: str) -> bool:
    """Whether a message is this receipt; a webhook may be faster than Twilio's answer, or come although none did."""
    if row.message_sid is None and row.state in OPEN:
        known = session.scalar(select(CallReceipt.id).where(CallReceipt.message_sid == sid))
        if known is None:
            row.message_sid, row.state, row.error = sid, OutgoingState.SENT, None
    return row.message_sid == sid


def _held(session: Session, receipt: UUID) -> CallReceipt | None:
    return session.get(CallReceipt, receipt, with_for_update=True)
