"""What the house knows beside the texts: engineers, accounts, the call log; and the rules that roles apply."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from models import tables
from models.errors import Conflict, Forbidden, Invalid, NotFound
from models.terms import CallbackOutcome, Channel, Fact, Interaction, Party, PartyKind, Role, TriageState, Verdict
from triage import policy
from triage.desk import directory, knowledge, reachability
from triage.desk.decision import decide, ease, undo
from triage.desk.reception import Reception, receive
from triage.desk.suggesting import suggest_again
from triage.suggest import suggest

PACKS = policy.load_packs()
PARALLELS = PACKS["parallels"]
DOWN = "Our production server is down for all users. There is no workaround."


def by_rules(*, policy, channel, subject, body, language, facts):
    """Suggest without a classifier."""
    return suggest(PACKS[policy], None, channel=channel, subject=subject, body=body, language=language, facts=facts)


def opened(session, now, *, policy="parallels", text=DOWN, **more):
    """A request by phone, with its suggestion by the rules."""
    reception = Reception(policies=PACKS, default_policy=policy, suggest=by_rules)
    interaction = Interaction(
        source=f"api:{uuid4()}",
        channel=Channel.PHONE,
        received_at=now,
        subject="Server",
        new_text=text,
        clock_started_at=now,
        **more,
    )
    return tables.requests.fetch(session, receive(session, interaction, now, reception=reception).request)


THEIRS = {"phone": "+493055501"}
"""The fields of a request whose customer left a number."""


def missed(session, request, *moments, number=THEIRS["phone"]):
    """Attempts to call back that nobody answered."""
    for at in moments:
        outcome = CallbackOutcome.NO_ANSWER
        reachability.attempt(session, request.id, outcome=outcome, engineer="mara", now=at, number=number)


def severity_1(session, request, now):
    """Decide it as severity 1."""
    version = request.version
    decide(
        session,
        request.id,
        version=version,
        type="incident",
        priority="1",
        reason="",
        engineer="mara",
        policy=PARALLELS,
        now=now,
    )


def test_an_engineers_word_outranks_the_text(session, now):
    """The suggestion follows what they know, and names them."""
    request = opened(session, now)
    assert tables.requests.latest_suggestion(session, request.id).priority == "1"
    knowledge.state_fact(session, request.id, "workaround", "yes", version=1, engineer="mara", now=now)
    suggest_again(session, request.id, "fact:1", now, policies=PACKS, suggest=by_rules)
    made = tables.requests.latest_suggestion(session, request.id)
    verdicts = {rule["id"]: rule["verdict"] for rule in made.content["rules"]}
    assert (verdicts["production-down-no-workaround"], verdicts["workaround-available"]) == ("not met", "applied")
    assert made.content["facts"]["workaround"]["source"] == "engineer"
    assert request.version == 2


def test_unknown_takes_back_what_the_text_seems_to_say(session, now):
    """Then the fact is not known, and cannot ease anything."""
    request = opened(session, now, text="Production is down for all users; a workaround is available.")
    assert tables.requests.latest_suggestion(session, request.id).content["facts"]["workaround"]["value"] == "yes"
    knowledge.state_fact(session, request.id, "workaround", "unknown", version=1, engineer="mara", now=now)
    suggest_again(session, request.id, "fact:1", now, policies=PACKS, suggest=by_rules)
    assert "workaround" not in tables.requests.latest_suggestion(session, request.id).content["facts"]


@pytest.mark.parametrize(("name", "value"), [("workarund", "yes"), ("workaround", "maybe"), ("workaround", "")])
def test_a_fact_that_does_not_exist_is_refused_by_name(session, now, name, value):
    """The answer lists what there is."""
    request = opened(session, now)
    with pytest.raises(Invalid, match=name):
        knowledge.state_fact(session, request.id, name, value, version=1, engineer="mara", now=now)


@pytest.mark.parametrize("name", ["unreachable", "reachable_by_phone", "contact_phone_on_file"])
def test_what_the_ledger_tells_nobody_else_may_state(session, now, name):
    """Neither an engineer nor a text enables what only calls in vain may enable."""
    request = opened(session, now, text=f"{DOWN} You were unreachable over the phone all day.")
    with pytest.raises(Invalid, match="log of calls"):
        knowledge.state_fact(session, request.id, name, "yes", version=1, engineer="mara", now=now)
    severity_1(session, request, now)
    assert knowledge.role_rules(session, request, policy=PARALLELS)[0].holds is not True


def test_a_fact_is_stated_about_the_version_that_was_seen(session, now):
    """Two who flip at once do not undo each other unseen."""
    request = opened(session, now)
    knowledge.state_fact(session, request.id, "security", "yes", version=1, engineer="mara", now=now)
    with pytest.raises(Conflict):
        knowledge.state_fact(session, request.id, "security", "no", version=1, engineer="jon", now=now)


def test_an_account_states_facts_for_everything_it_asks(session, now):
    """Such as that we manage its environment; a caller's word counts more, an unknown takes it away."""
    account = directory.add_account(session, "Halcyon Hosting", number="4711", policy="wso2")
    directory.set_account_fact(session, "Halcyon Hosting", "managed_by_vendor", "no", by="ida", now=now)
    request = opened(session, now, policy="wso2", account_hint="4711")
    assert request.account_id == account.id
    found = {fact.name: fact for fact in knowledge.facts_of(session, request)}
    assert (found["managed_by_vendor"].value, found["managed_by_vendor"].source) == ("no", "account")
    applied = {
        rule["id"]: rule["verdict"] for rule in tables.requests.latest_suggestion(session, request.id).content["rules"]
    }
    assert applied["not-under-management"] == "applied"
    directory.set_account_fact(session, "4711", "managed_by_vendor", "unknown", by="ida", now=now)
    assert not knowledge.facts_of(session, request)
    with pytest.raises(Invalid, match="no such value"):
        directory.set_account_fact(session, "4711", "managed_by_vendor", "perhaps", by="ida", now=now)
    with pytest.raises(NotFound):
        directory.set_account_fact(session, "nobody", "managed_by_vendor", "yes", by="ida", now=now)


