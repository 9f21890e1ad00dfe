"""The page that tells where a request stands: what was said both ways, what came of it, and what its holder may do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, tzinfo
from typing import Any

from fastapi.responses import HTMLResponse

from intake.portal import matrix, ordering
from intake.portal.asked import Field, Policy
from intake.portal.building import Visit
from intake.portal.claims import Carried
from intake.portal.forms import LONGEST, masked
from intake.portal.pages import rendered, told_limits
from intake.portal.sharing import Other
from intake.portal.uploads import Limits
from intake.portal.wording import Words, offset, words
from models import tables
from models.terms import Asked, Channel, ClientView, TriageState

OURS = "client:"
"""How the source of an entry begins that the customer's own step made."""
STEPS = frozenset({"close", "reopen", "resolve", "answer", "resume"})
"""The customer's steps that have words in every language; of others the policy's own name is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a page says first: `key` of the wording, `reason` in the house's words, and what was `typed` before."""

    key: str = ""
    reason: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as its page shows it; `view` is None where nobody knows its workflow."""

    visit: Visit
    request: tables.requests.Request
    said: Sequence[tables.requests.Interaction]
    log: Sequence[tables.requests.ClockEvent]
    policy: Policy
    fields: Mapping[str, Field]
    decided_before: bool
    carried: Sequence[Carried]
    kept: Sequence[tables.requests.Upload]
    zone: tzinfo
    support_phone: str
    limits: Limits
    key: str
    view: ClientView | None = None
    can_step: bool = False
    missing: Sequence[Asked] = ()
    others: Sequence[Other] = ()


def page(seen: Seen, told: Told) -> HTMLResponse:
    """Where a request stands and what came of it; never what a machine suggested, or what engineers noted for us."""
    request, said, policy = seen.request, seen.said, seen.policy
    w, place = words(request.language), _place(request, decided_before=seen.decided_before)
    answers = {name: str(value) for each in said for name, value in each.fields.items()}
    over = seen.view is not None and seen.view.over
    return rendered(
        "status.html",
        w,
        told.status,
        told=told,
        request=request,
        token=seen.visit.token,
        is_own=seen.visit.is_own,
        said=_said(seen, w),
        policy=policy,
        place=place,
        view=seen.view,
        steps=_steps(seen, w),
        since=request.status_since or request.received_at,
        missing=() if over else seen.missing,
        read_as="" if over or place == 2 else matrix.read_as(policy, answers),  # noqa: PLR2004 - decided
        matrix=matrix.table(policy),
        late=_late(seen, answers),
        others=seen.others,
        phone=next((number for number in _phones(seen) if number), ""),
        support_phone=seen.support_phone,
        carried=[*seen.carried],
        kept=[*seen.kept],
        zone=seen.zone,
        utc=None if offset(request.received_at, seen.zone) == "UTC" else UTC,
        summary=_summary(seen),
        key=seen.key,
        limits=told_limits(seen.limits),
        longest=LONGEST["longtext"],
    )


def _place(request: tables.requests.Request, *, decided_before: bool) -> int:
    """How far a request is: 0 received, 1 being looked at (again), 2 decided."""
    if request.state is TriageState.DECIDED and request.follow_up_at is None:
        return 2
    return 1 if decided_before else 0


def _summary(seen: Seen) -> str:
    """What it is about, as it was raised."""
    raised = (each.subject for each in reversed(seen.said) if each.channel is Channel.PORTAL and each.subject)
    return next(raised, seen.request.subject)


def _phones(seen: Seen) -> list[str]:
    """The telephone numbers given on forms, the last one first."""
    names = [name for name, each in seen.fields.items() if each.kind == "phone"]
    return [str(each.fields.get(name) or "") for each in reversed(seen.said) for name in reversed(names)]


def _steps(seen: Seen, w: Words) -> list[dict[str, Any]]:
    """The steps the holder may take, named in their language."""
    if seen.view is None or not seen.can_step:
        return []
    return [
        {
            "id": each.id,
            "name": w(f"step_{each.id}") if each.id in STEPS else each.label,
            "to": each.to,
            "asks": each.asks,
        }
        for each in seen.view.steps
    ]


def _late(seen: Seen, answers: Mapping[str, str]) -> ordering.Late | None:
    ordered = ordering.chosen(seen.policy, answers.get(ordering.SERVICE, ""))
    told_on: date = seen.request.received_at.astimezone(seen.zone).date()
    return ordering.late(ordered, answers, told_on)


def _said(seen: Seen, w: Words) -> list[dict[str, Any]]:
    """Everything said both ways, oldest first."""
    theirs = [entry for each in seen.said if (entry := _entry(each, seen.policy, seen.fields, w))]
    ours = [entry for each in seen.log if (entry := _message(each))]
    return sorted([*theirs, *ours], key=lambda entry: entry["at"])


def _message(row: tables.requests.ClockEvent) -> dict[str, Any] | None:
    """What an engineer wrote for the customer to read, whoever it was; None for everything else in the log."""
    asked = row.detail.get("questions") or []
    if not row.is_public or not (row.note.strip() or asked):
        return None
    return {
        "who": "by_portal" if row.source.startswith(OURS) else "by_support",
        "at": row.at,
        "text": "" if asked else row.note.strip(),
        "asked": [(str(one.get("ask") or ""), str(one.get("why") or "")) for one in asked],
        "answers": [],
    }


def _entry(
    row: tables.requests.Interaction, policy: Policy, fields: Mapping[str, Field], w: Words
) -> dict[str, Any] | None:
    """What a customer said at once; of a call no more than that it was, and nothing where there is nothing to show."""
    text = "" if row.channel is Channel.PHONE else row.new_text.strip()
    answers = _answers(row, policy, fields, w) if row.channel is Channel.PORTAL else []
    if not text and not answers and row.channel is not Channel.PHONE:
        return None
    return {"who": f"by_{row.channel.value}", "at": row.received_at, "text": text, "asked": [], "answers": answers}


def _answers(
    row: tables.requests.Interaction, policy: Policy, fields: Mapping[str, Field], w: Words
) -> list[tuple[str, str]]:
    labels = {
        "type": {each.value: each.label for each in policy.types},
        "level": {each.value: each.label for each in policy.levels},
    }
    found = [(w("your_name"), str(row.fields["name"]))] if row.fields.get("name") else []
    for name, each in fields.items():
        value = row.fields.get(name)
        if not value:
            continue
        options = labels.get(each.kind) or {option.value: w.of(option.label) for option in each.options}
        text = masked(str(value)) if each.kind == "secret" else options.get(value, str(value))
        found.append((w.of(each.label), text))
    return found
