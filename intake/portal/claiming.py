"""The form behind the link in our reply, which carries a mail over to the portal."""

from uuid import UUID

from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from intake.portal import claims, forms, links, ordering, pages, uploads
from intake.portal.building import Portal
from intake.portal.forms import Answers, Problem
from intake.portal.pages import Refusal, Shown
from intake.portal.prefill import filled
from intake.portal.uploads import Posted
from intake.portal.wording import words
from models import tables
from models.store import transaction
from models.terms import Channel, Interaction, Visibility

LONGEST_PERSON = 200


def claim_page(portal: Portal, request: UUID, *, counts: bool) -> Response:
    """The form filled from the mail, or the way to the status page once the clock runs.

    Nothing changes but the first time the link was opened, where this view `counts`.
    """
    with transaction(portal.engine) as session:
        row = _there(tables.requests.fetch(session, request))
        if counts:
            tables.redirections.note_opened(session, request, portal.clock())
        if row.clock_started_at is not None:
            return to_status(portal, request)
        mailed = claims.mailed(session, row)
        policy = portal.policy(row.policy)
        answers = Answers(values=filled(policy, mailed.told) | {ordering.VISIBILITY: row.visibility.value})
        return _form(portal, session, row, mailed, answers, person=row.party_name)


def claimed(portal: Portal, request: UUID, posted: Posted) -> Response:
    """Raise a mailed request on the portal channel: its SLA clock starts now, once however often this is sent.

    Sent again (a double click, the back button, two tabs) it changes nothing and leads to the status
    page, which says so. Files of a form with a mistake are kept: a browser cannot choose them again.
    """
    with transaction(portal.engine) as session:
        row = _there(tables.requests.fetch_locked(session, request))
        mailed = claims.mailed(session, row)
        now, policy = portal.clock(), ordering.offering(portal.policy(row.policy), None)
        answers = forms.checked(policy, posted.fields, portal.region)
        person = forms.tidy(posted.fields.get("name", ""))[:LONGEST_PERSON]
        said = claims.claim(row, policy, answers, mailed.told, name=person, now=now)
        before = tables.requests.interaction_by_source(session, said.source)
        if before is not None:
            return to_status(portal, request, already="other" if _differs(session, before, said, posted) else "same")
        problem = posted.problem or uploads.keep(session, request, posted.files, portal.limits, now)
        if problem or answers.wrong:
            return _form(portal, session, row, mailed, answers, person=person, problem=problem, posted=posted)
        portal.receive(session, said, now)
        tables.redirections.note_raised(session, request, Channel.PORTAL, now)
        if answers.values.get(ordering.VISIBILITY):
            row.visibility = Visibility(answers.values[ordering.VISIBILITY])
    portal.wake()
    return to_status(portal, request)


def to_status(portal: Portal, request: UUID, already: str = "") -> RedirectResponse:
    """The way to the status page, by a link of its own."""
    told = f"?already={already}" if already else ""
    return RedirectResponse(f"/portal/requests/{links.status_token(portal.serializer, request)}{told}", 303)


def _there(row: tables.requests.Request | None) -> tables.requests.Request:
    if row is None:
        raise Refusal(404, "gone_title", "erased_text")
    return row


def _differs(session: Session, before: tables.requests.Interaction, again: Interaction, posted: Posted) -> bool:
    """Whether a form that is sent again says something else than the first time, so that its sender must be told."""
    if (before.subject, before.text, before.fields) != (again.subject, again.text, again.fields):
        return True
    return posted.problem is not None or bool(uploads.fresh(session, before.request_id, posted.files))


def _form(
    portal: Portal,
    session: Session,
    row: tables.requests.Request,
    mailed: claims.Mailed,
    answers: Answers,
    *,
    person: str,
    problem: Problem | None = None,
    posted: Posted | None = None,
) -> Response:
    shown = Shown(
        policy=ordering.offering(portal.policy(row.policy), None),
        answers=answers,
        limits=portal.limits,
        zone=mailed.zone or portal.home,
        request=row,
        person=person,
        carried=mailed.carried,
        kept=tables.requests.uploads(session, row.id),
        told_length=len(forms.tidy(mailed.told.text, lines=True)),
        problem=problem,
    )
    return pages.form(shown, words(row.language), 200 if posted is None else 422)
