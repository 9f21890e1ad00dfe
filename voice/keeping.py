"""How long recordings are kept: here for so many days, at Twilio until they are stored here.

https://www.twilio.com/docs/voice/api/recording#delete-a-recording-resource
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Engine, select, update
from twilio.base.exceptions import TwilioException
from twilio.http.response import Response

from models import tables
from models.errors import Invalid, Unavailable
from models.ports import Clock
from models.store import transaction
from voice.dialling import Interrupted, client_of, told
from voice.hearing import RECORDING_SID
from voice.recordings import TwilioAccount, is_unwanted

NOT_FOUND = 404
REFUSALS = range(400, 500)
"""Answers by which Twilio turns a request away for what it asks (RFC 9110 §15.5)."""

log = structlog.get_logger()


def erase_old(engine: Engine, *, days: int, clock: Clock, batch: int = 50) -> int:
    """Erase the sound of recordings that were fetched so many days ago; how many there were. For beat.

    With 0 days everything is kept. What was not fetched is never erased; transcript, length and digest stay.
    """
    if days <= 0:
        return 0
    row, now = tables.calls.Recording, clock()
    old = select(row.id).where(row.fetched_at < now - timedelta(days=days), row.erased_at.is_(None))
    first = old.order_by(row.fetched_at).limit(batch).with_for_update(skip_locked=True)
    with transaction(engine) as session:
        erase = update(row).where(row.id.in_(first.scalar_subquery())).values(media=None, erased_at=now)
        erased = len(session.scalars(erase.returning(row.id)).all())
    if erased:
        log.info("recordings.erased", count=erased)
    return erased


def remove(engine: Engine, recording_id: UUID, account: TwilioAccount, clock: Clock) -> None:
    """Delete one recording at Twilio, once it is stored here or nobody agreed to it. One that is gone already is fine.

    Its transcriptions go first: Twilio keeps them as things of their own, and does not say that they go with it
    (https://www.twilio.com/docs/voice/api/recording-transcription). Deleting twice leaves what deleting once does, so
    whatever was interrupted is done again.

    Raises:
        Unavailable: not now; try again.
        Invalid: Twilio refuses; a person must look.

    """
    with transaction(engine) as session:
        row = session.get(tables.calls.Recording, recording_id)
        if row is None or row.removed_at is not None or not RECORDING_SID.fullmatch(row.recording_sid):
            return
        if row.fetched_at is None and not is_unwanted(session, row):
            return
        sid = row.recording_sid
    _delete(sid, account)
    with transaction(engine) as session:
        session.get_one(tables.calls.Recording, recording_id, with_for_update=True).removed_at = clock()
    log.info("recording.removed", recording=sid)


def _delete(sid: str, account: TwilioAccount) -> None:
    recording = client_of(account).recordings(sid)
    for transcription in _asked(sid, account, recording.transcriptions.list) or ():
        _asked(sid, account, transcription.delete)
    if _asked(sid, account, recording.delete) is False:
        raise Unavailable(f"{sid}: Twilio does not say that it is deleted")


def _asked(sid: str, account: TwilioAccount, ask: Callable[[], Any]) -> Any:
    """What Twilio answers; None where it has no such thing any more."""
    try:
        return ask()
    except Interrupted as error:
        raise Unavailable(str(error)) from error
    except TwilioException as error:
        status, said = _refusal(error, account)
        if status == NOT_FOUND:
            return None
        if status in REFUSALS:
            raise Invalid(f"{sid}: {said}") from error
        raise Unavailable(f"{sid}: {said}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unavailable(f"{sid}: Twilio answers something that nobody can read") from error


def _refusal(error: TwilioException, account: TwilioAccount) -> tuple[int, str]:
    """The status of an answer, and what it says; of a list Twilio's library keeps the answer alone."""
    pages = [each.status_code for each in error.args if isinstance(each, Response)]
    if pages:
        return pages[0], f"Twilio answers {pages[0]} instead of a list"
    return getattr(error, "status", 0), told(error, account)
