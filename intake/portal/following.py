"""A customer follows their request: the page, a message to us, and the steps of the workflow that are theirs.

Whoever holds a link acts as the reporter of its request, on whom everything done here is counted; `sharing` tells
what a link does not reach.
"""

from uuid import uuid4

from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from intake.portal import claims, forms, sharing, status, uploads
from intake.portal.building import Portal, Standing, TakeStep, Visit
from intake.portal.forms import LONGEST
from intake.portal.opening import KEY
from intake.portal.pages import Refusal
from intake.portal.status import Seen, Told
from intake.portal.uploads import Posted
from intake.reading.language import detect
from models import tables
from models.errors import Conflict, Forbidden, Invalid, NotFound
from models.store import transaction
from models.terms import Channel, Interaction

ASK = "ask."
"""Before the names of a step's questions in a form."""


def status_page(portal: Portal, visit: Visit, told: Told) -> Response:
    """Where a request stands."""
    with transaction(portal.engine) as session:
        return status.page(_seen(session, portal, _open(session, visit), visit), told)


def commented(portal: Portal, visit: Visit, posted: Posted) -> Response:
    """Take a message to us, with files; by its form's random number it counts once however often it is sent.

    It comes by the portal, an SLA channel: where no clock runs yet (the request was mailed), it starts now. A clock
    that runs is left alone, and what a message does in the workflow is the desk's to know.
    """
    text = forms.tidy(posted.fields.get("comment", ""), lines=True)
    key = posted.fields.get("key", "")
    source = f"portal:{visit.request}:comment:{key if KEY.fullmatch(key) else uuid4().hex}"
    with transaction(portal.engine) as session:
        row = _open(session, visit, lock=True)
        before = tables.requests.interaction_by_source(session, source)
        if before is not None:
            same = before.new_text == text and not uploads.fresh(session, row.id, posted.files)
            return _to_page(visit, "said" if same else "other-words")
        wrong = _wrong(session, portal, row, posted, text)
        if wrong is not None:
            return status.page(_seen(session, portal, row, visit), wrong)
        _take(session, portal, row, source, text)
    portal.wake()
    return _to_page(visit, "comment")


def stepped(portal: Portal, visit: Visit, posted: Posted) -> Response:
    """Take a step of the customer's; where the request has moved on meanwhile, show where it stands instead (409)."""
    if portal.step is None or portal.standing is None or not visit.is_own:
        raise Refusal(403, "refused_title", "step_not_yours")
    try:
        with transaction(portal.engine) as session:
            _step(session, portal, portal.standing, portal.step, visit, posted)
    except Conflict:
        return status_page(portal, visit, Told(key="step_stale", status=409))
    except (Invalid, Forbidden) as error:
        typed = {name: value for name, value in posted.fields.items() if name == "step" or name.startswith(ASK)}
        code = 403 if isinstance(error, Forbidden) else 422
        return status_page(portal, visit, Told(key="step_refused", reason=error.public, typed=typed, status=code))
    except NotFound as error:
        raise Refusal(404, "gone_title", "erased_text") from error
    portal.wake()
    return _to_page(visit, "step")


def _step(session: Session, portal: Portal, standing: Standing, take: TakeStep, visit: Visit, posted: Posted) -> None:
    """Take the posted step from the status that the page showed, with the answers to what it asks and nothing else."""
    now, step = portal.clock(), posted.fields.get("step", "")
    if _open(session, visit, lock=True).policy not in portal.policies:
        raise Conflict  # a policy that is gone has no steps
    view = standing(session, visit.request, now)
    offered = next((each for each in view.steps if each.id == step), None)
    if offered is None or posted.fields.get("from", "") != view.status:
        raise Conflict
    given = {each.name: forms.tidy(posted.fields.get(ASK + each.name, ""), lines=True) for each in offered.asks}
    if any(len(answer) > LONGEST["longtext"] for answer in given.values()):
        raise Invalid(public=f"An answer may have at most {LONGEST['longtext']} characters.")
    take(session, visit.request, step, given, now)


def _open(session: Session, visit: Visit, *, lock: bool = False) -> tables.requests.Request:
    """The request behind a link; a colleague's link opens it only while it is shared."""
    row = (tables.requests.fetch_locked if lock else tables.requests.fetch)(session, visit.request)
    if row is None:
        raise Refusal(404, "gone_title", "erased_text")
    if not (visit.is_own or sharing.may_read(row)):
        raise Refusal(404, "gone_title", "gone_text")
    return row


def _seen(session: Session, portal: Portal, row: tables.requests.Request, visit: Visit) -> Seen:
    mailed, policy, now = claims.mailed(session, row), portal.policy(row.policy), portal.clock()
    known = row.policy in portal.policies
    return Seen(
        visit=visit,
        request=row,
        said=tables.requests.interactions(session, row.id),
        log=tables.requests.clock_events(session, row.id),
        policy=policy,
        fields=portal.fields(policy),
        decided_before=bool(tables.requests.decisions(session, row.id)),
        carried=mailed.carried,
        kept=tables.requests.uploads(session, row.id),
        zone=mailed.zone or portal.home,
        support_phone=policy.support_phone or portal.support_phone,
        limits=portal.limits,
        key=uuid4().hex,
        view=portal.standing(session, row.id, now) if portal.standing and known else None,
        can_step=portal.step is not None and visit.is_own,
        missing=portal.missing(session, row.id) if portal.missing and known else (),
        others=sharing.others(session, portal, row, now) if visit.is_own else (),
    )


def _wrong(session: Session, portal: Portal, row: tables.requests.Request, posted: Posted, text: str) -> Told | None:
    """What is wrong with a message, if anything is; its files are kept where nothing is."""
    typed = {"comment": text[: LONGEST["longtext"]]}
    if len(text) > LONGEST["longtext"]:
        return Told(key="comment_too_long", about=str(LONGEST["longtext"]), typed=typed, status=422)
    if not text and not posted.files and posted.problem is None:
        return Told(key="comment_missing", status=422)
    problem = posted.problem or uploads.keep(session, row.id, posted.files, portal.limits, portal.clock())
    return Told(key=problem.key, about=problem.about, typed=typed, status=422) if problem else None


def _take(session: Session, portal: Portal, row: tables.requests.Request, source: str, text: str) -> None:
    now, starts = portal.clock(), row.clock_started_at is None
    said = Interaction(
        source=source,
        channel=Channel.PORTAL,
        received_at=now,
        text=text,
        new_text=text,
        language=detect(text)[0] or row.language,
        request=row.id,
        clock_started_at=now if starts else None,
        note="written on the request's page",
    )
    portal.receive(session, said, now)
    if starts:
        tables.redirections.note_raised(session, row.id, Channel.PORTAL, now)


def _to_page(visit: Visit, told: str) -> RedirectResponse:
    return RedirectResponse(f"/portal/requests/{visit.token}?already={told}", 303)
