"""The desk takes every interaction in once, finds out whose it is, and suggests."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from models import tables
from models.errors import Invalid, NotFound
from models.terms import Channel, Fact, Interaction, JobKind, JobState, TriageState
from triage import identity, policy
from triage.desk import directory, nudging
from triage.desk.decision import decide
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


def follow_up(session, reception, now, text: str, *, source="mail:2", **more):
    """A request whose first mail says that there is no workaround, and a later mail; the suggestion in force."""
    receipt = receive(session, mail(now), now, reception=reception)
    later = now + timedelta(hours=1)
    said = mail(later, source=source, request=receipt.request, new_text=text, **more)
    receive(session, said, later, reception=reception)
    return tables.requests.latest_suggestion(session, receipt.request)


def test_a_workaround_found_later_changes_the_suggestion(session, reception, now):
    """The first mail denies what the second states: the later word counts, and the policy's rule eases."""
    receipt = receive(session, mail(now), now, reception=reception)
    before = tables.requests.latest_suggestion(session, receipt.request).content
    said = mail(now, source="mail:2", request=receipt.request, new_text="We found a workaround: node two takes over.")
    receive(session, said, now, reception=reception)
    after = tables.requests.latest_suggestion(session, receipt.request).content
    assert (before["facts"]["workaround"]["value"], after["facts"]["workaround"]["value"]) == ("no", "yes")
    verdicts = [{rule["id"]: rule["verdict"] for rule in each["rules"]} for each in (before, after)]
    changed = {name for name in verdicts[0] if verdicts[0][name] != verdicts[1][name]}
    assert any(verdicts[1][name] == "applied" for name in changed)
    assert after["facts"]["environment"]["value"] == "production"


def test_the_last_of_three_texts_counts(session, reception, now):
    """A workaround that was found and no longer works is none."""
    follow_up(session, reception, now, "We found a workaround: node two takes over.")
    (request,) = session.scalars(select(tables.requests.Request))
    said = mail(now + timedelta(hours=2), source="mail:3", request=request.id, new_text="There is no workaround.")
    receive(session, said, now, reception=reception)
    assert tables.requests.latest_suggestion(session, request.id).content["facts"]["workaround"]["value"] == "no"


def test_evidence_of_a_follow_up_stands_where_its_span_says(session, reception, now):
    """Spans count in subject and joined text, so that the console marks the right words."""
    found = follow_up(session, reception, now, "We found a workaround: node two takes over.").content["facts"]
    whole = "Orders fail\n\nOur production gateway is down, there is no workaround.\n\n"
    whole += "We found a workaround: node two takes over."
    for fact in found.values():
        start, end = fact["span"]
        assert whole[start:end] == fact["evidence"]


def test_mails_that_come_in_the_wrong_order_count_in_the_order_they_were_sent(session, reception, now):
    """A worker may take the later one first."""
    receipt = receive(session, mail(now, new_text="We found a workaround."), now, reception=reception)
    earlier = now - timedelta(hours=1)
    said = mail(earlier, source="mail:0", request=receipt.request, new_text="There is no workaround.")
    receive(session, said, now, reception=reception)
    found = tables.requests.latest_suggestion(session, receipt.request).content["facts"]
    assert found["workaround"]["value"] == "yes"


def test_a_follow_up_never_starts_or_moves_a_clock(session, reception, now):
    """Mail is no SLA channel, before a request reached one and after."""
    follow_up(session, reception, now, "More.")
    (request,) = session.scalars(select(tables.requests.Request))
    assert (request.clock_started_at, tables.requests.clock_events(session, request.id)) == (None, [])
    started = now + timedelta(hours=2)
    raised = mail(started, source="call:1", channel=Channel.PHONE, request=request.id, clock_started_at=started)
    receive(session, raised, started, reception=reception)
    later = started + timedelta(hours=1)
    receive(session, mail(later, source="mail:4", request=request.id), later, reception=reception)
    assert request.clock_started_at == started
    assert [event.event for event in tables.requests.clock_events(session, request.id)] == ["started"]