def test_a_contract_that_ended_is_told_and_the_request_is_logged_all_the_same(session, now):
    """W6: lapsed is flagged; an account without contracts is not known, not uncovered."""
    directory.add_account(session, "Halcyon Hosting", number="4711", policy="wso2")
    request = opened(session, now, policy="wso2", account_hint="4711")
    wso2 = PACKS["wso2"]
    assert knowledge.coverage(session, request, policy=wso2)[0].answer is None
    kind = wso2.entitlement.kinds[0]
    directory.set_contract(session, "4711", kind, until=date(2026, 11, 20))
    covered = knowledge.coverage(session, request, policy=wso2)[0]
    assert (covered.answer, "2026-11-20" in covered.reason) == (False, True)
    directory.set_contract(session, "4711", kind, until=date(2026, 11, 21))
    assert knowledge.coverage(session, request, policy=wso2)[0].answer is True
    with pytest.raises(Invalid):
        directory.set_contract(session, "4711", kind, since=date(2027, 1, 1), until=date(2026, 1, 1))


def test_a_contract_for_a_product_covers_it_where_the_request_names_it(session, now):
    """Which product it is stands in the form or the text; not named is not known."""
    directory.add_account(session, "Halcyon Hosting", number="4711", policy="wso2")
    wso2 = PACKS["wso2"]
    directory.set_contract(session, "4711", wso2.entitlement.kinds[0], product="API Manager")
    silent = opened(session, now, policy="wso2", account_hint="4711")
    assert knowledge.coverage(session, silent, policy=wso2)[0].answer is None
    named = opened(session, now, policy="wso2", account_hint="4711", text="API Manager 4.2 is down.")
    assert knowledge.coverage(session, named, policy=wso2)[0].answer is True


def test_templates_and_plug_ins_lie_outside_witboosts_perimeter(session, now):
    """B16, by what the form says is concerned; a template mentioned in passing is not meant."""
    witboost = PACKS["witboost"]
    fields = {"components": "our own template"}
    outside = knowledge.coverage(session, opened(session, now, policy="witboost", fields=fields), policy=witboost)[1]
    assert (outside.answer, "B16" in outside.clause) == (False, True)
    passing = opened(session, now, policy="witboost", text="The provisioning is down since we used a template.")
    assert knowledge.coverage(session, passing, policy=witboost)[1].answer is not False


