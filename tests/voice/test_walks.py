"""Twilio's side of a conversation, as its documentation has it: whatever the TwiML says is done, and no more.

https://www.twilio.com/docs/voice/twiml
"""

import random
import re
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from models import tables
from models.calling import CallerId, CallTerms, Consent, OnDuty, OpenRequest, Recognition
from models.store import transaction
from voice.switch import Desk, Rules

PUBLIC = "https://support.example.com"
ON_DUTY = (
    OnDuty(name="mara", number="+493055500901", ring_seconds=20, round=1),
    OnDuty(name="priya", number="+493055500902", ring_seconds=20, round=2),
)
MARKUP = "</Say><Dial>+19005550100</Dial><Say>"


@pytest.fixture
def desk(engine: Engine, now: datetime) -> Desk:
    """A desk at which everything may happen."""
    with transaction(engine) as session:
        row = tables.requests.Request(channel="email", subject="", policy="wso2", state="decided", received_at=now)
        session.add(row)
        session.flush()
        there = OpenRequest(request=row.id, reference="SB-900", level="P1", update=MARKUP + "we restore " * 200)

    def terms(_session, _request: UUID, at: datetime) -> CallTerms:
        return CallTerms(looks_urgent=True, needs_phone=True, response_due=at + timedelta(minutes=45))

    return Desk(
        who_calls=lambda *_: CallerId(recognition=Recognition.KNOWN, name=MARKUP),
        terms=terms,
        rules=lambda _: Rules(consent=Consent.ANNOUNCE, receipts=("sms", "mail")),
        open_request=lambda *_: there,
        on_call=lambda *_: ON_DUTY,
    )


