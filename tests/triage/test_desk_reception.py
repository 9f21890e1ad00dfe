"""The desk takes every interaction in once, finds out whose it is, and suggests."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from models import tables
from models.errors import NotFound
from models.terms import Channel, Fact, Interaction, JobKind, TriageState
from triage import identity, policy
from triage.desk import directory
from triage.desk.reception import Reception, receive, suggest_for
from triage.suggest import suggest


@pytest.fixture(scope="session")
def policies():
    """The built-in packs."""
    return policy.load_packs()


@pytest.fixture
def reception(policies) -> Reception:
    """A desk that suggests by rules alone, and counts how often it was asked."""

    def by_rules(*, policy, channel, subject, body, language, facts):
        return suggest(
            policies[policy], None, channel=channel, subject=subject, body=body, language=language, facts=facts
        )

    return Reception(policies=policies, default_policy="wso2", suggest=by_rules)


@pytest.fixture
def later(policies) -> Reception:
    """A desk that leaves suggesting to a worker."""
    return Reception(policies=policies, default_policy="wso2", support_phone="+49 30 5550 100")


def mail(now, *, source="mail:1", sender="marta@nordhandel.example", **more) -> Interaction:
    """A mail's interaction."""
    given = {
        "source": source,
        "channel": Channel.EMAIL,
        "received_at": now,
        "subject": "Orders fail",
        "new_text": "Our production gateway is down, there is no workaround.",
        "party": identity.address_party(sender),
        **more,
    }
    return Interaction(**given)


def test_a_new_interaction_opens_a_request_to_confirm(session, reception, now):
    """Nothing is set before an engineer confirms."""
    receipt = receive(session, mail(now), now, reception=reception)
    request = tables.requests.fetch(session, receipt.request)
    assert receipt.opened
    assert receipt.reference == f"SB-{request.number}"
    assert (request.state, request.decided_type, request.decided_priority) == (TriageState.TO_CONFIRM, None, None)


def test_the_same_source_twice_is_one_interaction(session, reception, now):
    """A job that runs again changes nothing."""
    first = receive(session, mail(now), now, reception=reception)
    again = receive(session, mail(now), now, reception=reception)
    assert again.request == first.request
    assert not again.opened
    assert len(tables.requests.interactions(session, first.request)) == 1


def test_mail_starts_no_clock(session, reception, now):
    """Mail is not an SLA channel (WSO2: 'cannot receive comments via email')."""
    receipt = receive(session, mail(now), now, reception=reception)
    assert tables.requests.fetch(session, receipt.request).clock_started_at is None
    assert tables.requests.clock_events(session, receipt.request) == []


def test_the_clock_starts_at_the_earliest_sla_contact_and_never_moves_later(session, reception, now):
    """A later interaction of the same request does not push the start."""
    first = mail(now, source="call:CA1", channel=Channel.PHONE, clock_started_at=now)
    receipt = receive(session, first, now, reception=reception)
    later = now + timedelta(minutes=5)
    second = mail(later, source="call:CA1:problem", request=receipt.request, clock_started_at=later)
    receive(session, second, later, reception=reception)
    assert tables.requests.fetch(session, receipt.request).clock_started_at == now


def test_a_desk_without_a_classifier_leaves_suggesting_to_a_worker(session, later, reception, now):
    """The door answers at once; the job suggests once, however often it runs."""
    receipt = receive(session, mail(now), now, reception=later)
    assert tables.requests.latest_suggestion(session, receipt.request) is None
    assert receipt.support_phone
    (job,) = session.scalars(select(tables.jobs.Job))
    assert job.kind is JobKind.REQUEST_SUGGEST
    for _ in range(2):
        suggest_for(session, job.subject, now, reception=reception)
    found = session.scalars(select(tables.requests.Suggestion)).all()
    assert len(found) == 1
    assert found[0].content["policy"].startswith("wso2@")


def test_a_callers_key_outranks_the_text(session, reception, now):
    """Facts handed in by a door win over what the text says."""
    said = mail(now, new_text="It is only our staging system.", facts=(_fact("environment", "production"),))
    receipt = receive(session, said, now, reception=reception)
    facts = tables.requests.latest_suggestion(session, receipt.request).content["facts"]
    assert facts["environment"]["value"] == "production"
    assert facts["environment"]["source"] == "caller"


def _fact(name: str, value: str) -> Fact:
    return Fact(name=name, value=value, source="caller")


def test_account_by_domain_and_its_policy(session, reception, now):
    """A sender from an account's domain is served under the account's policy."""
    directory.add_account(session, "Halcyon Hosting", domains=["halcyon.example"], policy="parallels")
    receipt = receive(session, mail(now, sender="Eva@Halcyon.Example"), now, reception=reception)
    assert receipt.policy == "parallels"
    assert receipt.party_known


def test_contact_by_address_with_a_tag(session, reception, now):
    """A plus-tag does not hide a known person."""
    account = directory.add_account(session, "Nordhandel")
    directory.add_contact(session, "Marta", [identity.address_party("marta@nordhandel.example")], account=account)
    receipt = receive(session, mail(now, sender="marta+alerts@nordhandel.example"), now, reception=reception)
    request = tables.requests.fetch(session, receipt.request)
    assert request.contact_id is not None
    assert request.account_id == account.id


def test_an_unknown_sender_is_a_party_and_visible_as_such(session, reception, now):
    """No contact is invented."""
    receipt = receive(session, mail(now, sender="stranger@elsewhere.example"), now, reception=reception)
    request = tables.requests.fetch(session, receipt.request)
    assert (request.contact_id, request.account_id) == (None, None)
    assert request.party == "stranger@elsewhere.example"
    assert not receipt.party_known


def test_an_interaction_for_a_request_that_is_not_there_is_refused(session, reception, now):
    """A door cannot write into nothing."""
    with pytest.raises(NotFound):
        receive(session, mail(now, request=uuid4()), now, reception=reception)
