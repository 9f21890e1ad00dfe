"""`doctor`: what is wrong with this house, a line each, with what to do about it."""

from contextlib import contextmanager
from types import SimpleNamespace
from uuid import uuid4

import pytest
import typer
from typer.testing import CliRunner

from models import tables
from models.store import transaction
from models.terms import ArtefactState, Channel, TriageState
from switchboard.commands import upkeep
from triage.policy import load_packs


@pytest.fixture
def doctor(engine, monkeypatch, tmp_path):
    """What `switchboard doctor` says of a house on this database; `reconcile` is there so that names matter."""
    settings = SimpleNamespace(
        policy="wso2", data_dir=tmp_path, twilio_account_sid="", twilio_auth_token=None,
        twilio_auth_token_secondary=None, twilio_signing_keys=None, twilio_from="", voice_numbers="",
    )  # fmt: skip
    house = SimpleNamespace(engine=engine, settings=settings, policies=load_packs())

    @contextmanager
    def opened(_):
        yield house

    monkeypatch.setattr(upkeep, "opened", opened)
    app = typer.Typer()
    upkeep.register(app)
    return lambda: CliRunner().invoke(app, ["doctor"])


def test_a_policy_that_is_not_installed_is_told_with_what_to_do(doctor, engine, now):
    """Requests and accounts of a pack that somebody took away, each counted; installed ones are not mentioned."""
    with transaction(engine) as session:
        for policy in ("gone", "gone", "oro"):
            session.add(
                tables.requests.Request(
                    channel=Channel.PHONE, subject="x", policy=policy, state=TriageState.TO_CONFIRM, received_at=now
                )
            )
        for name, policy in (("Halcyon", "lost"), ("Tarn", None), ("Brook", "wso2")):
            session.add(tables.directory.Account(name=name, policy=policy))
    answer = doctor()
    bad = [line for line in answer.output.splitlines() if line.startswith("BAD  policy")]
    assert answer.exit_code == 1
    assert [line.split(":")[0] for line in bad] == [
        "BAD  policy gone of 2 requests is not installed",
        "BAD  policy lost of 1 accounts is not installed",
    ]
    assert all("put the pack of that id back" in line for line in bad)


def test_a_refused_classifier_is_told_with_what_to_do(doctor, engine, now):
    """Workers refuse it, it was taught what is gone, the last training failed, words have drifted: a line each."""
    with transaction(engine) as session:
        artefact = tables.artefacts.Artefact(
            id="sb-1",
            digest="",
            signature="",
            content=b"",
            sklearn_version="",
            fingerprint="",
            metrics={},
            state=ArtefactState.RUNNING,
            created_at=now,
            taught=[uuid4(), uuid4()],
            refusal="the signature is not ours",
        )
        session.add(artefact)
        session.add(
            tables.lessons.Retraining(started_at=now, ended_at=now, made_by="beat", failed=True, outcome="MemoryError")
        )
        drifted = {"name": "languages", "drifted": True}
        tables.lessons.report_drift(session, {"measures": [drifted]}, now)
    said = doctor().output
    assert "BAD  workers refuse it (the signature is not ours): switchboard classifier rollback" in said
    assert "BAD  it was taught 2 requests that are gone: switchboard classifier retrain" in said
    assert "BAD  the last training failed: MemoryError" in said
    assert "ok   drift beyond its limit: languages" in said


def test_a_house_whose_policies_are_all_there_hears_nothing_of_them(doctor):
    """No line where nothing is wrong."""
    assert "BAD  policy" not in doctor().output
