"""A new request on the portal: the same form, empty, with the address of who asks."""

import re
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from fastapi.responses import Response
from sqlalchemy import func, select

from intake import addresses
from intake.portal import claims, forms, ordering, pages, uploads
from intake.portal.asked import Policy, Service
from intake.portal.building import Portal, check_turn
from intake.portal.claiming import LONGEST_PERSON, to_status
from intake.portal.forms import Answers
from intake.portal.pages import Shown
from intake.portal.uploads import Posted
from intake.portal.wording import Words
from intake.reading.language import detect
from models import tables
from models.store import transaction
from models.terms import Channel, Interaction, Party, PartyKind

KEY = re.compile(r"[0-9a-f]{32}")


def blank_page(portal: Portal, w: Words, policy: str, service: str) -> Response:
    """The form of the named policy if there is one, else of the default policy; with what a service needs, if named."""
    name = policy if policy in portal.policies else portal.default_policy
    plain = portal.policy(name)
    ordered = ordering.chosen(plain, service)
    answers = Answers(values=ordering.given(plain, ordered))
    return pages.form(_shown(portal, name, ordered, answers, key=uuid4().hex), w)


def opened(portal: Portal, w: Words, posted: Posted) -> Response:
    """Open a request on the portal channel: its SLA clock starts now, and its account's policy is the desk's to find.

    The form's own random number makes a form that is sent twice one request; nothing else a visitor
    may choose does. The policy of the form decides what is asked, and nothing else.
    """
    given = posted.fields
    name = given.get("policy", "") if given.get("policy") in portal.policies else portal.default_policy
    ordered = ordering.chosen(portal.policy(name), given.get(ordering.SERVICE, ""))
    policy = ordering.offering(portal.policy(name), ordered)
    answers = forms.checked(policy, given, portal.region)
    key = given.get("key", "") if KEY.fullmatch(given.get("key", "")) else uuid4().hex
    email, person = forms.tidy(given.get("email", "")), forms.tidy(given.get("name", ""))[:LONGEST_PERSON]
    address = addresses.path(email)
    if address is None or answers.wrong or posted.problem:
        shown = replace(
            _shown(portal, name, ordered, answers, key=key),
            person=person,
            email=email[:254],
            email_problem="" if address else "email_wrong" if email else "missing",
            problem=posted.problem,
            files_again=bool(posted.files) and posted.problem is None,
        )
        return pages.form(shown, w, 422)
    check_turn(portal, "address", addresses.key(address))
    said = _interaction(portal, policy, answers, key=key, address=address, person=person, ordered=ordered)
    return _filed(portal, said, posted)


def _shown(portal: Portal, name: str, ordered: Service | None, answers: Answers, *, key: str) -> Shown:
    plain = portal.policy(name)
    today = portal.clock().astimezone(portal.home).date()
    return Shown(
        policy=ordering.offering(plain, ordered),
        policy_id=name,
        answers=answers,
        limits=portal.limits,
        zone=portal.home,
        key=key,
        services=tuple(plain.catalogue.services) if plain.catalogue else (),
        ordered=ordered,
        first_day=today + timedelta(days=ordered.notice) if ordered and ordered.notice else None,
    )


def _filed(portal: Portal, said: Interaction, posted: Posted) -> Response:
    with transaction(portal.engine) as session:
        # Two clicks at once: the second waits here, and then finds what the first did.
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(said.source, 0))))
        before = tables.requests.interaction_by_source(session, said.source)
        receipt = portal.receive(session, said, said.received_at)
        if before is None:
            uploads.keep(session, receipt.request, posted.files, portal.limits, said.received_at)
    portal.wake()
    if before is None:
        return to_status(portal, receipt.request)
    same = (before.subject, before.text, before.fields) == (said.subject, said.text, said.fields)
    return to_status(portal, receipt.request, already="same" if same else "other")


def _interaction(
    portal: Portal, policy: Policy, answers: Answers, *, key: str, address: str, person: str, ordered: Service | None
) -> Interaction:
    text, now = answers.values.get("description", ""), portal.clock()
    return Interaction(
        source=f"portal:new:{key}",
        channel=Channel.PORTAL,
        received_at=now,
        subject=answers.values.get("summary", ""),
        text=text,
        new_text=text,
        language=detect(text)[0],
        party=Party(kind=PartyKind.ADDRESS, value=addresses.key(address), shown=address),
        name=person,
        clock_started_at=now,
        facts=claims.facts_in(policy, answers),
        fields=ordering.kept(claims.fields_in(answers, person), ordered),
    )
