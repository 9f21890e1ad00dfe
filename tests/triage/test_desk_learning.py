"""What the next artefact is taught: each decision, seed and imported request once, nothing that is gone."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, select, text

from models import tables
from models.terms import ArtefactState, Channel, Interaction, LabelledRequest
from triage import policy, training
from triage.desk import learning
from triage.desk.decision import decide, undo
from triage.desk.reception import Reception, receive
from triage.suggest import suggest

PACKS = policy.load_packs()
POLICIES = {"wso2": PACKS["wso2"]}
OUTAGE = "Our production gateway answers nobody since eight, all customers get errors and nothing helps."
SEED = LabelledRequest(
    id="seed-1", policy="wso2", channel=Channel.EMAIL, subject="Keys", body="How are signing keys rotated in the "
    "gateway, and how often should one do so?", type="query", priority="P4",
)  # fmt: skip


def by_rules(*, policy, channel, subject, body, language, facts):
    """Suggest without a classifier."""
    return suggest(PACKS[policy], None, channel=channel, subject=subject, body=body, language=language, facts=facts)


RECEPTION = Reception(policies=PACKS, default_policy="wso2", suggest=by_rules)


@pytest.fixture(autouse=True)
def one_seed(monkeypatch):
    """A seed corpus of a single text."""
    monkeypatch.setattr(training, "seed_corpus", lambda: [SEED])


@pytest.fixture
def decided(session, now):
    """A request that was written and decided; gives its id."""

    def make(body=OUTAGE, *, kind="incident", level="P1", by="mara", subject="Outage", after=0, version=1):
        interaction = Interaction(
            source=f"mail:{uuid4()}", channel=Channel.EMAIL, received_at=now, subject=subject, new_text=body
        )
        request = receive(session, interaction, now, reception=RECEPTION).request
        decide(
            session,
            request,
            version=version,
            type=kind,
            priority=level,
            reason="",
            engineer=by,
            policy=PACKS["wso2"],
            now=now + timedelta(minutes=after),
        )
        return request

    return make


def imports(session, now, *rows, name="wso2"):
    """Store imported requests: key, body, type, level."""
    given = [
        {"key": key, "subject": "", "body": body, "type": kind, "priority": level} for key, body, kind, level in rows
    ]
    tables.lessons.take_in(session, name, given, now)


def collected(session):
    """The examples there are now, by id."""
    return {one.id: one for one in learning.collect(session, POLICIES).examples}


def test_decisions_count_most_then_the_seed_corpus_then_imports(session, decided, now):
    """Three to one to a half, and each source is counted."""
    request = tables.requests.fetch(session, decided())
    imports(session, now, ("A-1", "The export of one report fails for a single user on our server.", "incident", "P3"))
    lessons = learning.collect(session, POLICIES)
    assert {one.id: one.weight for one in lessons.examples} == {
        request.reference: 3.0,
        "seed-1": 1.0,
        "import:A-1": 0.5,
    }
    assert lessons.counts == {"decisions": 1, "seed": 1, "imports": 1, "repeated": 0}
    assert request.id in lessons.taught
    assert len(lessons.taught) == 2


def test_the_same_text_counts_once_and_the_decision_is_heard(session, decided, now):
    """Seeded, imported and decided with three different labels: the engineer's stand."""
    decided(f"{SEED.body} Thank you!", subject=SEED.subject, kind="query", level="P3")
    imports(session, now, ("A-1", f"{SEED.subject}\n{SEED.body}", "query", "P1"))
    (only,) = learning.collect(session, POLICIES).examples
    assert (only.priority, only.weight) == ("P3", 3.0)


def test_one_person_does_not_multiply_by_repeating(session, decided):
    """Forty decisions of one engineer on the same text are one vote, against two of others (hardening F9)."""
    for place in range(40):
        decided(f"{OUTAGE} No. {place}", kind="query", level="P4", by="mallory", after=place)
    decided(f"{OUTAGE} No. 40", kind="incident", level="P1", by="mara")
    decided(f"{OUTAGE} No. 41", kind="incident", level="P1", by="jon", after=1)
    lessons = learning.collect(session, POLICIES)
    (only,) = [one for one in lessons.examples if one.weight == 3.0]
    assert (only.type, only.priority) == ("incident", "P1")
    assert (lessons.counts["decisions"], lessons.counts["repeated"]) == (1, 41)


