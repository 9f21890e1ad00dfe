"""Settings come from the environment; every mistake is named, no secret is shown."""

import importlib.util
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from models.errors import Misconfigured
from switchboard import settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    """No settings around us."""
    for name in list(os.environ):
        if name.startswith(settings.PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_are_those_of_the_contract():
    """SMTP 8025, LMTP off, web 8000, on loopback."""
    given = settings.load()
    assert (given.smtp_port, given.lmtp_port, given.web_port, given.bind) == (8025, 0, 8000, "127.0.0.1")


def test_flags_win_over_the_environment(monkeypatch):
    """A flag that was not given changes nothing."""
    monkeypatch.setenv("SWITCHBOARD_SMTP_PORT", "2525")
    assert settings.load(smtp_port=None).smtp_port == 2525
    assert settings.load(smtp_port=2626).smtp_port == 2626


def test_lists_are_comma_separated(monkeypatch):
    """Own addresses are lower-cased and trimmed."""
    monkeypatch.setenv("SWITCHBOARD_OWN_ADDRESSES", "Support@Example.com, help@example.org")
    assert settings.load().own_addresses == ("support@example.com", "help@example.org")


def test_a_window_is_a_duration(monkeypatch):
    """ISO 8601 or seconds."""
    monkeypatch.setenv("SWITCHBOARD_REPLY_WINDOW", "PT8H")
    assert settings.load().reply_window == timedelta(hours=8)


@pytest.mark.parametrize(
    ("written", "ways"),
    [
        ("mail", ("mail",)),
        ("sms", ("sms",)),
        ("both", ("mail", "sms")),
        ("mail,sms", ("mail", "sms")),
        ("off", ()),
    ],
)
def test_receipts_go_the_ways_that_the_settings_page_names(monkeypatch, written, ways):
    """Each word that page and error list is taken."""
    monkeypatch.setenv("SWITCHBOARD_VOICE_RECEIPT", written)
    assert settings.load().voice_receipt == ways


@pytest.mark.parametrize(("written", "wrong"), [("letter", "letter"), ("mail,both", "both"), ("off,sms", "off")])
def test_other_ways_of_a_receipt_are_refused_in_the_words_of_the_settings_page(monkeypatch, written, wrong):
    """One list of words, wherever it is told."""
    monkeypatch.setenv("SWITCHBOARD_VOICE_RECEIPT", written)
    with pytest.raises(Misconfigured) as refused:
        settings.load()
    words = "mail, sms, both, or off"
    assert refused.value.public == f"SWITCHBOARD_VOICE_RECEIPT: {wrong}: write {words}"
    assert words in (settings.Settings.model_fields["voice_receipt"].description or "")


def test_the_document_tells_durations_as_they_may_be_set(monkeypatch):
    """What stands there as the default of a duration, set as it stands, is that default: ten minutes are not `P0D`."""
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    fields = settings.Settings.model_fields
    durations = {name: field.default for name, field in fields.items() if isinstance(field.default, timedelta)}
    assert {"reply_window", "callback_after"} <= durations.keys()
    for name in durations:
        told = re.search(rf"`SWITCHBOARD_{name.upper()}` \| `(P[^`]+)`", page)
        assert told is not None, name
        monkeypatch.setenv(f"SWITCHBOARD_{name.upper()}", told[1])
    given = settings.load()
    assert {name: getattr(given, name) for name in durations} == durations


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(minutes=10), "`PT10M`"),
        (timedelta(hours=12), "`PT12H`"),
        (timedelta(days=1), "`P1D`"),
        (timedelta(days=1, hours=2, minutes=30), "`P1DT2H30M`"),
        (timedelta(seconds=90), "`PT1M30S`"),
    ],
)
def test_no_part_of_a_duration_is_left_out_of_the_document(span, told):
    """Minutes and seconds are told as well as hours and days."""
    path = Path(__file__).parents[2] / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("docs_generate", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script._default(span) == told


def test_every_mistake_is_named_at_once(monkeypatch):
    """One line, each setting by its name."""
    monkeypatch.setenv("SWITCHBOARD_SMTP_PORT", "eight")
    monkeypatch.setenv("SWITCHBOARD_OWN_ADDRESSES", "nobody")
    monkeypatch.setenv("SWITCHBOARD_AUTOREPLY", "maybe")
    with pytest.raises(Misconfigured) as refused:
        settings.load()
    line = refused.value.public
    assert "\n" not in line
    for name in ("SMTP_PORT", "OWN_ADDRESSES", "AUTOREPLY"):
        assert f"SWITCHBOARD_{name}" in line


def test_a_refused_secret_is_not_shown(monkeypatch):
    """The line says what is wrong with it, not what it is."""
    monkeypatch.setenv("SWITCHBOARD_SECRET_KEY", "hunter2")
    with pytest.raises(Misconfigured) as refused:
        settings.load()
    assert "SWITCHBOARD_SECRET_KEY" in refused.value.public
    assert "hunter2" not in refused.value.public


def test_secrets_may_lie_in_files(monkeypatch, tmp_path):
    """A secrets directory holds one file per setting."""
    (tmp_path / "switchboard_secret_key").write_text("k" * 40)
    monkeypatch.setenv("SWITCHBOARD_SECRETS_DIR", str(tmp_path))
    assert settings.load().secret_key.get_secret_value() == "k" * 40


def test_secrets_are_masked_when_settings_are_printed(monkeypatch):
    """A log line of the settings shows no token."""
    monkeypatch.setenv("SWITCHBOARD_TWILIO_AUTH_TOKEN", "tok-123")
    monkeypatch.setenv("SWITCHBOARD_DATABASE_URL", "postgresql://me:pw-123@db/x")
    shown = repr(settings.load())
    assert "tok-123" not in shown
    assert "pw-123" not in shown
