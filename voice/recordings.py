"""Fetch a recording's media from Twilio and nowhere else; keep it here.

https://www.twilio.com/docs/voice/api/recording
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import httpx2
import structlog
from sqlalchemy import Engine

from models import tables
from models.errors import Invalid, NotFound, Unavailable
from models.ports import Clock
from models.store import transaction
from voice.hearing import RECORDING_SID

LARGEST = 64 * 1024 * 1024
TIMEOUT = 15.0
PATIENCE = timedelta(days=1)
"""How long a recording that Twilio does not give us is asked for before a person is."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioAccount:
    """Where Twilio's REST API is and who we are there."""

    account_sid: str
    auth_token: str
    api_base: str


def fetch(engine: Engine, recording: UUID, account: TwilioAccount, clock: Clock) -> None:
    """Fetch one recording's media; the URL is built from the account and the sid, never taken from a webhook.

    Twilio answers 404 for the first seconds of a recording. One without sound ("absent") is left alone.

    Raises:
        Unavailable: not there yet or not reachable; try again.
        NotFound: not given to us for a day.
        Invalid: it will never be fetched (too large).

    """
    with transaction(engine) as session:
        row = session.get(tables.calls.Recording, recording)
        if row is None or row.fetched_at is not None or row.status == "absent":
            return
        sid, made = row.recording_sid, row.created_at
    try:
        media, kind = download(sid, account)
    except Unavailable as error:
        if clock() - made > PATIENCE:
            raise NotFound(f"for a day: {error}") from error
        raise
    with transaction(engine) as session:
        row = session.get(tables.calls.Recording, recording)
        if row is not None:
            row.media, row.media_type, row.fetched_at, row.status = media, kind, clock(), "completed"
    log.info("recording.fetched", recording=sid, size=len(media))


def download(sid: str, account: TwilioAccount) -> tuple[bytes, str]:
    """The media of a recording and their type."""
    if not RECORDING_SID.fullmatch(sid):
        raise Invalid(f"{sid!r} is no RecordingSid")
    url = f"{account.api_base}/2010-04-01/Accounts/{account.account_sid}/Recordings/{sid}.mp3"
    auth = (account.account_sid, account.auth_token)
    try:
        with httpx2.stream("GET", url, auth=auth, timeout=TIMEOUT, follow_redirects=False) as answer:
            if answer.status_code != 200:  # noqa: PLR2004 - anything else, a redirect too, is no recording
                raise Unavailable(f"Twilio answers {answer.status_code} for {sid}")
            kind = answer.headers.get("content-type", "").partition(";")[0]
            if not kind.startswith("audio/"):
                raise Unavailable(f"Twilio sends {kind or 'nothing'} for {sid}")
            return _read(answer, sid), kind
    except httpx2.HTTPError as error:
        raise Unavailable(f"{sid}: {type(error).__name__}") from error


def _read(answer: httpx2.Response, sid: str) -> bytes:
    media = bytearray()
    for chunk in answer.iter_bytes():
        media += chunk
        if len(media) > LARGEST:
            raise Invalid(f"{sid} is larger than {LARGEST} bytes")
    return bytes(media)