def test_dressing_a_text_up_multiplies_nothing_either(session, decided):
    """Other words around it make it no other text: each labels of one person count once (hardening F9)."""
    text = f"{OUTAGE} We restarted it twice, and it is the third time this week that all of this happens to us."
    for place, word in enumerate(("Hello", "Good morning", "Dear all", "Hi team", "Urgent", "Again")):
        decided(f"{word}, {text}", kind="query", level="P4", by="mallory", after=place)
    decided(text, kind="incident", level="P1", by="mara")
    lessons = learning.collect(session, POLICIES)
    found = sorted(one.priority for one in lessons.examples if one.weight == 3.0)
    assert found == ["P1", "P4"]


def test_alarms_that_differ_in_the_word_that_counts_both_teach(session, decided):
    """One engineer rightly decides the one so and the other otherwise, however often both come."""
    alarm = (
        "Monitoring of the live cluster: the disk of node 7 is filled to 93 percent, state {}, since 14:05. "
        "This message was made by a machine; do not answer it, but look at the dashboard of your team."
    )
    for place in range(3):
        decided(alarm.format("critical"), level="P1", after=place)
        decided(alarm.format("warning"), level="P3", after=place)
    found = [one.priority for one in learning.collect(session, POLICIES).examples if one.weight == 3.0]
    assert sorted(found) == ["P1", "P3"]


def test_of_one_person_s_contradictions_the_last_one_counts(session, decided):
    """Whoever says first this and then that has one opinion."""
    decided(level="P1", after=0)
    decided(level="P3", after=5)
    decided(level="P2", after=2)
    (only,) = [one for one in learning.collect(session, POLICIES).examples if one.weight == 3.0]
    assert only.priority == "P3"


def test_of_equally_many_opinions_the_newest_counts(session, decided):
    """Nobody is outvoted one to one by having been first."""
    decided(level="P1", by="mara", after=0)
    decided(level="P2", by="jon", after=5)
    (only,) = [one for one in learning.collect(session, POLICIES).examples if one.weight == 3.0]
    assert only.priority == "P2"


def test_undone_decisions_teach_nothing(session, decided, now):
    """The labels in force are what is learnt; without any, nothing is."""
    request = decided()
    undo(session, request, version=2, engineer="mara", now=now + timedelta(minutes=1))
    assert set(collected(session)) == {"seed-1"}


def test_what_was_written_after_the_decision_is_not_part_of_its_text(session, decided, now):
    """The engineer had not read it; what a machine wrote says nothing at any time."""
    request = decided()
    for source, body, note, later in (("late", "It works again.", "", 60), ("auto", "Out of office", "automatic", -5)):
        session.add(
            tables.requests.Interaction(
                request_id=request,
                source=source,
                channel=Channel.EMAIL,
                subject="",
                text=body,
                new_text=body,
                note=note,
                facts=[],
                received_at=now + timedelta(minutes=later),
            )
        )
    session.flush()
    (only,) = [one for one in collected(session).values() if one.weight == 3.0]
    assert only.body == OUTAGE


def test_a_decision_under_another_policy_is_not_a_label_of_this_one(session, decided):
    """The account turned out to be served under another policy: its levels are others."""
    request = tables.requests.fetch(session, decided())
    request.policy = "oro"
    session.flush()
    assert learning.decided_requests(session) == []


def enrolled(session, now, taught, artefact="sb-1"):
    """An artefact in force that was taught these."""
    row = tables.artefacts.Artefact(
        id=artefact,
        digest=artefact,
        signature="",
        content=b"",
        sklearn_version="",
        fingerprint="",
        metrics={},
        state=ArtefactState.RUNNING,
        created_at=now,
        taught=list(taught),
    )
    session.add(row)
    session.flush()


