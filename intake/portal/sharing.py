"""The other requests of a customer and of their organisation, each with a link of its own.

Whoever holds a link acts as the reporter of its request: there is no signing in, and a link that was passed on works
for whom it was passed on to. Three things keep that from reaching further than its holder can have meant:

- The list is shown for a request that came by mail, and only if everything we mailed about it went to its own contact:
  the link then proves who reads that mailbox. On the form anybody can write anybody's address, so a request that was
  raised there proves nothing and shows no list.
- A link to a colleague's request is of another kind (`links.SHARED`): it shows no list, so that nobody comes from a
  shared request to its reporter's private ones, and takes none of its reporter's steps.
- Whether a request is still shared is asked when the page is opened, not when its link was made.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from intake import addresses
from intake.portal import links
from intake.portal.building import Portal
from models import tables
from models.terms import Channel, Party, PartyKind, Visibility

MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Another request as a list shows it; `label` is its status in the policy's words."""

    reference: str
    subject: str
    label: str
    received_at: datetime
    link: str
    is_own: bool


def others(session: Session, portal: Portal, row: tables.requests.Request, now: datetime) -> list[Other]:
    """The requests of the same contact, and those of their account that are shared with the group; at most 50.

    Nothing where the link does not prove whose it is: see this module.
    """
    if not _is_proven(session, row):
        return []
    request = tables.requests.Request
    contact = session.get(tables.directory.Contact, row.contact_id)
    # Their own account, which need not be the one this request is under.
    account = contact.account_id if contact else None
    shared = and_(request.account_id == account, request.visibility == Visibility.GROUP)
    found = (
        select(request)
        .where(request.id != row.id, or_(request.contact_id == row.contact_id, shared))
        .order_by(request.id.desc())
        .limit(MOST)
    )
    return [_other(session, portal, row, each, now) for each in session.scalars(found)]


def may_read(row: tables.requests.Request) -> bool:
    """Whether a colleague's link still opens a request."""
    return row.visibility is Visibility.GROUP


def _is_proven(session: Session, row: tables.requests.Request) -> bool:
    """Whether a link to this request shows that its holder reads its contact's mail."""
    if row.channel is not Channel.EMAIL or row.contact_id is None or row.account_id is None:
        return False
    sent = tables.mail.OutgoingMail
    recipients = session.scalars(select(sent.recipient).where(sent.request_id == row.id).distinct()).all()
    contacts = [_contact(session, each) for each in recipients]
    return bool(contacts) and all(each is not None and each.id == row.contact_id for each in contacts)


def _contact(session: Session, address: str) -> tables.directory.Contact | None:
    party = Party(kind=PartyKind.ADDRESS, value=addresses.key(address), shown=address)
    return tables.directory.contact_by_key(session, party)


def _other(
    session: Session, portal: Portal, row: tables.requests.Request, each: tables.requests.Request, now: datetime
) -> Other:
    is_own = each.contact_id == row.contact_id
    token = (links.status_token if is_own else links.shared_token)(portal.serializer, each.id)
    known = each.policy in portal.policies
    view = portal.standing(session, each.id, now) if portal.standing and known else None
    return Other(
        reference=each.reference,
        subject=each.subject,
        label=view.label if view else "",
        received_at=each.received_at,
        link=f"/portal/requests/{token}",
        is_own=is_own,
    )
