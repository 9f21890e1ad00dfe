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


def refusal(monkeypatch, name: str, written: str) -> str:
    """What is said of a wrong value."""
    monkeypatch.setenv(f"SWITCHBOARD_{name.upper()}", written)
    with pytest.raises(Misconfigured) as refused:
        settings.load()
    return refused.value.public


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


DURATIONS = [name for name, each in settings.Settings.model_fields.items() if isinstance(each.default, timedelta)]


@pytest.mark.parametrize("name", DURATIONS)
def test_every_duration_may_be_written_in_seconds(monkeypatch, name):
    """As the settings page says, of the longest as of the shortest."""
    for written, seconds in (("600", 600), ("0", 0), ("PT10M", 600), ("864000", 864000)):
        monkeypatch.setenv(f"SWITCHBOARD_{name.upper()}", written)
        assert getattr(settings.load(), name) == timedelta(seconds=seconds)


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("written", ["10m", "-PT10M", "-600", "10 minutes", "9" * 40])
def test_what_is_no_duration_is_refused_with_what_to_write(monkeypatch, name, written):
    """Nor is one that lies in the past."""
    assert re.fullmatch(
        rf"SWITCHBOARD_{name.upper()}: '{written}' is .*: write PT10M, PT12H or P1D, or seconds such as 600",
        refusal(monkeypatch, name, written),
    )


@pytest.mark.parametrize(("written", "taken"), [("DE", "DE"), ("de", "DE"), (" gb ", "GB")])
def test_a_country_may_be_written_in_lower_case(monkeypatch, written, taken):
    """Two letters are two letters."""
    monkeypatch.setenv("SWITCHBOARD_DEFAULT_REGION", written)
    assert settings.load().default_region == taken


@pytest.mark.parametrize("written", ["Germany", "UK", "49", "XX", "D E"])
def test_what_is_no_country_is_refused_with_what_to_write(monkeypatch, written):
    """Numbers without a country code would be nobody's."""
    said = refusal(monkeypatch, "default_region", written)
    assert said.endswith(f"{written!r}: write two letters of ISO 3166, such as DE; GB for the United Kingdom")


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("HTTPS://support.example.com/", "https://support.example.com"),
        ("https://support.example.com:8443/desk/", "https://support.example.com:8443/desk"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_web_address_is_taken_as_it_is_used(monkeypatch, written, taken):
    """Paths are put behind it."""
    monkeypatch.setenv("SWITCHBOARD_PUBLIC_URL", written)
    assert settings.load().public_url == taken


@pytest.mark.parametrize(
    "written",
    [
        "https://",
        "https://:443",
        "https://host?x=1",
        "https://host#f",
        "https://ho st",
        "host.example.com",
        "ftp://host",
    ],
)
@pytest.mark.parametrize("name", ["public_url", "twilio_api_base"])
def test_what_is_no_web_address_is_refused_with_what_to_write(monkeypatch, name, written):
    """Whatever is put behind it would be no address either."""
    assert "write http:// or https:// and a host" in refusal(monkeypatch, name, written)


@pytest.mark.parametrize("written", ["hello", "+4930", "030 5550100", "493055500100"])
def test_a_number_that_calls_out_has_its_countrys_code(monkeypatch, written):
    """Any other would be refused by Twilio, call by call."""
    assert f"{written!r} is no number like +493055500100" in refusal(monkeypatch, "twilio_from", written)
    monkeypatch.setenv("SWITCHBOARD_TWILIO_FROM", "+49 (30) 555-00100")
    assert settings.load().twilio_from == "+493055500100"


@pytest.mark.parametrize("written", ["SK" + "0" * 32, "AC12 34", "AC-12"])
def test_an_account_is_named_by_its_own_id(monkeypatch, written):
    """An API key's would have every webhook refused; what was written may be a secret and is not shown."""
    said = refusal(monkeypatch, "twilio_account_sid", written)
    assert "it begins with AC" in said
    assert written not in said
    monkeypatch.setenv("SWITCHBOARD_TWILIO_ACCOUNT_SID", f" AC{'0' * 32} ")
    assert settings.load().twilio_account_sid == "AC" + "0" * 32


def test_languages_without_prompts_are_named_with_everything_else(monkeypatch, tmp_path):
    """Each by its setting, also where others are wrong; one of the operator's own is none of them."""
    (tmp_path / "nl.toml").write_text("", encoding="utf-8")
    monkeypatch.setattr(settings.prompts, "check_folder", lambda _: [])
    for name, value in (
        ("CALLBACK_AFTER", "soon"), ("VOICE_LANGUAGE", "xx"), ("VOICE_LANGUAGES", "nl,yy"),
        ("VOICE_NUMBERS", "+493055500100=zz,en"), ("VOICE_PROMPTS", str(tmp_path)),
    ):  # fmt: skip
        monkeypatch.setenv(f"SWITCHBOARD_{name}", value)
    with pytest.raises(Misconfigured) as refused:
        settings.load()
    line = refused.value.public
    assert "SWITCHBOARD_CALLBACK_AFTER: " in line
    for name, missing in (("VOICE_LANGUAGE", "xx"), ("VOICE_LANGUAGES", "yy"), ("VOICE_NUMBERS", "zz")):
        assert f"SWITCHBOARD_{name}: no prompts for {missing}; there are " in line


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
