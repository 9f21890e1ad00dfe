"""Noticing that the database is a restored one: what waited in it may have gone out long ago.

A dump of last night holds replies that were waiting then and were sent since. Nothing in their rows tells;
the database itself does: PostgreSQL gives a restored one other numbers, which are kept beside the rows.
"""

from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from models import tables

NAME = "database"
INSTALLED, RESTORED = "installed", "restored"
WHY = "the database was restored while this reply waited: it may have gone out before"

log = structlog.get_logger()


def restored_at(session: Session, now: datetime) -> datetime | None:
    """When this database was first seen after a restore, None if it never was. Seen now: waiting replies are in doubt.

    Also a standby that takes over counts: it may have missed the last replies that the old one sent. The telephone
    asks here, too, before it texts or rings anybody.
    """
    identity = tables.mail.identity(session)
    known = tables.mail.switched(session, NAME)
    if known is None:
        tables.mail.set_switch(session, NAME, identity, INSTALLED, now)
        return None
    value, by, at = known
    if value != identity and tables.mail.swap_switch(session, NAME, value, identity, RESTORED):
        tables.mail.doubt_waiting(session, WHY)
        log.warning("database.restored")
        return now
    return at if by == RESTORED or value != identity else None
