"""A console over a real database, with a policy of its own and requests made straight through the tables."""

import runpy
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from console import api, assets, pages
from console.deps import Desk
from console.sign_in import new_token, token_digest
from models import tables
from models.store import transaction
from models.terms import Channel, Interaction, Receipt, Role, Suggestion, TriageState
from triage.policy import Policy, load_packs, parse
from triage.suggest import suggest

ORIGIN = "http://testserver"
PASSWORD = "correct horse battery"
POLICY = b"""
id: acme
version: 3
name: Acme support
source: invented for tests
types:
  - {value: incident, label: Incident, definition: Something broke., clause: Acme 2.1}
  - {value: question, label: Question, definition: Somebody asks., clause: Acme 2.2}
levels:
  - {value: P1, label: P1 Critical, definition: Production is down., clause: Acme 3.1}
  - {value: P2, label: P2 High, definition: A workaround exists., clause: Acme 3.2}
  - {value: P3, label: P3 Normal, definition: Inconvenient., clause: Acme 3.3}
sla_channels: [portal, phone]
threshold: 0.5
rules:
  - id: workaround-available
    clause: "Acme 3.2: with a workaround an incident is P2 at most"
    when: {workaround: "yes"}
    then: {cap: P2}
"""


RULES = [
    {
        "id": "workaround-available",
        "clause": "Acme 3.2: with a workaround an incident is P2 at most",
        "verdict": "applied",
        "effect": "P1→P2",
        "needs": None,
    },
    {
        "id": "night",
        "clause": "Acme 3.4: at night",
        "verdict": "unknown",
        "effect": None,
        "needs": "reproducible = yes",
    },
    {"id": "lab", "clause": "Acme 3.5: laboratories", "verdict": "not met", "effect": None, "needs": None},
]


def suggested(
    priority: str = "P2", share: float = 0.8, *, kind: str = "incident", abstained: bool = False
) -> dict[str, Any]:
    """A `suggest` object as the desk stores it."""
    labels = {"P1": "P1 Critical", "P2": "P2 High", "P3": "P3 Normal"}
    rest = round((1 - share) / 2, 3)
    return {
        "id": "x",
        "policy": "acme@3",
        "abstained": abstained,
        "abstained_because": "priority below 0.5" if abstained else None,
        "type": {
            "value": kind,
            "label": kind.capitalize(),
            "probability": 0.91,
            "all": {"incident": 0.91, "question": 0.09},
        },
        "priority": {
            "value": priority,
            "label": labels[priority],
            "probability": share,
            "all": {level: share if level == priority else rest for level in labels},
            "set90": ["P1", "P2"],
            "model": "P1",
            "rule": "workaround-available",
        },
        "facts": {
            "environment": {
                "value": "production",
                "source": "text",
                "evidence": "our production gateway",
                "span": [0, 22],
            },
            "workaround": {"value": "yes", "source": "caller", "evidence": None, "span": None},
        },
        "rules": deepcopy(RULES),
        "words": [{"text": "503", "weight": 1.3}, {"text": "thanks", "weight": -0.4}],
        "would_change": [{"fact": "workaround", "value": "no", "priority": "P1"}],
        "model": "artefact-7",
        "language": "en",
    }


