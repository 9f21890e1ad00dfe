"""The rules our TwiML is held to refuse what Twilio would refuse of a Dial, and what would connect a voicemail."""

import pytest

PUBLIC = "https://support.example.com"
RETRIES = "#rc=2&amp;rp=ct,rt,5xx"
LEG = f"{PUBLIC}/voice/leg/01930000-0000-7000-8000-000000000001"
NUMBER = f'<Number url="{LEG}{RETRIES}" statusCallback="{LEG}/status{RETRIES}">+493055500171</Number>'
DIAL = f'<Dial action="{PUBLIC}/voice/connect?round=1{RETRIES}" callerId="+493055500100" timeout="20" '
DIAL += 'answerOnBridge="true" timeLimit="86400">'
GATHER = f'<Gather action="{LEG}/key?try=0{RETRIES}" actionOnEmptyResult="true"><Say>Press 1.</Say></Gather>'


@pytest.mark.parametrize(
    "document",
    [
        f"{DIAL}</Dial>",
        f"{DIAL}{''.join(NUMBER.replace('171', str(number)) for number in range(100, 111))}</Dial>",
        f"{DIAL}{NUMBER}{NUMBER}</Dial>",
        f"{DIAL}{NUMBER}</Dial><Hangup/>",
        f"{DIAL}+493055500171</Dial>",
        f"{DIAL}{NUMBER}</Dial>".replace('timeout="20"', 'timeout="4"'),
        f"{DIAL}{NUMBER}</Dial>".replace('timeout="20"', 'timeout="601"'),
        f"{DIAL}{NUMBER}</Dial>".replace('callerId="+493055500100"', 'callerId="anonymous"'),
        f"{DIAL}{NUMBER}</Dial>".replace(' answerOnBridge="true"', ""),
        f"{DIAL}{NUMBER}</Dial>".replace(' timeLimit="86400"', ""),
        f"{DIAL}{NUMBER}</Dial>".replace("+493055500171", "030 5550171"),
        f"{DIAL}{NUMBER}</Dial>".replace("+493055500171", "+493055500100"),
        f"{DIAL}{NUMBER}</Dial>".replace("round=1", "round=1&amp;phone=493055500137"),
        f"{DIAL}{NUMBER}</Dial>".replace("<Number ", '<Number statusCallbackEvent="no-answer" '),
        f"{DIAL}<Say>Wait.</Say></Dial>",
        f"<Gather>{DIAL}{NUMBER}</Dial></Gather><Hangup/>",
        f"{NUMBER}<Hangup/>",
    ],
)
def test_a_dial_that_twilio_refuses_is_refused(broken_rules, document):
    """Or one that says more than it must."""
    assert broken_rules(f"<Response>{document}</Response>", PUBLIC)[1]


@pytest.mark.parametrize(
    "document",
    [
        f"{DIAL}{NUMBER}</Dial>",
        GATHER,
        f"{GATHER}<Say>Connecting.</Say>",
        f"{GATHER}<Redirect>{LEG}/key?try=0{RETRIES}</Redirect>",
        f"{GATHER}<Hangup/>".replace("<Say>", '<Pause length="1"/><Say>'),
        '<Say>One moment.</Say><Pause length="2"/><Hangup/>',
        f"{GATHER}<Hangup/>".replace(' actionOnEmptyResult="true"', ""),
    ],
)
def test_a_whisper_has_no_other_verbs_and_does_not_connect_who_was_silent(broken_rules, document):
    """Twilio skips the ones, and connects where the document ends: a voicemail, too. Silence is asked once more."""
    assert broken_rules(f"<Response>{document}</Response>", PUBLIC, whisper=True)[1]


def test_what_twilio_accepts_is_accepted(broken_rules):
    """The rules are not so strict that nothing passes."""
    for document, whisper in ((f"{DIAL}{NUMBER}</Dial>", False), (f"{GATHER}<Hangup/>", True)):
        assert broken_rules(f"<Response>{document}</Response>", PUBLIC, whisper=whisper)[1] == []