def test_the_number_to_call_comes_from_the_form_or_the_contact_never_from_caller_id(session, now):
    """A number a call merely came from may be a switchboard's."""
    request = opened(session, now, party=Party(kind=PartyKind.NUMBER, value="+493055502", shown="+493055502"))
    assert knowledge.contact_number(session, request) is None
    named = opened(session, now, fields={"phone": "+49 30 5550 3"})
    assert knowledge.contact_number(session, named).value == "+49 30 5550 3"
    party = Party(kind=PartyKind.NUMBER, value="+493055504", shown="+493055504")
    directory.add_contact(session, "Mara Beispiel", [party])
    assert knowledge.contact_number(session, opened(session, now, party=party)).value == "+493055504"


def test_a_lead_eases_an_unreachable_customer_and_the_decision_cites_the_clause(session, now):
    """Parallels, Severity 1 Note #2: enabled by the ledger alone, never by itself."""
    request = opened(session, now, fields=THEIRS)
    severity_1(session, request, now)
    refused = {"engineer": "lena", "policy": PARALLELS, "now": now, "rule": "unreachable-contact"}
    with pytest.raises(Conflict):
        ease(session, request.id, version=request.version, role=Role.LEAD, **refused)
    missed(session, request, now + timedelta(minutes=1), now + timedelta(minutes=20))
    offer = next(one for one in knowledge.role_rules(session, request, policy=PARALLELS))
    assert (offer.holds, offer.to, offer.open_to(Role.LEAD), offer.open_to(Role.ENGINEER)) == (True, "3", True, False)
    with pytest.raises(Forbidden):
        ease(session, request.id, version=request.version, role=Role.ENGINEER, **refused)
    made = ease(session, request.id, version=request.version, role=Role.LEAD, **refused)
    assert (made.priority, made.rule, made.verdict) == ("3", "unreachable-contact", Verdict.CORRECTED)
    assert "Note #2" in made.reason
    assert (made.policy, made.policy_digest) == (PARALLELS.ref, PARALLELS.digest)
    assert request.decided_priority == "3"


def test_the_offer_vanishes_when_the_customer_calls_in(session, now):
    """Two attempts in vain, then their call: reachable again."""
    request = opened(session, now, fields=THEIRS)
    severity_1(session, request, now)
    missed(session, request, now + timedelta(minutes=1), now + timedelta(minutes=20))
    session.add(
        tables.calls.Call(
            call_sid="CA" + "1" * 32,
            account_sid="AC" + "0" * 32,
            from_number="+493055501",
            to_number="+493055500",
            status="completed",
            step="receipt",
            answers={},
            request_id=request.id,
            started_at=now + timedelta(minutes=30),
        )
    )
    session.flush()
    assert knowledge.role_rules(session, request, policy=PARALLELS)[0].holds is False


def test_undoing_an_easing_brings_the_decision_before_back(session, now):
    """Severity 1 holds again; undone once more, nothing is decided. The log keeps every change."""
    request = opened(session, now, fields=THEIRS)
    severity_1(session, request, now)
    missed(session, request, now + timedelta(minutes=1), now + timedelta(minutes=20))
    later = now + timedelta(minutes=30)
    ease(
        session,
        request.id,
        version=request.version,
        rule="unreachable-contact",
        role=Role.ADMIN,
        engineer="lena",
        policy=PARALLELS,
        now=later,
    )
    undo(session, request.id, version=request.version, engineer="lena", now=later + timedelta(minutes=1))
    assert (request.state, request.decided_priority) == (TriageState.DECIDED, "1")
    undo(session, request.id, version=request.version, engineer="lena", now=later + timedelta(minutes=2))
    assert (request.state, request.decided_priority) == (TriageState.TO_CONFIRM, None)
    levels = [row.value for row in tables.requests.clock_events(session, request.id) if row.event == "level"]
    assert levels == ["1", "3", "1", ""]


def test_a_rule_for_roles_is_not_there_for_a_policy_without_one(session, now):
    """Nothing is offered, and asking for it says so."""
    request = opened(session, now, policy="wso2")
    assert knowledge.role_rules(session, request, policy=PACKS["wso2"]) == ()
    with pytest.raises(NotFound, match="no rule"):
        ease(
            session,
            request.id,
            version=request.version,
            rule="unreachable-contact",
            role=Role.ADMIN,
            engineer="lena",
            policy=PACKS["wso2"],
            now=now,
        )


