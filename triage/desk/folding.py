"""The same outage, reported by many: their requests are folded into one, and each is kept.

Whoever works on it works on the one that the others are folded into, the parent. A folded request keeps its
interactions, its calls, its log and the start of its clock; it is looked at by no clock and no ladder until it is
unfolded. There are no chains: a parent is folded into nothing.

Whoever holds several requests takes those that are folded first, then those that are not, each by id: who approaches us
about a folded one holds it before it is known what it is folded into.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from models import tables
from models.errors import Conflict, Invalid, NotFound
from triage.desk.moves import Act, act, wrote_again
from triage.targets import EventKind

FOLDED, UNFOLDED = "folded", "unfolded"
"""Entries in the logs of both: `value` is the other's reference, `detail` says which of the two is the parent."""
CALLER = "caller"
WINDOW = timedelta(hours=24)
"""How far back requests may report the same."""
MOST_LOOKED_AT = 200
USUAL = 200
"""How many requests from before the window tell which words are usual."""
RARE = 0.02
"""Share of those in which a word that says something may stand."""
WORD = re.compile(r"[^\W\d_]{4,}")
LONGEST_TEXT = 600
WORDS_ALIKE = 2
LEAST = 3
"""How many requests a word may stand in whatever their number."""
EVERYDAY = frozenset(
    """
    aber able about after again aide alle allem allen alles also anfrage aquí auch ausfall avec ayuda because
    been before being bitte bonjour cannot cette clientes clients como could customer customers danke dans dass
    depuis desde diese dieser does doing down dringend eine einem einen einer ella elle erreur erreurs error
    errores errors esta este está every everybody everything fail failed failing fails fehler fonctionne from
    funciona funktioniert geht gracias haben hallo have hello help here heute hilfe hola ihre issue just kann
    kein keine keiner kunden login marche mehr mein meine merci mich more morning nada need nicht nichts nobody
    noch none nothing notre nous nuestra nuestro oder outage panne para pero please plus pour problem problema
    problème producción production produktion puede request rien schon sehr seit server service sich since sind
    sistema some sont still support system team thank thanks that their them there they this time today todo
    todos tous tout toute unable unser unsere unseren unserer urgent urgente user users usted very votre vous
    want what when where which wird with work working works wurde your
    """.split()  # noqa: SIM905 - two hundred quoted words are harder to read and to compare
)
"""Words of every second request, in the languages that are read."""
CODES = re.compile(
    r"\b(?:[A-Za-z]+[-_]?\d{2,}(?:[-_]\d+)*|(?:[A-Z][a-z]+){2,}(?:Exception|Error)|[1-5]\d\d(?= error))\b"
)
"""What software calls an error: ORA-00600, E4711, NullPointerException."""

log = structlog.get_logger()


def fold(session: Session, child: UUID, parent: UUID, *, by: str, now: datetime) -> tables.requests.Request:
    """Fold one request into another, or into the one that is folded into; the parent comes back.

    Those folded into the child move along. Folding the same again changes nothing.

    Raises:
        NotFound: there is no such request.
        Invalid: a request would be folded into itself, or into one that is folded into it.
        Conflict: either is over, or the child is folded into another one.

    """
    rows = _all_held(session, child, parent)
    mine, main = rows[child], rows[parent]
    if main.folded_into is not None:
        main = _held(session, main.folded_into)
    if main.id == mine.id:
        raise Invalid(public="A request cannot be folded into itself, or into one that is folded into it.")
    if mine.folded_into == main.id:
        return main
    if mine.folded_into is not None:
        raise Conflict(public=f"{mine.reference} is folded into another request: unfold it first.")
    for one in (mine, main):
        if _is_over(session, one, now):
            raise Conflict(public=f"{one.reference} is over: re-open it before anything is folded.")
    for one in (mine, *folded(session, mine.id)):
        _put(session, one, main, by, now)
    session.flush()
    tables.requests.wants_attention(session, main.id, now)
    log.info("request.folded", request=str(mine.id), into=str(main.id))
    return main


def unfold(session: Session, child: UUID, *, by: str, now: datetime) -> None:
    """Have a folded request worked on by itself again; its clocks and ladders are looked at from now on.

    Raises:
        NotFound: there is no such request.
        Conflict: it is folded into nothing.

    """
    mine = _held(session, child)
    if mine.folded_into is None:
        raise Conflict(public=f"{mine.reference} is folded into no other request.")
    main = _held(session, mine.folded_into)
    _both(session, mine, main, UNFOLDED, by, now)
    mine.folded_into = None
    mine.version += 1
    session.flush()
    tables.requests.wants_attention(session, mine.id, now)
    log.info("request.unfolded", request=str(mine.id), out_of=str(main.id))


def join(session: Session, own: UUID, open_request: UUID, now: datetime) -> bool:
    """Fold a caller's new request into the one they called about; False where that cannot be any more."""
    try:
        fold(session, own, open_request, by=CALLER, now=now)
    except (Conflict, Invalid) as refused:
        log.info("request.not_folded", request=str(own), into=str(open_request), why=type(refused).__name__)
        return False
    return True


def folded(session: Session, parent: UUID) -> list[tables.requests.Request]:
    """The requests folded into one, oldest first."""
    row = tables.requests.Request
    return list(session.scalars(select(row).where(row.folded_into == parent).order_by(row.received_at, row.id)))


def reports(session: Session, parents: Collection[UUID]) -> Mapping[UUID, int]:
    """How many requests report what each of these is about, itself among them; one statement."""
    row = tables.requests.Request
    found = select(row.folded_into, func.count()).where(row.folded_into.in_(parents)).group_by(row.folded_into)
    more = {row[0]: row[1] for row in session.execute(found)}
    return {parent: 1 + more.get(parent, 0) for parent in parents}


