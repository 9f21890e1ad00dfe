"""A policy's catalogue on its form: the services, what the chosen one needs to be told, and who may see it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from intake.portal.asked import Field, Input, PlainField, PlainPolicy, Policy, Service
from intake.portal.forms import is_asked
from models.terms import Choice, Visibility

SERVICE, VISIBILITY = "service", "visibility"
"""The names under which an interaction keeps which service was ordered, and who of the customer's people may see it."""
PREFIX = "service."
"""Before the names of a service's own questions in a form, so that none of them hides another answer."""
WHO = "Who of your organisation may see it"
ONLY_ME, MY_GROUP = "Only me", "My group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A date that lies nearer than the notice a service needs: how many days that is, and the first date in time."""

    notice: int
    first: date


def chosen(policy: Policy, service: str) -> Service | None:
    """The service of a policy with this id, or None."""
    offers = policy.catalogue.services if policy.catalogue else ()
    return next((each for each in offers if each.id == service), None)


def offering(policy: Policy, service: Service | None) -> Policy:
    """A policy with the questions of its catalogue: those of the chosen service, and who may see the request.

    A service is raised by its own types only. What the policy's form asks for all of them is not asked twice.
    Nothing that a service needs is required: without it the work cannot begin, yet the request is there.
    """
    if policy.catalogue is None:
        return policy
    types = [each for each in policy.types if service is None or not service.types or each.value in service.types]
    known = {each.value for each in types}
    fields = [each for each in policy.fields if not each.types or known.intersection(each.types)]
    return PlainPolicy(
        name=policy.name,
        fields=(*fields, *_inputs(policy, service), _visibility()),
        types=tuple(types),
        levels=tuple(policy.levels),
        contact_phone_levels=tuple(policy.contact_phone_levels),
        support_phone=policy.support_phone,
        catalogue=policy.catalogue,
        matrix=policy.matrix,
    )


def given(policy: Policy, service: Service | None) -> dict[str, str]:
    """The answers a form begins with: the policy's own visibility, and the type where a service has only one."""
    if policy.catalogue is None:
        return {}
    name = next((each.name for each in policy.fields if each.kind == "type"), None)
    only = {name: service.types[0]} if name and service and len(service.types) == 1 else {}
    return {VISIBILITY: policy.catalogue.visibility.value} | only


def kept(values: Mapping[str, str], service: Service | None) -> dict[str, str]:
    """Answers as an interaction keeps them: those of a service under their own names, with the service itself."""
    own = {name.removeprefix(PREFIX): value for name, value in values.items() if name.startswith(PREFIX)}
    rest = {name: value for name, value in values.items() if not name.startswith(PREFIX)}
    return own | rest | ({SERVICE: service.id} if service else {})


def shown(policy: Policy) -> list[Field]:
    """The questions of a whole catalogue under the names their answers are kept by."""
    if policy.catalogue is None:
        return []
    choices = tuple(Choice(value=each.id, label=each.label) for each in policy.catalogue.services)
    found: dict[str, Field] = {SERVICE: PlainField(name=SERVICE, label="Service", kind="choice", options=choices)}
    for each in policy.catalogue.services:
        for one in each.asks:
            found.setdefault(one.name, _field(one, one.name))
    return [*found.values(), _visibility()]


def late(service: Service | None, answers: Mapping[str, str], told_on: date) -> Late | None:
    """What is wrong with the date a service was ordered for; None where it is in time, or where none was told.

    Its first question asks for the date (Oro: a go-live is told no later than two weeks before).
    """
    if service is None or not service.notice or not service.asks:
        return None
    try:
        wanted = date.fromisoformat(answers.get(service.asks[0].name, ""))
    except ValueError:
        return None
    first = told_on + timedelta(days=service.notice)
    return Late(notice=service.notice, first=first) if wanted < first else None


def _inputs(policy: Policy, service: Service | None) -> list[Field]:
    if service is None:
        return []
    days = service.asks[0].name if service.notice and service.asks else ""
    return [
        _field(each, PREFIX + each.name, kind="day" if each.name == days else "")
        for each in service.asks
        if not _is_asked(policy, each.name, service)
    ]


def _is_asked(policy: Policy, name: str, service: Service) -> bool:
    """Whether the policy's form asks for it whatever type of the service's is chosen."""
    field = next((each for each in policy.fields if each.name == name), None)
    types = service.types or [each.value for each in policy.types if each.inbound]
    return field is not None and all(is_asked(policy, field, each) for each in types)


def _field(asked: Input, name: str, *, kind: str = "") -> PlainField:
    kind = kind or ("choice" if asked.options else "text")
    return PlainField(name=name, label=asked.ask, kind=kind, help=asked.why, options=tuple(asked.options))


def _visibility() -> PlainField:
    options = (
        Choice(value=Visibility.PRIVATE.value, label=ONLY_ME),
        Choice(value=Visibility.GROUP.value, label=MY_GROUP),
    )
    return PlainField(name=VISIBILITY, label=WHO, kind="choice", options=options)
