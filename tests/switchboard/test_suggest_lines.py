"""`switchboard suggest --jsonl`: requests as lines of JSON, read and checked before anything is trained."""

import json
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from models.errors import Invalid
from switchboard.commands import mail
from triage import classifier, training

GERMAN = "Unser Portal ist seit heute Morgen nicht erreichbar und niemand kann sich anmelden."


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Suggests for a file of these bytes; `seen` is what was to be suggested for, `trained` how often was trained."""
    found = SimpleNamespace(seen=[], trained=0)

    def train(*_):
        found.trained += 1
        return SimpleNamespace(content=b"", digest="")

    monkeypatch.setattr(training, "train", train)
    monkeypatch.setattr(classifier, "load", lambda *_: None)
    monkeypatch.setattr(mail, "make_suggestion", lambda *_, **said: found.seen.append(said))
    monkeypatch.setattr(mail, "as_json", lambda _, name: {"id": name})
    app = typer.Typer()
    mail.register(app)

    def suggest(content: str):
        file = tmp_path / "in.jsonl"
        file.write_text(content, encoding="utf-8")
        found.result = CliRunner().invoke(app, ["suggest", "--jsonl", "--policy", "wso2", str(file)])
        return found

    return suggest


def test_a_line_ends_at_a_newline_only(run):
    """U+2028 and U+0085 inside a string are legal JSON; CRLF and empty lines do no harm."""
    body = "one\u2028two\u0085three"
    found = run(json.dumps({"id": "a", "body": body}, ensure_ascii=False) + '\r\n\n{"id": "b"}\n')
    assert found.result.exit_code == 0, found.result.exception
    assert [one["body"] for one in found.seen] == [body, ""]
    assert [json.loads(line)["id"] for line in found.result.stdout.splitlines()] == ["a", "b"]
    assert found.result.stderr == "Training a classifier from the seed corpus …\n"


def test_a_language_that_is_not_said_is_found(run):
    """As a mail's is; one that is said is kept."""
    found = run(f'{{"body": "{GERMAN}"}}\n{{"body": "{GERMAN}", "language": "fr"}}\n{{"body": "ok", "language": null}}')
    assert [one["language"] for one in found.seen] == ["de", "fr", None]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"language": 5}', 'language is 5, not a string as "en"'),
        ('{"channel": "fax"}', "'fax' is not a valid Channel"),
        ("[]", "not a request as JSON"),
        ("{", "not a request as JSON"),
    ],
)
def test_a_wrong_line_is_named_before_training(run, line, told):
    """However many right ones come before it."""
    found = run(f'{{"body": "fine"}}\n{line}\n')
    assert isinstance(found.result.exception, Invalid)
    assert "in.jsonl:2: not a request as JSON" in found.result.exception.public
    assert told in found.result.exception.public
    assert (found.trained, found.seen) == (0, [])
