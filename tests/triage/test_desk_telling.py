"""What a policy would still like to know, asked by what was decided and never by what is only suggested."""

from uuid import uuid4

from models.terms import Channel, Interaction
from triage import policy
from triage.desk.decision import decide
from triage.desk.reception import Reception, receive
from triage.desk.telling import missing
from triage.suggest import suggest

PACKS = policy.load_packs()


def by_rules(*, policy, channel, subject, body, language, facts):
    """Suggest without a classifier."""
    return suggest(PACKS[policy], None, channel=channel, subject=subject, body=body, language=language, facts=facts)


def raised(session, now, *, text="It fails.", **fields):
    """A request of Parallels by the portal."""
    interaction = Interaction(
        source=f"api:{uuid4()}", channel=Channel.PORTAL, received_at=now, subject="Server", new_text=text, fields=fields
    )
    reception = Reception(policies=PACKS, default_policy="parallels", suggest=by_rules)
    return receive(session, interaction, now, reception=reception).request


def test_what_was_told_in_any_way_is_not_asked_again(session, now):
    """A form's field, words of the text: both count; each question has its reason."""
    request = raised(session, now, text="No workaround; it affects all users.", environment="production")
    asked = {one.name: one for one in missing(session, request, policies=PACKS)}
    assert not asked.keys() & {"environment", "workaround", "scope"}
    assert all(one.ask and one.why for one in asked.values())
    assert "product" in asked


def test_a_level_that_is_decided_excuses_what_others_need(session, now):
    """A contact phone belongs to severities 1 and 2; before a decision nothing is excused."""
    request = raised(session, now)
    assert "phone" in {one.name for one in missing(session, request, policies=PACKS)}
    parallels = PACKS["parallels"]
    decide(
        session,
        request,
        version=1,
        type="incident",
        priority="3",
        reason="",
        engineer="mara",
        policy=parallels,
        now=now,
    )
    assert "phone" not in {one.name for one in missing(session, request, policies=PACKS)}


def test_what_the_customer_chose_themselves_narrows_what_they_are_asked(session, now):
    """Severity 3, says the form: then no contact phone is wanted of them."""
    request = raised(session, now, type="incident", level="Normal")
    assert "phone" not in {one.name for one in missing(session, request, policies=PACKS)}
    assert "phone" in {one.name for one in missing(session, raised(session, now, level="1"), policies=PACKS)}


def test_a_request_that_is_gone_or_whose_policy_is_misses_nothing(session, now):
    """Nobody is asked for what cannot be judged."""
    assert missing(session, uuid4(), policies=PACKS) == ()
    assert missing(session, raised(session, now), policies={}) == ()
