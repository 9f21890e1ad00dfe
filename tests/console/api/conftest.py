"""A program with a token, and requests by phone under each of the four policies."""

from datetime import timedelta

import pytest

from models import tables
from models.store import transaction
from models.terms import Channel
from triage import suggest
from triage.classifier import Ranked
from triage.desk import suggesting
from triage.policy import load_packs


class Worst:
    """A classifier that thinks every request is of the first type, and of the most severe level."""

    id = "worst"

    def __init__(self, policy):
        self.policy = policy

    def rank(self, *_asked):
        """Nine in ten for the first of each."""
        first = [[one.value for one in some] for some in (self.policy.types, self.policy.levels)]
        kind, level = ({one: 0.9 if one == some[0] else 0.1 / (len(some) - 1) for one in some} for some in first)
        return Ranked(type=kind, priority=level, words=())


@pytest.fixture(scope="module")
def packs():
    """The four packs."""
    return load_packs()


@pytest.fixture(autouse=True)
def _packs(house, packs):
    """A house that serves the four packs, and suggests by their rules from the worst that can be."""
    house.policies.update(packs)

    def suggested(*, policy, **asked):
        return suggest.suggest(house.policies[policy], Worst(house.policies[policy]), **asked)

    object.__setattr__(house.desk, "suggest", suggested)


@pytest.fixture
def program(house):
    """A program with an engineer's token."""
    with house.api() as client:
        yield client


class Raised:
    """A request as a program with one token sees it; each write names the version it saw last."""

    def __init__(self, client, reference):
        self.client, self.path = client, f"/api/v1/requests/{reference}"
        self.etag = '"1"'

    def get(self, path="", **query):
        """The request, or what hangs below it."""
        answer = self.client.get(f"{self.path}{path}", params=query)
        if "etag" in answer.headers:
            self.etag = answer.headers["etag"]
        return answer.json()

    def post(self, path, body=None, *, expect=200, **headers):
        """Do something at the version seen last."""
        answer = self.client.post(f"{self.path}/{path}", json=body, headers={"If-Match": self.etag} | headers)
        assert answer.status_code == expect, answer.text
        self.etag = answer.headers.get("etag", self.etag)
        return answer.json()

    def by(self, client):
        """The same request with another token."""
        other = Raised(client, self.path.rpartition("/")[2])
        other.etag = self.etag
        return other

    def clock(self, kind, promise="guaranteed"):
        """One of its clocks."""
        return next(one for one in self.get()["clocks"] if (one["kind"], one["promise"]) == (kind, promise))


@pytest.fixture
def raised(house, program):
    """Makes a request by phone under a policy, ten minutes ago, suggested for and, if asked, decided."""

    def make(policy, decided=None, **values):
        reference = house.request(policy=policy, channel=Channel.PHONE, **values)
        with transaction(house.engine) as session:
            row = tables.requests.by_number(session, int(reference[3:]))
            tables.requests.record_clock(session, row.id, "started", "call:CA1", row.received_at, value="phone")
            suggesting.suggest_again(
                session, row.id, "test", house.now, policies=house.policies, suggest=house.desk.suggest
            )
        made = Raised(program, reference)
        if decided:
            made.post("decision", {"type": decided[0], "priority": decided[1], "seen": True})
            house.now += timedelta(minutes=1)
        return made

    return make