def test_a_call_back_needs_a_number_and_is_placed_once_at_a_time(session, now):
    """Without a number it says what to do; one under way is not doubled."""
    request = opened(session, now)
    with pytest.raises(Invalid, match="number"):
        reachability.call_back(session, request.id, engineer="mara", now=now)
    named = opened(session, now, fields={"phone": "+493055503"})
    row = reachability.call_back(session, named.id, engineer="mara", now=now)
    assert (row.number, row.outcome, row.call_sid) == ("+493055503", CallbackOutcome.PLACED, None)
    with pytest.raises(Invalid, match="under way"):
        reachability.call_back(session, named.id, engineer="mara", now=now)


def test_an_answered_call_is_a_response(session, now):
    """A12: a logged call with a person meets the response; one in vain does not."""
    request = opened(session, now)
    missed(session, request, now)
    kinds = [row.event for row in tables.requests.clock_events(session, request.id)]
    assert "responded" not in kinds
    reachability.attempt(
        session, request.id, outcome=CallbackOutcome.ANSWERED, engineer="mara", now=now, number="+493055501"
    )
    kinds = [row.event for row in tables.requests.clock_events(session, request.id)]
    assert kinds.count("responded") == 1
    assert kinds.count("callback") == 2


def test_a_caller_states_less_than_the_call_log(session, now):
    """Whoever says "you can reach me" and is not reached is not reachable."""
    stated = Fact(name="unreachable", value="no", source="caller")
    request = opened(session, now, facts=(stated,), fields=THEIRS)
    severity_1(session, request, now)
    missed(session, request, now + timedelta(minutes=1), now + timedelta(minutes=20))
    assert knowledge.role_rules(session, request, policy=PARALLELS)[0].holds is True


def test_calls_to_another_number_do_not_count_against_the_customer(session, now):
    """Only the number they gave tells whether they can be reached there."""
    request = opened(session, now, fields={"phone": "+493055503"})
    severity_1(session, request, now)
    missed(session, request, now + timedelta(minutes=1), now + timedelta(minutes=20), number="+493055599")
    assert knowledge.role_rules(session, request, policy=PARALLELS)[0].holds is not True
    missed(session, request, now + timedelta(minutes=30), now + timedelta(minutes=50), number="+493055503")
    assert knowledge.role_rules(session, request, policy=PARALLELS)[0].holds is True


def test_attempts_to_a_number_that_a_call_merely_came_from_prove_nothing(session, now):
    """It may be a switchboard's: without a contact phone on file nobody knows whether they are reachable."""
    party = Party(kind=PartyKind.NUMBER, value="+493055502", shown="+493055502")
    request = opened(session, now, party=party)
    severity_1(session, request, now)
    missed(session, request, now + timedelta(minutes=1), now + timedelta(minutes=20), number="+493055502")
    assert knowledge.role_rules(session, request, policy=PARALLELS)[0].holds is None
    told = {fact.name: fact.value for fact in knowledge.known(session, request, policy=PARALLELS)}
    assert not {"unreachable", "reachable_by_phone", "contact_phone_on_file"} & set(told)
    reachability.attempt(
        session, request.id, outcome=CallbackOutcome.ANSWERED, engineer="mara", now=now + timedelta(minutes=30),
        number="+493055502",
    )  # fmt: skip
    told = {fact.name: fact.value for fact in knowledge.known(session, request, policy=PARALLELS)}
    assert told["reachable_by_phone"] == "yes"


@pytest.mark.parametrize(
    ("written", "region", "rung"),
    [
        ("030 5550137", "DE", "+49305550137"),
        ("(212) 555-0137", "US", "+12125550137"),
        ("+49 (30) 5550-137", "US", "+49305550137"),
        ("020 7946 0137", "GB", "+442079460137"),
    ],
)
def test_a_contact_phone_without_a_country_code_is_the_one_the_house_rings(session, now, written, region, rung):
    """Wherever the house stands: attempts to it count, those to the same digits elsewhere do not."""
    request = opened(session, now, fields={"phone": written})
    severity_1(session, request, now)
    missed(session, request, now + timedelta(minutes=1), now + timedelta(minutes=20), number="+3612345678")
    assert knowledge.role_rules(session, request, policy=PARALLELS)[0].holds is None
    for minutes in (30, 50):
        row = reachability.attempt(
            session, request.id, outcome=CallbackOutcome.NO_ANSWER, engineer="mara", region=region,
            now=now + timedelta(minutes=minutes),
        )  # fmt: skip
        assert row.number == rung
    assert knowledge.role_rules(session, request, policy=PARALLELS)[0].holds is True
