"""Fetch a recording's media from Twilio and nowhere else; keep it here.

https://www.twilio.com/docs/voice/api/recording
"""

import re
from dataclasses import dataclass
from uuid import UUID

import httpx2
import structlog
from sqlalchemy import Engine

from models import tables
from models.errors import Invalid, Unavailable
from models.ports import Clock
from models.store import transaction

RECORDING_SID = re.compile(r"RE[0-9a-f]{32}")
LARGEST = 64 * 1024 * 1024
TIMEOUT = 15.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioAccount:
    """Where Twilio's REST API is and who we are there."""

    account_sid: str
    auth_token: str
    api_base: str


def fetch(engine: Engine, recording: UUID, account: TwilioAccount, clock: Clock) -> None:
    """Fetch one recording's media; the URL is built from the account and the sid, never taken from a webhook.

    Raises:
        Unavailable: not there yet (Twilio answers 404 for the first seconds) or not reachable; try again.
        Invalid: it will never be fetched (bad sid, too large).

    """
    with transaction(engine) as session:
        row = session.get(tables.calls.Recording, recording)
        if row is None or row.fetched_at is not None:
            return
        sid = row.recording_sid
    media, kind = download(sid, account)
    with transaction(engine) as session:
        row = session.get(tables.calls.Recording, recording)
        if row is not None:
            row.media, row.media_type, row.fetched_at = media, kind, clock()
    log.info("recording.fetched", recording=sid, size=len(media))


def download(sid: str, account: TwilioAccount) -> tuple[bytes, str]:
    """The media of a recording and their type."""
    if not RECORDING_SID.fullmatch(sid):
        raise Invalid(f"{sid!r} is no RecordingSid")
    url = f"{account.api_base}/2010-04-01/Accounts/{account.account_sid}/Recordings/{sid}.mp3"
    auth = (account.account_sid, account.auth_token)
    try:
        with httpx2.stream("GET", url, auth=auth, timeout=TIMEOUT, follow_redirects=False) as answer:
            if answer.status_code != 200:  # noqa: PLR2004 - anything else is no recording
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