@pytest.mark.parametrize(
    ("pause", "note", "events"),
    [
        (timedelta(minutes=30), "", ["paused", "resumed"]),
        (timedelta(minutes=30), "automatic", ["paused"]),
        (timedelta(minutes=90), "", ["paused"]),
        (None, "", []),
    ],
)
def test_a_follow_up_resumes_a_paused_clock(session, reception, now, pause, note, events):
    """Waiting for the customer ends when they write; not by a machine, nor by what came before the pause."""
    receipt = receive(session, mail(now), now, reception=reception)
    if pause is not None:
        tables.requests.record_clock(session, receipt.request, "paused", "engineer", now + pause)
        tables.requests.record_clock(session, receipt.request, "updated", "engineer", now + pause)
    later = now + timedelta(hours=1)
    for _ in range(2):
        said = mail(later, source="mail:2", request=receipt.request, new_text="Here is the log.", note=note)
        receive(session, said, later, reception=reception)
    found = [each for each in tables.requests.clock_events(session, receipt.request) if each.event != "updated"]
    assert [event.event for event in found] == events
    assert all(event.at == later for event in found if event.event == "resumed")


def test_a_decided_request_stays_decided_and_is_marked(session, reception, now):
    """What an engineer decided no mail undoes; that somebody wrote again is seen, and told to the door."""
    receipt = receive(session, mail(now), now, reception=reception)
    request = tables.requests.fetch(session, receipt.request)
    request.state, request.decided_priority = TriageState.DECIDED, "P2"
    later = now + timedelta(hours=1)
    again = receive(session, mail(later, source="mail:2", request=request.id), later, reception=reception)
    assert (request.state, request.decided_priority, request.follow_up_at) == (TriageState.DECIDED, "P2", later)
    assert (receipt.decided, again.decided, again.opened) == (False, True, False)
    assert tables.requests.latest_suggestion(session, request.id).cause == "mail:2"


def test_a_machines_answer_is_kept_and_changes_no_suggestion(session, reception, now):
    """An absence notice is part of the request, with no word about it."""
    found = follow_up(session, reception, now, "", note="automatic", subject="Out of office")
    assert found.cause == "mail:1"
    assert len(tables.requests.interactions(session, found.request_id)) == 2


@pytest.mark.parametrize("at_once", [True, False])
def test_what_could_not_be_read_is_suggested_for_when_it_is(session, reception, later, now, at_once):
    """The text takes the place of the notice, and the suggestion is made from it, here or by a worker."""
    unread = mail(now, subject="Mail that could not be read", new_text="", note="unparsed", text="(unread)")
    receipt = receive(session, unread, now, reception=reception)
    unread_again = receive(session, unread, now, reception=reception)
    read = receive(session, mail(now), now, reception=reception if at_once else later)
    assert (read.request, read.opened, unread_again.opened) == (receipt.request, True, False)
    (row,) = tables.requests.interactions(session, receipt.request)
    if not at_once:
        suggest_for(session, row.id, now, reception=reception)
    found = tables.requests.latest_suggestion(session, receipt.request)
    assert (row.note, row.subject, found.cause) == ("", "Orders fail", "mail:1")
    assert found.content["facts"]["environment"]["value"] == "production"


def test_a_suggestion_job_that_is_done_runs_again_for_a_text_read_at_last(session, later, now):
    """The worker suggested for the notice already; the text needs it once more."""
    receive(session, mail(now, new_text="", note="unparsed"), now, reception=later)
    (job,) = session.scalars(select(tables.jobs.Job))
    job.state, job.attempts, job.error = JobState.DONE, 3, "late"
    receive(session, mail(now), now, reception=later)
    session.refresh(job)
    assert (job.state, job.attempts, job.error) == (JobState.WAITING, 0, None)


@pytest.mark.parametrize(
    ("sender", "account"),
    [
        ("a@halcyon.example", "Halcyon"),
        ("a@EU.halcyon.example", "Halcyon"),
        ("a@deep.shop.halcyon.example", "Halcyon Shop"),
        ("a@nothalcyon.example", None),
        ("a@example", None),
        ("a@bücher.example", "Bücher"),
        ("a@xn--bcher-kva.example", "Bücher"),
        ("a@gmail.com", None),
    ],
)
def test_the_closest_domain_names_the_account(session, reception, now, sender, account):
    """Subdomains belong to whom their domain belongs, the longest match first; spelling does not matter."""
    directory.add_account(session, "Halcyon", domains=["halcyon.example"])
    directory.add_account(session, "Halcyon Shop", domains=["shop.halcyon.example"])
    directory.add_account(session, "Bücher", domains=["BÜCHER.example."])
    receipt = receive(session, mail(now, sender=sender), now, reception=reception)
    row = tables.requests.fetch(session, receipt.request)
    found = session.get(tables.directory.Account, row.account_id) if row.account_id else None
    assert (found.name if found else None) == account


