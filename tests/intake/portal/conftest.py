"""A portal over a real database with the built-in policies, and a customer with a browser."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from intake.portal import links, routes
from intake.portal.building import Portal
from intake.portal.uploads import Limits
from models import tables
from models.store import transaction
from models.terms import Asked, Channel, ClientView, Interaction, MailState, Party, PartyKind
from triage import policy
from triage.desk.client import client_step, client_view
from triage.desk.reception import Reception, receive

POLICIES = policy.load_packs()
RECEIVE = partial(receive, reception=Reception(policies=POLICIES, default_policy="wso2"))
SIGNER = URLSafeTimedSerializer("a secret of at least thirty-two characters", salt="portal")
ANSWERS = {
    "summary": "Orders fail",
    "project": "Nordhandel production",
    "type": "incident",
    "level": "P2",
    "environment": "staging",
    "version": "API Manager 4.2.0",
    "phone": "+49 30 5550 100",
}


class Visitor:
    """A customer's browser, and what the house knows afterwards."""

    def __init__(self, engine: Engine, now: datetime, **more: Any) -> None:
        self.engine = engine
        self.now = now
        self.woken = 0
        self.signer = SIGNER
        self.app = FastAPI()
        self.parts = Portal(
            engine=engine,
            receive=RECEIVE,
            serializer=SIGNER,
            clock=lambda: self.now,
            wake=self._wake,
            policies=POLICIES,
            default_policy="wso2",
            region="DE",
            limits=Limits(files=3, file_bytes=200_000, all_bytes=300_000),
            **more,
        )
        self.app.include_router(routes.router(self.parts))
        self.browser = TestClient(self.app)

    def _wake(self) -> None:
        self.woken += 1

    def mailed(
        self,
        text: str = "Orders fail since 06:42.",
        *,
        subject: str = "Orders fail",
        language: str | None = None,
        parsed: dict[str, Any] | None = None,
        head: bytes = b"",
    ) -> UUID:
        """A request that came by mail."""
        row = tables.mail.Mail(
            digest=uuid4().hex,
            mail_from="marta@nordhandel.example",
            rcpt_to=["support@example.com"],
            peer="192.0.2.1",
            helo="mail.example",
            size=1,
            raw=head + b"\r\n\r\n",
            received_at=self.now,
            state=MailState.PROCESSED,
            parsed=parsed or {},
        )
        with transaction(self.engine) as session:
            session.add(row)
            session.flush()
            interaction = Interaction(
                source=f"mail:{row.id}",
                channel=Channel.EMAIL,
                received_at=self.now,
                subject=subject,
                text=text,
                new_text=text,
                language=language,
                party=Party(kind=PartyKind.ADDRESS, value="marta@nordhandel.example", shown="marta@nordhandel.example"),
                name="Marta Sample",
            )
            row.request_id = RECEIVE(session, interaction, self.now).request
            return row.request_id

    def suggested(self, request: UUID, *, source: str = "text", **facts: str) -> None:
        """A suggestion that was made from these facts."""
        told = {name: {"value": value, "source": source, "evidence": "", "span": None} for name, value in facts.items()}
        row = tables.requests.Suggestion(
            request_id=request,
            cause="test",
            policy="wso2@1",
            policy_digest="d",
            priority="P1",
            content={"facts": told, "priority": {"value": "P1", "label": "Critical P1"}},
            created_at=self.now,
        )
        with transaction(self.engine) as session:
            session.add(row)

    def wrote_again(self, request: UUID, text: str) -> None:
        """The customer writes another mail about a request."""
        said = Interaction(
            source=f"mail:{uuid4()}",
            channel=Channel.EMAIL,
            received_at=self.now,
            text=text,
            new_text=text,
            request=request,
        )
        with transaction(self.engine) as session:
            RECEIVE(session, said, self.now)

    def called(self, request: UUID, at: datetime) -> None:
        """The customer calls about a request, and its clock starts."""
        said = Interaction(
            source=f"call:{uuid4()}",
            channel=Channel.PHONE,
            received_at=at,
            new_text="what a machine heard",
            request=request,
            clock_started_at=at,
        )
        with transaction(self.engine) as session:
            RECEIVE(session, said, at)

    def claim_address(self, request: UUID) -> str:
        """Where the reply's link leads."""
        return f"/portal/claim/{links.claim_token(SIGNER, request)}"

    def get_claim(self, request: UUID, **options: Any) -> Any:
        """Open the reply's link."""
        return self.browser.get(self.claim_address(request), **options)

    def post_claim(self, request: UUID, *, files: Any = None, **fields: str) -> Any:
        """Send the form behind the reply's link."""
        given = ANSWERS | {"description": "Orders fail since 06:42."} | fields
        return self.browser.post(self.claim_address(request), data=given, files=files)

    def post_new(self, *, files: Any = None, **fields: str) -> Any:
        """Send the form of a new request."""
        own = {"key": "0" * 32, "name": "Marta Sample", "email": "marta@nordhandel.example"}
        given = (
            ANSWERS | own | {"description": "Since 06:42 UTC", "level": "3" if "policy" in fields else "P2"} | fields
        )
        return self.browser.post("/portal/new", data=given, files=files)

    def page_address(self, request: UUID) -> str:
        """Where the page of a request is, by its reporter's own link."""
        return f"/portal/requests/{links.status_token(SIGNER, request)}"

    def get_page(self, request: UUID) -> Any:
        """Open the page of a request."""
        return self.browser.get(self.page_address(request))

    def write(self, request: UUID, text: str, *, key: str = "a" * 32, files: Any = None) -> Any:
        """Send the message form of a request's page."""
        address = f"{self.page_address(request)}/comment"
        return self.browser.post(address, data={"comment": text, "key": key}, files=files)

    def take(self, request: UUID, step: str, *, seen: str, **answers: str) -> Any:
        """Send the form of a step, from a page that showed the status `seen`."""
        given = {"step": step, "from": seen} | {f"ask.{name}": value for name, value in answers.items()}
        return self.browser.post(f"{self.page_address(request)}/step", data=given)

    def stands(self, request: UUID, status: str, **values: Any) -> None:
        """Put a request where it stands."""
        with transaction(self.engine) as session:
            row = session.get_one(tables.requests.Request, request)
            row.status, row.status_since = status, self.now
            for name, value in values.items():
                setattr(row, name, value)

    def logged(self, request: UUID, event: str, **more: Any) -> None:
        """An entry in the log of a request."""
        with transaction(self.engine) as session:
            tables.requests.record_clock(session, request, event, f"test:{uuid4()}", self.now, made_by="ida", **more)

    def log(self, request: UUID) -> list[tables.requests.ClockEvent]:
        """The log of a request."""
        with transaction(self.engine) as session:
            return tables.requests.clock_events(session, request)

    def row(self, request: UUID) -> tables.requests.Request:
        """A request as it is now."""
        with transaction(self.engine) as session:
            return session.get_one(tables.requests.Request, request)

    def requests(self) -> list[tables.requests.Request]:
        """Every request there is."""
        with transaction(self.engine) as session:
            return list(session.scalars(select(tables.requests.Request).order_by(tables.requests.Request.number)))

    def said(self, request: UUID) -> list[tables.requests.Interaction]:
        """Everything said on a request."""
        with transaction(self.engine) as session:
            return tables.requests.interactions(session, request)

    def uploads(self, request: UUID) -> list[tuple[str, str, bytes]]:
        """Name, kind and bytes of the files added to a request."""
        with transaction(self.engine) as session:
            return [(row.name, row.content_type, row.content) for row in tables.requests.uploads(session, request)]

    def funnel(self, request: UUID) -> tables.redirections.Redirection | None:
        """What is noted of a redirected request."""
        with transaction(self.engine) as session:
            return session.get(tables.redirections.Redirection, request)


@pytest.fixture
def visitor(engine: Engine, now: datetime) -> Iterator[Visitor]:
    """Somebody with a browser."""
    made = Visitor(engine, now)
    with made.browser:
        yield made


@pytest.fixture
def customer(engine: Engine, now: datetime) -> Iterator[Visitor]:
    """Somebody with a browser, where the house knows workflows and what it would still like to be told."""
    questions = (Asked(name="evidence", ask="Which logs can you send?", why="They may show the cause."),)
    made = Visitor(
        engine,
        now,
        standing=_standing,
        step=_step,
        missing=lambda session, request: questions if len(tables.requests.interactions(session, request)) < 3 else (),
    )
    with made.browser:
        yield made


def _standing(session: Session, request: UUID, now: datetime) -> ClientView:
    return client_view(session, request, policies=POLICIES, now=now)


def _step(session: Session, request: UUID, step: str, given: Mapping[str, str], now: datetime) -> None:
    client_step(session, request, step, given, policies=POLICIES, now=now, party="portal")
