"""Fetch a recording's media from Twilio and nowhere else; keep it here.

https://www.twilio.com/docs/voice/api/recording
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import httpx2
import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import tables
from models.calling import Consent
from models.errors import Invalid, NotFound, Unavailable
from models.ports import Clock
from models.store import transaction
from models.terms import JobKind
from voice.hearing import RECORDING_SID

LARGEST = 64 * 1024 * 1024
TIMEOUT = 15.0
PATIENCE = timedelta(days=1)
"""How long a recording that Twilio does not give us is asked for before a person is."""
TRANSCRIBED = timedelta(hours=1)
"""How long a recording stays at Twilio after it was fetched: it may still be transcribed there."""
WAVE = frozenset({"audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"})
SYNC = 0xE0
"""The bits with which the second byte of an MPEG frame begins (ISO/IEC 11172-3 §2.4.2.3)."""
REFUSED = frozenset({"no", "never"})
"""Answers to the question for consent after which nothing of a call is kept."""
UNWANTED = "refused"
"""The state of a recording that nobody agreed to."""
UNASKED = "unasked"
"""How the log of a request names a recording of a caller who was to be asked and could only be told."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioAccount:
    """Where Twilio's REST API is and who we are there."""

    account_sid: str
    auth_token: str
    api_base: str


def fetch(engine: Engine, recording: UUID, account: TwilioAccount, clock: Clock, *, remove: bool = False) -> None:
    """Fetch one recording's media; the URL is built from the account and the sid, never taken from a webhook.

    Twilio answers 404 for the first seconds of a recording. One without sound ("absent") is left alone; one of a call
    whose caller did not agree is never fetched, and is removed at Twilio. So is, later, one that is stored here, with
    `remove`. One of a caller who was to be asked and was not, since only the fallback was there, is kept and marked
    so in the log of its request.

    Raises:
        Unavailable: not there yet or not reachable; try again.
        NotFound: not given to us for a day.
        Invalid: it will never be fetched (too large).

    """
    with transaction(engine) as session:
        row = session.get(tables.calls.Recording, recording)
        if row is None or row.fetched_at is not None or row.status in ("absent", UNWANTED):
            return
        if is_unwanted(session, row):
            _refuse(session, row, clock())
            return
        sid, made = row.recording_sid, row.created_at
    try:
        media, kind = download(sid, account)
    except Unavailable as error:
        if clock() - made > PATIENCE:
            raise NotFound(f"for a day: {error}") from error
        raise
    with transaction(engine) as session:
        row = session.get(tables.calls.Recording, recording, with_for_update=True)
        if row is not None and row.fetched_at is None:
            row.media, row.media_type, row.fetched_at, row.status = media, kind, clock(), "completed"
            row.digest = hashlib.sha256(media).hexdigest()
            _note_unasked(session, row, clock())
            if remove:
                tables.jobs.schedule(session, JobKind.RECORDING_REMOVE, row.id, clock() + TRANSCRIBED)
    log.info("recording.fetched", recording=sid, size=len(media))


def is_unwanted(session: Session, row: tables.calls.Recording) -> bool:
    """Whether the caller was asked and did not agree to be recorded: that holds whatever made the recording."""
    call = session.get_one(tables.calls.Call, row.call_id)
    return call.answers.get("consent") in REFUSED


def _note_unasked(session: Session, row: tables.calls.Recording, now: datetime) -> None:
    """Say in the log of a request whose caller was recorded by the fallback, which cannot ask: they did not hang up."""
    call = session.get_one(tables.calls.Call, row.call_id)
    if call.request_id is None or call.answers.get("mode") != Consent.ASK or "consent" in call.answers:
        return
    why = "recorded while we were away: the caller was told to hang up if they do not agree, and was not asked"
    source = f"recording:{row.recording_sid}"
    tables.requests.record_clock(session, call.request_id, "recording", source, now, value=UNASKED, note=why)


def _refuse(session: Session, row: tables.calls.Recording, now: datetime) -> None:
    """Leave a recording that nobody agreed to where it is, and have it removed there."""
    row.status = UNWANTED
    call = session.get_one(tables.calls.Call, row.call_id)
    tables.jobs.schedule(session, JobKind.RECORDING_REMOVE, row.id, now)
    if call.request_id is not None:
        why = "a recording was made although the caller did not agree: it is not fetched, and is removed at Twilio"
        source = f"recording:{row.recording_sid}"
        tables.requests.record_clock(session, call.request_id, "recording", source, now, value=UNWANTED, note=why)
    log.warning("recording.refused", recording=row.recording_sid)


def download(sid: str, account: TwilioAccount) -> tuple[bytes, str]:
    """The media of a recording and their type."""
    if not RECORDING_SID.fullmatch(sid):
        raise Invalid(f"{sid!r} is no RecordingSid")
    url = f"{account.api_base}/2010-04-01/Accounts/{account.account_sid}/Recordings/{sid}.mp3"
    auth = (account.account_sid, account.auth_token)
    plain = {"Accept-Encoding": "identity"}
    try:
        with httpx2.stream(
            "GET", url, auth=auth, headers=plain, timeout=TIMEOUT, follow_redirects=False
        ) as answer:  # fmt: skip
            if answer.status_code != 200:  # noqa: PLR2004 - anything else, a redirect too, is no recording
                raise Unavailable(f"Twilio answers {answer.status_code} for {sid}")
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            if not kind.startswith("audio/"):
                raise Unavailable(f"Twilio sends {kind or 'nothing'} for {sid}")
            media = _read(answer, sid)
    except httpx2.HTTPError as error:
        raise Unavailable(f"{sid}: {type(error).__name__}") from error
    if not is_sound(media, kind):
        raise Unavailable(f"what Twilio sends for {sid} is no {kind}")
    return media, kind


def is_sound(media: bytes, kind: str) -> bool:
    """Whether media begin as their type does: MPEG by a frame or an ID3 tag, WAVE as RIFF (RFC 2361); none is none."""
    if kind == "audio/mpeg":
        return media.startswith(b"ID3") or (media[:1] == b"\xff" and media[1:2] >= bytes([SYNC]))
    return kind in WAVE and media.startswith(b"RIFF") and media[8:12] == b"WAVE"


def _read(answer: httpx2.Response, sid: str) -> bytes:
    """The body, counted while it comes, and as long as was announced."""
    announced = answer.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > LARGEST:
        raise Invalid(f"{sid} is larger than {LARGEST} bytes")
    media = bytearray()
    for chunk in answer.iter_bytes():
        media += chunk
        if len(media) > LARGEST:
            raise Invalid(f"{sid} is larger than {LARGEST} bytes")
    if announced.isdecimal() and int(announced) != len(media):
        raise Unavailable(f"{sid} has {len(media)} of {announced} bytes")
    return bytes(media)