def came_back(session: Session, child: tables.requests.Request, at: datetime) -> None:
    """Show on the parent that somebody approached us about a folded request again."""
    if child.folded_into is None:
        return
    main = _held(session, child.folded_into)
    wrote_again(main, at)
    session.flush()
    tables.requests.wants_attention(session, main.id, at)


def suggest_folds(session: Session, request: tables.requests.Request, now: datetime) -> list[tables.requests.Request]:
    """The requests under way of the last day that probably report the same, the most alike first.

    Alike are two that name the same error; that share a rare word, if they are one account's or if both report an
    outage; and any others that share two. A person decides: nothing is folded by itself.
    """
    row = tables.requests.Request
    newest = select(row).where(row.id != request.id).order_by(row.id.desc()).limit(MOST_LOOKED_AT)
    others = [
        one for one in session.scalars(newest) if one.folded_into is None and now - WINDOW <= one.received_at <= now
    ]
    told = _told(session, [request, *others])
    usual = EVERYDAY | _usual(session, now)
    down = _down(session, told)
    codes, words = _said(told[request.id], usual)
    found = []
    for one in others:
        their_codes, their_words = _said(told[one.id], usual)
        near = one.account_id is not None and one.account_id == request.account_id
        close = near or {one.id, request.id} <= down
        shared, named = words & their_words, codes & their_codes
        if named or len(shared) >= (1 if close else WORDS_ALIKE):
            found.append((len(named) * WORDS_ALIKE + len(shared), one))
    alike = [one for _, one in sorted(found, key=lambda pair: pair[0], reverse=True)]
    return [one for one in alike if not _is_over(session, one, now)]


def _put(
    session: Session, child: tables.requests.Request, parent: tables.requests.Request, by: str, now: datetime
) -> None:
    child.folded_into = parent.id
    child.attention_at = None
    child.version += 1
    _both(session, child, parent, FOLDED, by, now)


def _both(
    session: Session,
    child: tables.requests.Request,
    parent: tables.requests.Request,
    event: str,
    by: str,
    now: datetime,
) -> None:
    """Write it into the logs of both, under one source."""
    doing = act(session, child, "fold", by=by, now=now)
    detail: dict[str, object] = {"parent": parent.reference, "child": child.reference}
    doing.record(event, value=parent.reference, detail=detail)
    Act(session=session, request=parent, source=doing.source, by=by, at=now).record(
        event, value=child.reference, detail=detail
    )


def _is_over(session: Session, request: tables.requests.Request, now: datetime) -> bool:
    """Whether the log of a request ends with its resolution; a policy's statuses come and go, the log does not."""
    kinds = (EventKind.RESOLVED, EventKind.REOPENED)
    row = tables.requests.ClockEvent
    last = select(row.event).where(row.request_id == request.id, row.event.in_(kinds), row.at <= now)
    return session.scalar(last.order_by(row.at.desc(), row.id.desc()).limit(1)) == EventKind.RESOLVED


def _all_held(session: Session, child: UUID, parent: UUID) -> dict[UUID, tables.requests.Request]:
    """Two requests, what the one is folded into and what is folded into the other, held in the order for all.

    Whoever changes them meanwhile was faster: they are read again once they are held.
    """
    row = tables.requests.Request
    into = select(row.folded_into).where(row.id == parent).scalar_subquery()
    found = select(row.id).where(or_(row.id.in_([child, parent]), row.id == into, row.folded_into == child))
    ordered = session.scalars(found.order_by(row.folded_into.is_(None), row.id)).all()
    held = {one: _held(session, one) for one in ordered}
    for one in {child, parent} - held.keys():
        raise NotFound(f"request {one}")
    return held


def _held(session: Session, request: UUID) -> tables.requests.Request:
    """The request as it stands now, held against other writers."""
    session.flush()
    row = session.get(tables.requests.Request, request, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound(f"request {request}")
    return row


def _told(session: Session, requests: Iterable[tables.requests.Request]) -> Mapping[UUID, str]:
    """What each of these requests says, cut short."""
    told = {one.id: one.subject for one in requests}
    row = tables.requests.Interaction
    said = select(row.request_id, func.left(row.new_text, LONGEST_TEXT)).where(row.request_id.in_(told))
    for request, text in session.execute(said.order_by(row.id)):
        told[request] = f"{told[request]}\n{text}"[: 4 * LONGEST_TEXT]
    return told


def _said(text: str, usual: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The names of errors in a text, and its words that are not usual."""
    codes = frozenset(found.casefold() for found in CODES.findall(text))
    return codes, _words(text) - usual


def _words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in WORD.findall(text))


def _usual(session: Session, now: datetime) -> frozenset[str]:
    """The words that stand in more than a few of the requests before the window; none while there are few of them."""
    row = tables.requests.Interaction
    before = select(func.left(row.new_text, LONGEST_TEXT)).where(row.received_at < now - WINDOW, row.new_text != "")
    texts = session.scalars(before.order_by(row.id.desc()).limit(USUAL)).all()
    counts = Counter(word for text in texts for word in _words(text))
    return frozenset(word for word, count in counts.items() if count > max(RARE * len(texts), LEAST))


def _down(session: Session, requests: Iterable[UUID]) -> frozenset[UUID]:
    """Those of these requests in which everything is down, as far as is known by now."""
    row = tables.requests.Suggestion
    latest = (
        select(row.request_id, row.content["facts"]["down"]["value"].astext)
        .where(row.request_id.in_(list(requests)))
        .ext(distinct_on(row.request_id))
        .order_by(row.request_id, row.id.desc())
    )
    return frozenset(request for request, value in session.execute(latest) if value == "full")
