"""A small corpus of our own, so that tests of training take a second, and a house that learns from it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from models import tables
from models.store import transaction
from models.terms import Channel, Interaction, LabelledRequest
from triage import training
from triage.desk import retraining
from triage.desk.decision import decide
from triage.desk.reception import Reception, receive
from triage.policy import load_packs
from triage.suggest import suggest

SECRET = "only-for-this-test-only-for-this-test"
PACKS = load_packs()

SAMPLES = (
    (
        "incident",
        "P1",
        "Production is down",
        "The production gateway does not answer and nobody can log in. No workaround.",
    ),
    ("incident", "P1", "Total outage", "All requests fail on our live cluster since eight and customers call us."),
    ("incident", "P2", "Very slow", "The production gateway is very slow for many users but answers."),
    ("incident", "P2", "Reduced capacity", "Two of four live nodes fail so we run in reduced capacity."),
    ("incident", "P3", "Export button", "In production the export of one report fails and other reports work."),
    ("incident", "P3", "Odd sorting", "The list in production sorts some names wrongly and users can go on."),
    ("query", "P4", "How to rotate keys", "How can we rotate the signing keys?"),
    ("query", "P4", "Question on limits", "What is the recommended limit for throttling?"),
    ("bug", "P4", "Mediator defect", "While we develop the mediator drops a header on our dev server."),
    ("bug", "P4", "Build fails", "In our development environment the build of the connector fails."),
)


@pytest.fixture(scope="session")
def examples() -> list[LabelledRequest]:
    """Thirty labelled requests of one policy: ten texts and two variants of each."""
    return [
        LabelledRequest(
            id=f"sample-{number}-{copy}",
            policy="wso2",
            channel=Channel.EMAIL,
            subject=subject,
            body=f"{greeting} {body}",
            type=kind,
            priority=level,
        )
        for number, (kind, level, subject, body) in enumerate(SAMPLES)
        for copy, greeting in enumerate(("Hello,", "Dear support,", "Hi team,"))
    ]


@pytest.fixture(scope="session")
def trained(examples):
    """An artefact of the small corpus."""
    return training.train(examples, {"wso2": PACKS["wso2"]})


class House:
    """A database with an artefact of the small corpus in force, and a clock that is set by hand."""

    def __init__(self, engine, now):
        """Nothing is trained yet."""
        self.engine, self.now = engine, now
        self.desk = Reception(policies=PACKS, default_policy="wso2", suggest=self.suggest)

    def suggest(self, *, policy, **said):
        """Suggest without a classifier."""
        return suggest(PACKS[policy], None, **said)

    def retrain(self, **more):
        """Train anew."""
        given = {"secret": SECRET, "made_by": "mara", "clock": lambda: self.now, **more}
        return retraining.retrain(self.engine, {"wso2": PACKS["wso2"]}, **given)

    def decide(self, text, *, kind="incident", level="P1", by="mara"):
        """Write a request and decide it; gives its id."""
        said = Interaction(
            source=f"mail:{uuid4()}", channel=Channel.EMAIL, received_at=self.now, subject="Help", new_text=text
        )
        with transaction(self.engine) as session:
            request = receive(session, said, self.now, reception=self.desk).request
            decide(
                session,
                request,
                version=1,
                type=kind,
                priority=level,
                reason="",
                engineer=by,
                policy=PACKS["wso2"],
                now=self.now,
            )
        return request

    def read(self, get):
        """What a function reads in a session."""
        with transaction(self.engine) as session:
            return get(session)

    def running(self):
        """The id of the artefact in force."""
        return self.read(tables.artefacts.running_id)

    def log(self):
        """The trainings there were: who, failed, outcome; oldest first."""
        row = tables.lessons.Retraining
        rows = self.read(lambda session: list(session.scalars(select(row).order_by(row.id))))
        return [(one.made_by, one.failed, one.outcome) for one in rows]


@pytest.fixture
def untaught(engine, now, examples, monkeypatch):
    """A house whose seed corpus is the small one, and which has learnt nothing yet."""
    monkeypatch.setattr(training, "seed_corpus", lambda: list(examples))
    return House(engine, now)


@pytest.fixture
def house(untaught):
    """The same a day after it has learnt that."""
    untaught.retrain()
    untaught.now += timedelta(days=1)
    return untaught