@pytest.mark.parametrize(
    "domain", ["gmail.com", "mail.gmx.de", "co.uk", "com", "github.io", "yahoo.co.jp", "no domain"]
)
def test_a_domain_that_is_everybodys_names_no_account(session, domain):
    """Free-mail providers and registries would give one customer's requests to another."""
    with pytest.raises(Invalid):
        directory.add_account(session, "Greedy", domains=[domain])


def test_a_redirected_contact_who_calls_is_counted(session, reception, now):
    """The call answers what we asked for; somebody else's call, or one much later, does not."""
    number = identity.number_party("+49 30 5550 137", region="DE")
    directory.add_contact(session, "Marta", [identity.address_party("marta@nordhandel.example"), number])
    told = receive(session, mail(now), now, reception=reception)
    tables.redirections.note_told(session, told.request, told.policy, now)
    row = session.get(tables.redirections.Redirection, told.request)
    for party, days, raised in ((None, 1, None), (number, 30, None), (number, 1, Channel.PHONE)):
        at = now + timedelta(days=days)
        call = mail(at, source=f"call:{days}:{party}", channel=Channel.PHONE, party=party, clock_started_at=at)
        receive(session, call, at, reception=reception)
        session.refresh(row)
        assert row.raised_on is raised


def test_a_request_whose_pack_is_gone_is_still_taken_in(session, reception, policies, now):
    """Whoever writes again is heard: the default policy's words are told, and the request keeps its policy."""
    asked = mail(now, channel=Channel.PHONE, clock_started_at=now)
    request = receive(session, asked, now, reception=reception).request
    less = Reception(
        policies={name: pack for name, pack in policies.items() if name != "wso2"},
        default_policy="oro",
        suggest=reception.suggest,
    )
    tables.requests.record_clock(session, request, "paused", "step:1", now + timedelta(minutes=1), value="waiting")
    told = receive(session, asked, now, reception=less)
    assert (told.request, told.policy, told.looks_urgent) == (request, "oro", False)
    later = now + timedelta(hours=1)
    again = mail(later, source="mail:2", request=request)
    assert receive(session, again, later, reception=less).request == request
    stored = tables.requests.fetch(session, request)
    assert stored.policy == "wso2"
    assert len(tables.requests.interactions(session, request)) == 2
    assert session.scalars(select(tables.requests.Suggestion)).all()[-1].cause == "mail:1"
    kinds = [row.event for row in tables.requests.clock_events(session, request)]
    assert kinds.count("resumed") == 1


def test_an_account_whose_pack_is_gone_is_served_under_the_default_policy(session, reception, now):
    """A new request of theirs opens under the default policy."""
    directory.add_account(session, "Tarn Freight", number="77", policy="gone")
    told = receive(session, mail(now, account_hint="77"), now, reception=reception)
    assert told.policy == "wso2"


def test_an_account_learnt_later_brings_a_decided_request_back(session, reception, policies, now):
    """Its policy is another one: what was decided under the first has to be decided again, and triage sees it."""
    request = receive(session, mail(now, channel=Channel.PHONE, clock_started_at=now), now, reception=reception).request
    decide(session, request, version=1, type="incident", priority="P1", reason="", engineer="mara",
           policy=policies["wso2"], now=now)  # fmt: skip
    directory.add_account(session, "Tarn Freight", number="77", policy="parallels")
    later = now + timedelta(minutes=10)
    more = mail(later, source="mail:2", request=request, account_hint="77", note="automatic: away", new_text="")
    receive(session, more, later, reception=reception)
    stored = tables.requests.fetch(session, request)
    assert (stored.policy, stored.decided_priority, stored.follow_up_at) == ("parallels", "P1", later)
    seen = nudging.nudges_of(session, stored, policies["parallels"], later)
    assert seen[0].text == f"Decided under {policies['wso2'].ref}: decide again."
    (line,) = nudging.left_behind(session, policies, later)
    assert line.nudges[0].text == "Decided under another policy: decide again."
    assert line.level is None


def test_a_new_suggestion_has_the_clocks_of_a_request_looked_at(session, reception, later, now):
    """While nobody has decided, the suggested level is what counts; a mail alone has no clock to look at."""
    call = receive(session, mail(now, channel=Channel.PHONE, clock_started_at=now), now, reception=later).request
    written = receive(session, mail(now, source="mail:9"), now, reception=later).request
    for request in (call, written):
        tables.requests.fetch(session, request).attention_at = None
        session.flush()
        cause = tables.requests.interactions(session, request)[0].id
        suggest_for(session, cause, now + timedelta(minutes=1), reception=reception)
        session.expire_all()
    assert tables.requests.fetch(session, call).attention_at == now + timedelta(minutes=1)
    assert tables.requests.fetch(session, written).attention_at is None
