"""`switchboard classifier train TABLE` and `evaluate`: what cannot be learnt or loaded is told in a line."""

import json

import pytest
import typer
from typer.testing import CliRunner

from models.errors import Invalid
from switchboard.commands import classifier

ROWS = [
    f"{place},Gateway,{text} {place},{kind}"
    for place in range(20)
    for kind, text in (("incident", "down"), ("query", "how"))
]


@pytest.fixture
def run():
    """What the commands answer; errors that the command line tells in a line are raised."""
    app = typer.Typer()
    classifier.register(app)
    app.command("other")(lambda: None)
    return lambda *words: CliRunner().invoke(app, ["classifier", *map(str, words)])


@pytest.fixture
def table(tmp_path):
    """Writes a CSV file of requests with types."""

    def write(*rows, name="table.csv"):
        path = tmp_path / name
        path.write_text("\n".join(["id,subject,body,type", *rows]) + "\n", encoding="utf-8")
        return path

    return write


def refused(result) -> str:
    """The line of a command that ends with exit code 2."""
    assert isinstance(result.exception, Invalid), result.output or result.exception
    return result.exception.public


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "there are no rows in it"),
        (["1,s,b,", "2,s,c, "], "no row has both a type and a text"),
        (["1,,,query", "2, , ,incident"], "no row has both a type and a text"),
        (["1,s,b,query", "2,s,c,query"], "every type is 'query': there is nothing to tell apart"),
    ],
)
def test_a_table_that_teaches_nothing_is_refused(run, table, tmp_path, rows, told):
    """And no artefact is written."""
    assert told in refused(run("train", table(*rows), "--label", "type", "--to", tmp_path / "made"))
    assert not list(tmp_path.glob("made/*"))


def test_a_place_that_is_a_file_is_refused_before_training(run, table, tmp_path):
    """With its name."""
    place = tmp_path / "there"
    place.write_text("x", encoding="utf-8")
    assert str(place) in refused(run("train", table(*ROWS), "--label", "type", "--to", place))


def test_ids_that_occur_twice_are_said_and_a_damaged_artefact_is_refused(run, table, tmp_path):
    """A warning with their number; of the artefact the file and the reason, whatever is wrong with it."""
    file, made = table(*ROWS), tmp_path / "made"
    answer = run("train", file, "--label", "type", "--to", made)
    assert answer.exit_code == 0, answer.exception
    assert "20 ids occur more than once" in answer.stderr
    evaluate = ("evaluate", made, file, "--label", "type")
    assert json.loads(run(*evaluate).stdout)["n"] == len(ROWS)
    assert "no row has both a type" in refused(run("evaluate", made, table("1,s,b,", name="b.csv"), "--label", "type"))
    artefact, manifest = made / "artefact.joblib", made / "manifest.json"
    artefact.write_bytes(artefact.read_bytes()[:1000])
    line = refused(run(*evaluate))
    assert str(artefact) in line
    assert "is not that of the bytes" in line
    for content in ("[]", "{}", "1", '"x"', "{"):
        manifest.write_text(content, encoding="utf-8")
        assert "holds no artefact" in refused(run(*evaluate))


def test_that_evaluate_runs_what_it_is_given_is_said_in_its_help(run):
    """Nothing in the directory is signed."""
    said = " ".join(run("evaluate", "--help").stdout.split())
    assert "It runs what is in the directory: name only one that you made yourself." in said
