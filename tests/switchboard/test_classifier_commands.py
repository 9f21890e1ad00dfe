"""`switchboard classifier`: the registry as a person reads it, and what may be put in force."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import typer
from typer.testing import CliRunner

from models import tables
from models.errors import Conflict, Invalid, NotFound
from models.store import transaction
from models.terms import Channel, LabelledRequest
from switchboard import logs
from switchboard.commands import classifier, lessons
from switchboard.lines import Sites, Switchboard
from switchboard.settings import Settings
from triage import training
from triage.desk import learning

SECRET = "only-for-this-test-only-for-this-test"
TEXTS = (
    ("incident", "P1", "Production is down and nobody can log in, no workaround."),
    ("incident", "P1", "Total outage of the live cluster, all customers are affected."),
    ("incident", "P2", "The production gateway is very slow for many users."),
    ("incident", "P2", "Two of four live nodes fail, we run with reduced capacity."),
    ("query", "P4", "How do we rotate the signing keys of the gateway?"),
    ("query", "P4", "What is the recommended limit for throttling an interface?"),
)


def seed() -> list[LabelledRequest]:
    """A seed corpus of eighteen texts."""
    return [
        LabelledRequest(
            id=f"{place}-{copy}",
            policy="wso2",
            channel=Channel.EMAIL,
            subject=f"Sample {copy}",
            body=f"{greeting} {body}",
            type=kind,
            priority=level,
        )
        for place, (kind, level, body) in enumerate(TEXTS)
        for copy, greeting in enumerate(("Hello,", "Dear all,", "Good morning,"))
    ]


@pytest.fixture
def house(database_url, tmp_path, monkeypatch):
    """A house whose seed corpus is small."""
    monkeypatch.setattr(training, "seed_corpus", seed)
    settings = Settings(_env_file=None, data_dir=tmp_path)
    made = Switchboard(settings, Sites(database_url=database_url, redis_url="redis://127.0.0.1:1/0", secret=SECRET))
    yield made
    made.engine.dispose()


@pytest.fixture
def run(house, monkeypatch):
    """What the commands answer; errors that the command line tells in a line are raised."""

    @contextmanager
    def opened(_):
        logs.configure("warning", "console")
        yield house

    monkeypatch.setattr(classifier, "opened", opened)
    monkeypatch.setattr(lessons, "opened", opened)
    app = typer.Typer()
    classifier.register(app)
    app.command("other")(lambda: None)

    def invoke(*words):
        return CliRunner().invoke(app, ["classifier", *map(str, words)])

    return invoke


def answered(result) -> str:
    """What a command printed; it went well."""
    assert result.exit_code == 0, result.output or result.exception
    return result.stdout


def table(path, *rows, heads="id,subject,body,type,priority"):
    """A CSV file."""
    path.write_text("\n".join([heads, *rows]) + "\n", encoding="utf-8")
    return path


def trained(run) -> str:
    """Train; gives the id."""
    return json.loads(answered(run("retrain")))["id"]


NEW = "A-1,Portal,Nothing can be ordered in the live portal by anybody,incident,P1"


def test_the_registry_is_a_table_with_sources_and_figures(run, tmp_path):
    """One line for each artefact, newest first; before there is one, what to do."""
    assert "classifier retrain" in answered(run("list"))
    first = trained(run)
    run("import", table(tmp_path / "a.csv", NEW), "--policy", "wso2")
    second = trained(run)
    heads, *lines = answered(run("list")).splitlines()
    assert heads.split()[:7] == ["ID", "STATE", "MADE", "BY", "DECISIONS", "SEED", "IMPORTS"]
    assert [line.split()[0] for line in lines] == [second, first]
    assert [line.split()[1] for line in lines] == ["candidate", "running"]
    assert lines[0].split()[5:8] == ["0", "18", "1"]


def test_the_registry_is_json_for_programs(run):
    """Everything that is known of an artefact, its signature and fingerprint too."""
    name = trained(run)
    (row,) = json.loads(answered(run("list", "--json")))
    assert row["id"] == name
    assert row["counts"] == {"decisions": 0, "seed": 18, "imports": 0, "repeated": 0}
    for what in ("digest", "signature", "fingerprint", "sklearn_version", "metrics", "made_by", "created_at"):
        assert row[what], what
    assert (row["state"], row["holds_gone"], row["notes"]) == ("running", 0, [])


def test_an_artefact_is_shown_beside_the_one_in_force(run, tmp_path):
    """On what they are compared, and in what it is worse."""
    trained(run)
    run("import", table(tmp_path / "a.csv", NEW), "--policy", "wso2")
    shown = json.loads(answered(run("show", trained(run))))
    assert shown["comparison"]["on"].startswith("cross-validated")
    assert isinstance(shown["comparison"]["worse"], list)
    assert isinstance(run("show", "sb-nosuch").exception, NotFound)


def test_training_again_with_nothing_new_says_so(run):
    """And makes nothing; the old words do the same."""
    trained(run)
    said = json.loads(answered(run("train", "--from-decisions")))
    assert said["id"] is None
    assert "nothing to do" in said["outcome"]
    assert isinstance(run("train").exception, Invalid)


def test_promoting_says_what_was_compared_and_rolling_back_takes_it_back(run, tmp_path):
    """Both figures, and where they are from."""
    first = trained(run)
    run("import", table(tmp_path / "a.csv", NEW), "--policy", "wso2")
    second = trained(run)
    said = answered(run("promote", second, "--force"))
    assert f"{second} is in force" in said
    assert "cross-validated" in said
    assert answered(run("promote", second)) == f"{second} is already in force\n"
    assert answered(run("rollback")) == f"{first} is in force again, instead of {second}\n"
    assert isinstance(run("rollback").exception, NotFound)


def test_a_worse_candidate_is_refused_and_forced(run, house, tmp_path):
    """By the line that says why."""
    trained(run)
    run("import", table(tmp_path / "a.csv", NEW), "--policy", "wso2")
    second = trained(run)
    with transaction(house.engine) as session:
        row = session.get_one(tables.artefacts.Artefact, second)
        row.metrics = {**row.metrics, "accuracy": 0.1}
    refused = run("promote", second).exception
    assert isinstance(refused, Conflict)
    assert "accuracy 0.100 is below" in refused.public
    assert run("promote", second, "--force").exit_code == 0


def test_an_import_teaches_the_next_artefact_and_a_removal_unteaches_it(run, house, tmp_path):
    """`list` says that the artefact holds what is gone, and the next retrain replaces it."""
    first = trained(run)
    file = table(tmp_path / "a.csv", NEW, "A-2,Keys,How are tokens renewed in the portal,query,P4")
    assert "2 requests of wso2 imported" in answered(run("import", file, "--policy", "wso2"))
    assert "2 requests" in answered(run("import", file, "--policy", "wso2"))
    second = json.loads(answered(run("retrain")))
    assert second["imports"] == 2
    run("promote", second["id"], "--force")
    gone = table(tmp_path / "gone.csv", "A-1", heads="id")
    assert "1 imported requests of wso2 removed" in answered(run("import", gone, "--policy", "wso2", "--remove"))
    assert "was taught 1 requests that are gone" in answered(run("list"))
    third = json.loads(answered(run("retrain")))
    assert third["imports"] == 1
    assert first != third["id"] != second["id"]


def test_an_import_of_the_same_id_replaces_it(run, house, tmp_path):
    """From another file, that is: the newest one counts."""
    run("import", table(tmp_path / "a.csv", NEW), "--policy", "wso2")
    again = table(tmp_path / "b.csv", "A-1,Portal,Slower,incident,P3")
    assert "1 requests" in answered(run("import", again, "--policy", "wso2"))
    with transaction(house.engine) as session:
        (row,) = tables.lessons.imported(session)
    assert (row.key, row.body, row.priority) == ("A-1", "Slower", "P3")


@pytest.mark.parametrize(
    ("rows", "heads", "told"),
    [
        (["A-1,s,b,incident,P9"], None, "line 2: wso2 knows no priority 'P9', but P1, P2, P3, P4"),
        (["A-1,s,b,outage,P1"], None, "line 2: wso2 knows no type 'outage', but incident"),
        (['A-1,s,"two\nlines",incident,P1', "A-2,s,b,incident,P9"], None, "line 4: wso2 knows no priority"),
        (["A-1,s,b,,"], None, "line 2: it has neither type nor priority"),
        ([",s,b,incident,P1"], None, "line 2: it has no id"),
        (["A-1,,,incident,P1"], None, "line 2: it has neither subject nor body"),
        (["A-1,s,b,incident,P1,more"], None, "line 2: it has more or fewer columns"),
        (["A-1,s"], None, "line 2: it has more or fewer columns"),
        (["A-1,s\0,b,incident,P1"], None, "line"),
        (["A-1,s,incident,P1"], "id,subject,type,priority", "the column body is missing"),
        (["A-1,s,b"], "id,subject,body", "the column type or priority is missing"),
        (["A-1,s,b,incident,P1", " A-1 ,s,c,incident,P1"], None, "line 3: the id 'A-1' is that of line 2 too"),
        ([], None, "there is no request in it"),
    ],
)
def test_a_table_that_cannot_be_imported_is_told_by_line(run, house, tmp_path, rows, heads, told):
    """With the labels the policy knows; nothing of the file is stored."""
    good = "A-0,s,How do we rotate keys,query,P4" if heads is None and rows else None
    file = table(tmp_path / "a.csv", *rows, *filter(None, [good]), heads=heads or "id,subject,body,type,priority")
    refused = run("import", file, "--policy", "wso2").exception
    assert isinstance(refused, Invalid)
    assert told in refused.public
    with transaction(house.engine) as session:
        assert tables.lessons.imported(session) == []


def test_a_file_that_is_none_and_a_policy_that_is_not_installed_are_told(run, tmp_path):
    """In a line each."""
    assert "nosuch.csv" in run("import", tmp_path / "nosuch.csv", "--policy", "wso2").exception.public
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(b"\x1f\x8b\x08\x00half")
    assert "broken.csv.gz" in run("import", broken, "--policy", "wso2").exception.public
    file = table(tmp_path / "a.csv", NEW)
    assert "there are" in run("import", file, "--policy", "nosuch").exception.public


def test_a_table_saved_by_a_spreadsheet_is_read(run, tmp_path):
    """With a byte-order mark, and columns nobody asked for."""
    file = tmp_path / "a.csv"
    file.write_text(f"id,subject,body,type,priority,team\n{NEW},blue\n", encoding="utf-8-sig")
    assert "1 requests" in answered(run("import", file, "--policy", "wso2"))


def test_a_forgotten_request_is_said_and_an_unknown_one_too(run, house, now):
    """By the number people call it by."""
    with transaction(house.engine) as session:
        row = tables.requests.Request(
            channel=Channel.PHONE, subject="x", policy="wso2", state="to_confirm", received_at=now
        )
        session.add(row)
        session.flush()
        reference, request = row.reference, row.id
    assert "1 requests teach nothing" in answered(run("forget", reference, "--reason", "erased"))
    assert "1 requests" in answered(run("forget", reference.lower()))
    with transaction(house.engine) as session:
        assert tables.lessons.forgotten(session) == {request}
    for wrong in ("SB-1", "nonsense"):
        assert isinstance(run("forget", wrong).exception, NotFound)


def test_the_shadow_is_told_or_that_there_is_none(run, house, tmp_path):
    """A candidate nobody has decided beside yet says so."""
    trained(run)
    assert isinstance(run("shadow").exception, NotFound)
    run("import", table(tmp_path / "a.csv", NEW), "--policy", "wso2")
    name = trained(run)
    said = answered(run("shadow"))
    assert name in said
    assert "nothing to say of who is right" in said
    assert json.loads(answered(run("shadow", name, "--json")))["scored"] == 0


def test_drift_is_told_in_words_or_as_json(run):
    """Too few requests are no drift, and are said."""
    trained(run)
    said = answered(run("drift"))
    assert said.splitlines()[0].startswith("?    input_words: Too few requests to say")
    found = json.loads(answered(run("drift", "--json")))["measures"]
    assert {"input_words", "unknown_words", "languages", "agreement_7_days"} <= {one["name"] for one in found}


def test_drift_ends_with_1_if_there_is_some(run, house, monkeypatch):
    """So that a script can ask."""
    trained(run)
    measure = lessons.drifting.Measure(
        name="languages", value=0.5, limit=0.2, drifted=True, requests=60, means="More German.", advice="Look."
    )
    monkeypatch.setattr(lessons.drifting, "measure", lambda *_: [measure])
    answer = run("drift")
    assert (answer.exit_code, answer.stdout) == (1, "LOOK languages: More German. Look.\n")


def test_a_scheduled_training_that_is_not_due_does_nothing(run, house, monkeypatch):
    """Whatever asked for it."""
    trained(run)
    monkeypatch.setattr("switchboard.learning.stand_back", lambda: None)
    assert answered(run("retrain", "--scheduled")).strip() == "not due"
    later = datetime.now(UTC) - timedelta(days=8)
    with transaction(house.engine) as session:
        tables.artefacts.running(session).created_at = later
        tables.lessons.last_retraining(session).started_at = later
    assert "nothing to do" in answered(run("retrain", "--scheduled"))


def test_what_a_first_start_trains_knows_its_sources(house):
    """As any other artefact: counts, words, and who made it."""
    from switchboard.seed import ensure_artefact  # noqa: PLC0415 - as the first start does

    ensure_artefact(house, lambda _: None)
    ensure_artefact(house, lambda _: None)
    with transaction(house.engine) as session:
        (row,) = tables.artefacts.every(session)
        assert (row.made_by, row.counts["seed"]) == ("first start", 18)
        assert row.basis == learning.collect(session, house.policies).basis
        assert row.profile["examples"] == 18