def test_a_forgotten_request_leaves_the_lessons_and_the_fingerprint(session, decided, now):
    """After that the data have another fingerprint, in which it is not; the artefact taught it is known."""
    request = decided()
    before = learning.collect(session, POLICIES)
    enrolled(session, now, before.taught)
    assert learning.gone(session) == {}
    tables.lessons.forget(session, request, "mara", "asked to be erased", now)
    after = learning.collect(session, POLICIES)
    assert OUTAGE not in {one.body for one in after.examples}
    assert request not in after.taught
    assert after.basis != before.basis
    assert training.fingerprint(after.examples) == training.fingerprint([SEED])
    assert learning.gone(session) == {"sb-1": 1}


@pytest.mark.parametrize("erased", ["blanked", "deleted"])
def test_an_erased_request_is_gone_however_it_was_erased(session, decided, now, erased):
    """Its row was deleted, or its text was overwritten with nothing."""
    kept, request = decided("The production portal shows no orders to any customer of ours."), decided()
    enrolled(session, now, learning.collect(session, POLICIES).taught)
    if erased == "blanked":
        session.execute(text("update requests set subject = ' ' where id = :id"), {"id": request})
        session.execute(
            text("update interactions set subject = '', text = '', new_text = '' where request_id = :id"),
            {"id": request},
        )
    else:
        for table in ("decisions", "suggestions", "interactions", "clock_events"):
            session.execute(text(f"delete from {table} where request_id = :id"), {"id": request})  # noqa: S608 - ours
        session.execute(text("delete from requests where id = :id"), {"id": request})
    session.expire_all()
    lessons = learning.collect(session, POLICIES)
    assert [one for one in lessons.taught if one == request] == []
    assert kept in lessons.taught
    assert learning.gone(session) == {"sb-1": 1}


def test_an_import_replaces_what_has_the_same_id(session, now):
    """With another text it is another request, of which the former is gone; with another label it is the same."""
    before = ("A-1", "The report fails", "incident", "P3"), ("A-2", "How to print", "query", "P4")
    imports(session, now, *before, ("A-3", "Marta asks for a key", "query", "P4"))
    first = {row.key: row.id for row in tables.lessons.imported(session)}
    enrolled(session, now, first.values())
    session.expire_all()
    after = ("A-1", "The report fails", "incident", "P2"), ("A-2", "How to print", "query", "P4")
    imports(session, now, *after, ("A-3", "Somebody asks for a key", "query", "P4"))
    rows = {row.key: row for row in tables.lessons.imported(session)}
    assert (rows["A-1"].priority, rows["A-3"].body) == ("P2", "Somebody asks for a key")
    assert [rows[key].id == first[key] for key in ("A-1", "A-2", "A-3")] == [True, True, False]
    assert learning.gone(session) == {"sb-1": 1}


def test_a_removed_import_is_gone_from_what_was_taught(session, now):
    """History that had to be taken back is known to be in the artefact."""
    imports(session, now, ("A-1", "The report fails", "incident", "P3"), ("A-2", "How do I print it", "query", "P4"))
    enrolled(session, now, learning.collect(session, POLICIES).taught)
    assert tables.lessons.remove_imported(session, "wso2", ["A-1", "nosuch"]) == 1
    assert learning.gone(session) == {"sb-1": 1}
    assert set(collected(session)) == {"seed-1", "import:A-2"}
    session.execute(delete(tables.lessons.ImportedRequest))
    assert learning.gone(session) == {"sb-1": 2}


def test_requests_of_a_policy_that_is_not_installed_wait(session, now):
    """They are kept, and teach again when the pack is back."""
    imports(session, now, ("A-1", "Nothing works here", "incident", "P1"), name="gone")
    assert set(collected(session)) == {"seed-1"}
    assert session.scalars(select(tables.lessons.ImportedRequest)).one().policy == "gone"


def test_the_basis_is_that_of_data_and_policies(session, decided, monkeypatch):
    """Order makes no difference; a decision, a policy's text and scikit-learn do."""
    first = learning.collect(session, POLICIES)
    assert learning.basis(reversed(first.examples), POLICIES) == first.basis
    decided()
    second = learning.collect(session, POLICIES)
    assert second.basis != first.basis
    assert learning.basis(second.examples, {"wso2": PACKS["oro"]}) != second.basis
    monkeypatch.setattr(learning, "version", lambda _: "0.0.1")
    assert learning.basis(second.examples, POLICIES) != second.basis
