"""A top-priority call played against the live configuration: what the caller hears, who would ring, what is wrong.

Nobody is rung, nothing is sent, and nothing stays: the call runs in one transaction that is rolled back. Only the
number of its request is used up, since a sequence takes none back.
"""

from collections.abc import Iterator
from functools import partial

from models.calling import Finding, Rehearsal
from models.store import transaction
from switchboard.lines import Switchboard, now
from switchboard.rehearsed_call import Caller, Played
from triage.desk import rota_check
from voice.dialling import obstacle, unringable
from voice.switch import Switch

SAMPLE_CALLER = "+493055500137"
"""Nobody's number."""
SLOW = 1.0
"""Seconds to an answer of ours after which a caller wonders whether anybody is there."""
LONG_SPEECH = 60.0
"""Seconds of speech that a caller must hear before they can answer."""


def rehearse(house: Switchboard, *, language: str | None = None, caller: str = SAMPLE_CALLER) -> Rehearsal:
    """A call from `caller` (E.164) in `language`, else the first one, that says production is down.

    The caller agrees to a recording, presses keys only, and nobody picks up.

    Raises:
        Misconfigured: the rota or the wording cannot be read.
        Unavailable: PostgreSQL is away.

    """
    at, phone = now(), house.telephony
    switch, never = phone.line.switch, partial(unringable, trunk=phone.trunk)
    account_sid = house.settings.twilio_account_sid
    staffed: tuple[Finding, ...] = ()
    with transaction(phone.engine) as session:
        try:
            if phone.rota is not None:
                staffed = rota_check.findings(session, phone.rota, at, policies=tuple(house.policies), unringable=never)
            played = Caller(session, switch, at, account_sid=account_sid, number=caller, language=language).play()
        finally:
            session.rollback()  # the commit that follows finds nothing
    looked = (*_settings(house), *_languages(house, switch, language), *_policies(house), *staffed)
    looked += (*_rings(house, played), *_call(played))
    return Rehearsal(at=at, turns=played.turns, rings=played.rings, findings=looked)


def _settings(house: Switchboard) -> Iterator[Finding]:
    """Whether Twilio can reach us, and we Twilio."""
    settings = house.settings
    if not settings.twilio_account_sid:
        yield Finding(is_fine=False, text="The phone is off: SWITCHBOARD_TWILIO_ACCOUNT_SID is not set.")
    if missing := obstacle(house.telephony.trunk):
        yield Finding(is_fine=False, text=f"Nobody can be rung: {missing}.")
    else:
        yield Finding(is_fine=True, text=f"The Twilio account is set; calls go out from {settings.twilio_from}.")
    if settings.public_url.startswith("https://"):
        yield Finding(is_fine=True, text=f"Twilio reaches us at {settings.public_url}.")
    else:
        yield Finding(
            is_fine=False,
            text=f"SWITCHBOARD_PUBLIC_URL is {settings.public_url}: set it to the https address under which the "
            "world reaches the web, or what callers say crosses the Internet in the clear.",
        )


def _languages(house: Switchboard, switch: Switch, wanted: str | None) -> Iterator[Finding]:
    yield Finding(is_fine=True, text=f"The line speaks {', '.join(sorted(switch.spoken))}.")
    if wanted is not None and wanted not in switch.spoken:
        yield Finding(
            is_fine=False,
            text=f"The line does not speak {wanted}: name it in SWITCHBOARD_VOICE_LANGUAGES or _VOICE_NUMBERS.",
        )
    yield Finding(is_fine=True, text=f"Recordings: {house.settings.voice_recording} (SWITCHBOARD_VOICE_RECORDING).")


def _policies(house: Switchboard) -> Iterator[Finding]:
    """Whether anything can burn under the policy that callers get who are nobody's."""
    policy = house.policies[house.settings.policy]
    urgent = [policy.level_label(level) for level in policy.phone.urgent]
    if urgent:
        yield Finding(is_fine=True, text=f"{policy.name}: callers are connected for {', '.join(urgent)}.")
    else:
        yield Finding(
            is_fine=False,
            text=f"{policy.name}: no level is urgent, only who says that production is down is connected; name levels "
            "in the policy, under phone: urgent.",
        )


def _rings(house: Switchboard, played: Played) -> Iterator[Finding]:
    """Whose telephones would ring; where the line cannot ring anybody, nobody on duty is the reason for it."""
    phone = house.telephony
    has_people = phone.rota is not None or bool(phone.book.named.get("on-call"))
    if played.rings:
        names = ", ".join(f"{one.name} ({one.number})" for one in played.rings)
        yield Finding(is_fine=True, text=f"Would ring: {names}.")
    elif not (has_people and obstacle(phone.trunk)):
        yield Finding(
            is_fine=False,
            text="Nobody would ring: put somebody with a number on duty in SWITCHBOARD_ROTA, or give `on-call` a "
            "number in SWITCHBOARD_RECIPIENTS.",
        )


def _call(played: Played) -> Iterator[Finding]:
    yield from (Finding(is_fine=False, text=f"The line is broken: {each}.") for each in played.broken)
    if played.is_over and not played.broken:
        yield Finding(is_fine=True, text=f"The call came to its end after {len(played.turns)} turns.")
    if slow := [(step, took) for step, took in played.answers if took > SLOW]:
        told = ", ".join(f"{step} {took:.1f} s" for step, took in slow)
        yield Finding(is_fine=False, text=f"Slow answers: {told}. Look at the database and at the load of the web.")
    elif played.answers:
        slowest = max(took for _, took in played.answers)
        yield Finding(is_fine=True, text=f"The slowest answer took {slowest * 1000:.0f} ms.")
    if played.unheard > LONG_SPEECH:
        yield Finding(
            is_fine=False,
            text=f"Callers listen for {played.unheard:.0f} seconds before they can answer: shorten the wording in "
            "SWITCHBOARD_VOICE_PROMPTS.",
        )