class Keypad:
    """A caller who only presses keys, anywhere and anything, and whose calls are answered by nobody or a machine."""

    def __init__(self, guest, seed: int, keys: str) -> None:
        self.guest, self.keys = guest, keys
        self.chance = random.Random(seed)  # noqa: S311 - a toy
        self.verbs: set[str] = set()
        self.turns = 0

    def walks(self) -> "Keypad":
        """Follow the TwiML from the first ring to the end of the call."""
        self.guest.dials()
        while "Hangup" not in self.guest.verbs:
            self.turns += 1
            assert self.turns < 90
            self.verbs |= set(self.guest.verbs)
            self.goes_on()
        return self

    def goes_on(self) -> None:
        """Do one thing that can be done."""
        guest, key = self.guest, self.chance.choice(self.keys)
        if "Dial" in guest.verbs:
            guest.nobody_answers(self.chance.choice(["no-answer", "busy", "completed", "failed"]))
        elif "Record" in guest.verbs and key in "0*#1":
            guest.records(f"RE{self.chance.getrandbits(128):032x}", ended=key if key in "0*" else "#")
        elif "Gather" not in guest.verbs or key == " ":
            guest.stays_silent()
        elif guest.verbs["Gather"].get("numDigits"):
            guest.presses(key if key != "#" else "")
        else:
            guest.presses(self.chance.choice([key.strip("#"), "4711", "03055500200", ""]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("keys", ["1", "123", "0123456789*# ", "00**1 "])
def test_digits_alone_lead_from_the_first_ring_to_a_reference(run_line, phone, desk, seed: int, keys: str):
    """Whatever is pressed, every document keeps Twilio's rules, and the last one says a reference."""
    languages = ("en", "de", "fr", "es") if seed % 2 else ("en",)
    with run_line(*languages, desk=desk if seed % 3 else Desk(), from_number="+493055500111") as line:
        guest = phone(line, From="anonymous" if seed == 3 else "+493055500137")
        Keypad(guest, seed, keys).walks()
        assert re.search(r"S B (9|1) 0 0", guest.heard)
        guest.hangs_up()


def test_one_leads_everywhere(run_line, phone, engine: Engine):
    """A caller who presses 1 and nothing else comes through all that there is without an account."""
    with run_line("en", "de") as line:
        walker = Keypad(phone(line), 1, "1").walks()
    assert {"Gather", "Record", "Redirect"} <= walker.verbs
    with transaction(engine) as session:
        answers = session.scalars(select(tables.calls.Call)).one().answers
    assert (answers["consent"], answers["down"]) == ("yes", "yes")


def test_a_machine_that_picks_up_an_engineers_telephone_is_nobody(run_line, phone, desk, engine: Engine):
    """`completed` without a pressed key is no contact: the next one is rung, and then a call is owed."""
    with run_line("en", desk=desk, from_number="+493055500111") as line:
        guest = phone(line).dials().presses("2").presses("3").says("orders fail").presses("1").presses("1")
        machine = {"CallSid": "CA" + "d" * 32, "ParentCallSid": guest.sid, "AnsweredBy": "machine_start"}
        whisper = guest.verbs["Dial"][0].get("url").partition("#")[0].removeprefix(PUBLIC)
        assert "Gather" not in line.post(whisper, **machine).text
        guest.nobody_answers("completed")
        assert guest.waits_for() == [ON_DUTY[1].number]
        guest.nobody_answers("completed").hears("nobody could take").hears("within 45 minutes")
    with transaction(engine) as session:
        assert len(tables.reaching.owed(session)) == 1
        assert session.scalars(select(tables.calls.Call)).one().answers["reached"] == "nobody"


def test_what_others_wrote_is_never_markup(run_line, phone, desk, engine: Engine):
    """Not the last update, not a caller's name, not their speech: `</Say><Dial>` would be toll fraud."""
    with transaction(engine) as session:
        contact = tables.directory.Contact(name=MARKUP)
        session.add(contact)
        session.flush()
        key = tables.directory.ContactKey(kind="number", value="+493055500137", contact_id=contact.id)
        session.add(key)
    with run_line("en", desk=desk) as line:
        guest = phone(line, CallerName=MARKUP).dials().presses("2").hears(MARKUP).hears("we restore")
        assert "Dial" not in guest.verbs
        guest.presses("3").says(MARKUP).hears("production system")
        assert "Dial" not in guest.verbs


def test_no_address_tells_anything_of_the_caller(run_line, phone, desk, engine: Engine):
    """Steps and tries only, on the public address; every document is XML below 64 KB."""
    with run_line("en", "de", desk=desk, from_number="+493055500111") as line:
        Keypad(phone(line), 4, "1 4").walks()
        kind = line.post("/voice/inbound", CallSid=f"CA{1:032x}").headers["content-type"]
    assert kind.partition(";")[0] == "text/xml"
    with transaction(engine) as session:
        documents = [event.answer for event in session.scalars(select(tables.calls.CallEvent)) if event.answer]
    found = [url for document in documents for url in re.findall(r"https?://[^\s\"<]+", document)]
    allowed = r"(turn\?step=[a-z_]+&amp;try=\d+|recording|transcript|connect\?round=\d+|leg/[0-9a-f-]{36}(/status)?)"
    assert found
    assert all(re.fullmatch(rf"{re.escape(PUBLIC)}/voice/{allowed}#[a-z0-9=,&;]+", url) for url in found), found
    assert max(len(document.encode()) for document in documents) < 64 * 1024


@pytest.mark.parametrize("keys", ["*", "0"])
def test_repeated_asides_are_answered_alike(run_line, phone, engine: Engine, keys: str):
    """Star and zero are turns like others: a webhook that comes five times at once is one of them."""
    with run_line("en") as line:
        guest = phone(line).dials().presses("2").repeating(5, together=True).presses(keys).hears("account number")
        guest.presses(keys).presses("").hears("does not work")
    with transaction(engine) as session:
        turns = [event.key for event in session.scalars(select(tables.calls.CallEvent)) if event.kind == "turn"]
    assert len(turns) == len(set(turns)) == 4
