"""The webhooks of calls of ours: signed, about what we know, in words people understand."""

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from models import tables
from models.store import transaction
from models.terms import CallbackOutcome
from voice import prompts

GOLDEN = Path(__file__).parent / "golden"
SID, OTHER = "CA" + "1" * 32, "CA" + "2" * 32
NOWHERE = UUID("01930000-0000-7000-8000-00000000000f")
PATHS = ["/voice/{}/{}", "/voice/{}/{}/key?try=0", "/voice/{}/{}/status"]

GOLDEN_NAMES = ["callback", "callback_again", "callback_de", "callback_thanks", "connect_de", "engineer",
                "engineer_again", "engineer_taken", "goodbye", "hang_up", "not_needed", "page", "page_again",
                "page_plain", "page_taken"]  # fmt: skip


@pytest.mark.parametrize("kind", ["page", "callback"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("about", [str(NOWHERE), "x", "1", "01930000-0000-7000-8000-00000000000G"])
def test_a_call_about_what_we_do_not_know_ends_politely(door, broken_rules, kind: str, path: str, about: str):
    """In the words of the line; a status is taken and forgotten."""
    answer = door.post(path.format(kind, about), CallStatus="in-progress", Digits="1")
    if path.endswith("status"):
        assert (answer.status_code, answer.text) == (204, "")
        return
    _, broken = broken_rules(answer.text, "https://support.example.com")
    assert (answer.status_code, broken) == (200, [])
    assert answer.text == (GOLDEN / "not_needed.xml").read_text(encoding="utf-8").strip()


def test_another_call_hears_nothing_and_changes_nothing(
    mara, customer, door, notice, attempt, the_notice, the_attempt, log, golden
):
    """The CallSid must be the one that was placed for it."""
    for kind, about in (("page", notice), ("callback", attempt)):
        for path in PATHS:
            answer = door.post(path.format(kind, about), sid=OTHER, CallStatus="completed", Digits="1")
            if not path.endswith("status"):
                golden(answer.text, "not_needed")
    assert (the_notice().acknowledged_at, the_notice().error, the_notice().call_sid) == (None, None, SID)
    assert (the_attempt().outcome, the_attempt().call_sid) == (CallbackOutcome.PLACED, SID)
    assert log() == []


@pytest.mark.parametrize("kind", ["page", "callback"])
@pytest.mark.parametrize("path", PATHS)
def test_only_twilio_for_our_account_gets_in(door, notice, attempt, the_notice, the_attempt, log, kind, path):
    """A wrong signature, none, another account, no call, no form, another method: refused before anything is read."""
    there = path.format(kind, notice if kind == "page" else attempt)
    assert door.post(there, token="another", Digits="1").status_code == 403
    assert door.client.post(there, data={"CallSid": SID, "Digits": "1"}).status_code == 403
    assert door.client.post(there.replace(kind, kind, 1) + "x", data={"CallSid": SID}).status_code in {403, 404}
    assert door.post(there, account="AC" + "f" * 32, Digits="1").status_code == 403
    assert door.post(there, sid="CA1", Digits="1").status_code == 422
    assert door.client.post(there, json={"CallSid": SID}).status_code == 415
    assert (
        door.client.post(
            there, content=b"a=" + b"x" * 70_000, headers={"Content-Type": "application/x-www-form-urlencoded"}
        ).status_code
        == 413
    )
    assert door.client.get(there).status_code == 405
    assert (the_notice().acknowledged_at, the_attempt().outcome, log()) == (None, CallbackOutcome.PLACED, [])


def test_a_signature_for_one_notice_opens_no_other(door, notice, make_attempt, the_attempt):
    """The address is part of what is signed."""
    attempt = make_attempt(call_sid=OTHER)
    answer = door.post(f"/voice/page/{notice}/key?try=0", Digits="1")
    headers = {"X-Twilio-Signature": answer.request.headers["x-twilio-signature"]}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in (f"/voice/callback/{attempt}/key?try=0", f"/voice/page/{notice}/key?try=1"):
        again = door.client.post(path, content=answer.request.read(), headers={**headers, **form})
        assert again.status_code == 403
    assert the_attempt().key_pressed is None


@pytest.mark.parametrize("kind", ["page", "callback"])
def test_a_key_pressed_while_the_database_is_busy_counts(
    door, notice, attempt, engine, the_notice, the_attempt, eventually, patient, monkeypatch, kind
):
    """Whoever pressed it is asked for a moment, and hears after that moment what their key has done."""
    monkeypatch.setattr(patient, "seconds", 0.3)
    table = tables.progress.Notice if kind == "page" else tables.progress.Callback
    about = notice if kind == "page" else attempt
    path = f"/voice/{kind}/{about}/key?try=0"
    with transaction(engine) as session:
        session.execute(select(table.id).where(table.id == about).with_for_update())
        assert f"{path}&amp;again=1" in door.post(path, Digits="1").text
    assert eventually(lambda: the_notice().acknowledged_at if kind == "page" else the_attempt().key_pressed)
    monkeypatch.undo()
    assert "Digits" not in (answer := door.post(f"{path}&again=1").text)
    assert "<Hangup" in answer


@pytest.mark.parametrize("kind", ["page", "callback"])
def test_a_key_that_was_not_stored_is_asked_for_once_more(door, notice, attempt, golden, kind, speaks):
    """Whoever was asked for a moment brings no key, also after the second question: that is no silence of theirs."""
    speaks("en")
    about = notice if kind == "page" else attempt
    for tried in (0, 1):
        golden(door.post(f"/voice/{kind}/{about}/key?try={tried}&again=1").text, f"{kind}_again")
    golden(door.post(f"/voice/{kind}/{about}/key?try=1").text, "goodbye")


@pytest.mark.parametrize("language", prompts.languages())
def test_every_language_says_who_calls_about_what(language: str):
    """What is put in stands in each."""
    words = prompts.load(language)
    given = {"level": "Critical P1", "reference": "S B 1", "step": "Team lead", "support": "WSO2"}
    wanted = {
        "page": {"level", "reference", "step"},
        "page_plain": {"reference", "step"},
        "callback": {"support", "reference"},
    }
    for name in ("page", "page_plain", "page_keys", "page_taken", "callback", "callback_key", "callback_thanks"):
        said = words.say(name, **given)
        assert "$" not in said
        assert all(given[each] in said for each in wanted.get(name, set()))


def test_no_golden_file_is_left_over():
    """Each is compared."""
    assert sorted(path.stem for path in GOLDEN.iterdir()) == GOLDEN_NAMES
