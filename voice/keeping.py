"""How long recordings are kept: here for so many days, at Twilio until they are stored here.

https://www.twilio.com/docs/voice/api/recording#delete-a-recording-resource
"""

from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import Engine, select, update
from twilio.base.exceptions import TwilioException

from models import tables
from models.errors import Invalid, Unavailable
from models.ports import Clock
from models.store import transaction
from voice.dialling import Interrupted, client_of, is_refusal, told
from voice.hearing import RECORDING_SID
from voice.recordings import TwilioAccount, is_unwanted

NOT_FOUND = 404

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

    Deleting twice leaves what deleting once does, so whatever was interrupted is done again.

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
    try:
        is_deleted = client_of(account).recordings(sid).delete()
    except Interrupted as error:
        raise Unavailable(str(error)) from error
    except TwilioException as error:
        if getattr(error, "status", 0) == NOT_FOUND:
            return
        if is_refusal(error):
            raise Invalid(f"{sid}: {told(error, account)}") from error
        raise Unavailable(f"{sid}: {told(error, account)}") from error
    if not is_deleted:
        raise Unavailable(f"{sid}: Twilio does not say that it is deleted")