class House:
    """A console with its database: makes rows, signs people in."""

    def __init__(self, engine: Engine, now: datetime) -> None:
        self.engine = engine
        self.now = now
        self.woken = 0
        self.policies: dict[str, Policy] = {"acme": parse(POLICY, "acme.yaml")[0]}
        self.desk = Desk(
            engine=engine,
            policies=self.policies,
            receive=self.receive,
            suggest=self.suggest,
            wake=self.wake,
            clock=lambda: self.now,
            session_hours=12,
            public_url=ORIGIN,
        )
        self.app = FastAPI()
        assets.mount(self.app)
        self.app.include_router(pages.router(self.desk))
        self.app.include_router(api.router(self.desk))

    def wake(self) -> None:
        """Count the wake-ups."""
        self.woken += 1

    def suggest(self, **asked: Any) -> Suggestion:
        """Abstain, whatever is asked."""
        return Suggestion(
            policy="acme@3",
            policy_digest="d",
            abstained=True,
            abstained_because="no classifier",
            type=None,
            priority=None,
            priority_model=None,
            priority_rule=None,
            set90=(),
            facts=asked["facts"],
            rules=(),
            words=(),
            would_change=(),
            model=None,
            language=asked["language"],
        )

    def receive(self, session: Session, said: Interaction, now: datetime) -> Receipt:
        """A desk that opens a request for each new source."""
        known = tables.requests.interaction_by_source(session, said.source)
        if known is None:
            request = _request(said.subject, said.channel, now, state=TriageState.TO_CONFIRM)
            session.add(request)
            session.flush()
            session.add(_interaction(request.id, said.source, said.channel, said.subject, said.text, said.text, now))
            session.flush()
        else:
            request = session.get_one(tables.requests.Request, known.request_id)
        return Receipt(
            request=request.id,
            reference=request.reference,
            opened=known is None,
            policy="acme",
            policy_name="Acme support",
            sla_channels=("portal",),
            support_phone="",
        )

    def engineer(self, login: str = "ida", role: Role = Role.ENGINEER, *, disabled: bool = False) -> None:
        """Let somebody sign in, with `PASSWORD`."""
        row = tables.directory.Engineer(
            login=login,
            name=login.capitalize(),
            password_hash=_hashed(),
            role=role,
            disabled_at=self.now if disabled else None,
        )
        with transaction(self.engine) as session:
            session.add(row)

    def token(self, role: Role = Role.ENGINEER, name: str = "reports") -> str:
        """A bearer token."""
        token = new_token()
        with transaction(self.engine) as session:
            session.add(tables.directory.ApiToken(name=f"{name}-{role.value}", digest=token_digest(token), role=role))
        return token

    def request(
        self,
        subject: str = "Gateway answers 503",
        *,
        channel: Channel = Channel.EMAIL,
        content: dict[str, Any] | None = None,
        minutes_ago: int = 10,
        **values: Any,
    ) -> str:
        """A request with one interaction and, if given, a suggestion; its reference."""
        at = self.now - timedelta(minutes=minutes_ago)
        with transaction(self.engine) as session:
            row = _request(subject, channel, at, **values)
            session.add(row)
            session.flush()
            text = "Hello,\nour production gateway answers 503.\n\nthanks\n\n-- \nMarta\n\n> an older message"
            new = "Hello,\nour production gateway answers 503.\n\nthanks"
            session.add(_interaction(row.id, f"test:{row.id}", channel, subject, text, new, at))
            if content is not None:
                session.add(_suggestion(row.id, content, at))
            return row.reference

    def suggest_later(self, reference: str, content: dict[str, Any]) -> None:
        """Add a suggestion to a request that has none."""
        with transaction(self.engine) as session:
            row = tables.requests.by_number(session, int(reference[3:]))
            assert row is not None
            session.add(_suggestion(row.id, content, self.now))

    def client(self, **options: Any) -> TestClient:
        """A browser that is not signed in and keeps its cookies."""
        return TestClient(self.app, base_url=ORIGIN, headers={"origin": ORIGIN}, follow_redirects=False, **options)

    def signed_in(self, login: str = "ida") -> TestClient:
        """A browser with a session for this engineer."""
        client = self.client()
        answer = client.post("/sign-in", data={"login": login, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return client

    def api(self, role: Role = Role.ENGINEER) -> TestClient:
        """A program with a token of this role."""
        return TestClient(self.app, base_url=ORIGIN, headers={"Authorization": f"Bearer {self.token(role)}"})


@pytest.fixture
def house(engine: Engine, now: datetime) -> House:
    """A console over an empty database, with the engineer Ida."""
    made = House(engine, now)
    made.engineer()
    return made


@pytest.fixture
def ida(house: House) -> Iterator[TestClient]:
    """Ida's browser, signed in."""
    with house.signed_in() as client:
        yield client


@pytest.fixture
def stands() -> SimpleNamespace:
    """Makes requests under the four policies, and reads back what became of them."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "stands.py")))


@pytest.fixture
def lines() -> SimpleNamespace:
    """Makes calls with everybody who was rung for them, what is owed, and a rota."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "lines.py")))


@pytest.fixture
def artefacts() -> SimpleNamespace:
    """Fills the registry of classifiers, and decides on what they suggested."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "artefacts.py")))


@pytest.fixture
def desk(house, stands):
    """A console with the four policies and a classifier that is easily alarmed, and a lead called Lea."""
    packs = load_packs()
    house.policies.update(packs)

    def by_rules(*, policy, **asked):
        return suggest(packs[policy], stands.Alarmist(), **asked)

    object.__setattr__(house.desk, "suggest", by_rules)
    house.engineer("lea", Role.LEAD)
    house.engineer("vera", Role.VIEWER)
    return house


@pytest.fixture
def lea(desk):
    """The browser of a lead, signed in."""
    with desk.signed_in("lea") as client:
        yield client


@pytest.fixture(name="suggested")
def suggested_fixture() -> Callable[..., dict[str, Any]]:
    """Makes `suggest` objects as the desk stores them."""
    return suggested


_HASHED: list[str] = []


def _hashed() -> str:
    """As weak as can be: a real hash takes a fifth of a second each time somebody signs in."""
    if not _HASHED:
        _HASHED.append(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD))
    return _HASHED[0]


def _request(subject: str, channel: Channel, at: datetime, **values: Any) -> tables.requests.Request:
    given = {
        "policy": "acme",
        "state": TriageState.TO_CONFIRM,
        "party": "marta@example.org",
        "party_name": "Marta Klein",
        "language": "en",
        "clock_started_at": None if channel is Channel.EMAIL else at,
        **values,
    }
    return tables.requests.Request(channel=channel, subject=subject, received_at=at, **given)


def _interaction(
    request: UUID, source: str, channel: Channel, subject: str, text: str, new_text: str, at: datetime
) -> tables.requests.Interaction:
    return tables.requests.Interaction(
        request_id=request,
        source=source,
        channel=channel,
        party="marta@example.org",
        subject=subject,
        text=text,
        new_text=new_text,
        language="en",
        facts=[],
        received_at=at,
    )


def _suggestion(request: UUID, content: dict[str, Any], at: datetime) -> tables.requests.Suggestion:
    return tables.requests.Suggestion(
        request_id=request,
        cause="test",
        policy=content["policy"],
        policy_digest="d",
        artefact=content["model"],
        type=content["type"]["value"],
        priority=content["priority"]["value"],
        priority_probability=content["priority"]["probability"],
        content=content,
        created_at=at,
    )
