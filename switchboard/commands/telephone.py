"""What `doctor` says of the telephone: the account and its numbers, languages, wordings, who is on call."""

from collections.abc import Callable, Iterator
from functools import partial

from models.errors import Misconfigured
from models.store import transaction
from switchboard.commands.twilio import plan_of
from switchboard.lines import Switchboard, now
from triage.desk import oncall, rota_check
from triage.desk.oncall import TierNow
from triage.desk.recipients import ON_CALL
from triage.rota import IN_ORDER, Rota
from voice import number, own_numbers, prompts
from voice.dialling import obstacle, unringable
from voice.texting import SMS

Found = tuple[bool, str]
ENTRY = f"the entry `{ON_CALL}` of SWITCHBOARD_RECIPIENTS"


def findings(house: Switchboard) -> Iterator[Found]:
    """Everything about the telephone, right or wrong, nothing where it is meant to be off; no line shows a token."""
    settings = house.settings
    if not settings.twilio_account_sid:
        yield from _off(house)
        return
    public = settings.public_url
    yield public.startswith("https://"), f"Twilio reaches us at {public} (https needed)"
    yield from _account(house)
    if missing := obstacle(house.telephony.trunk):
        texted = ", and no receipt is texted (SWITCHBOARD_VOICE_RECEIPT)" if SMS in settings.voice_receipt else ""
        yield False, f"{missing}: nobody is rung for a caller, paged or called back{texted}"
    yield from _languages(house)
    yield from _on_call(house)


def _off(house: Switchboard) -> Iterator[Found]:
    """That the telephone is off, where other settings of it are given."""
    names = (
        "twilio_auth_token", "twilio_auth_token_secondary", "twilio_signing_keys", "twilio_from", "voice_numbers",
    )  # fmt: skip
    given = [f"SWITCHBOARD_{name.upper()}" for name in names if getattr(house.settings, name)]
    if given:
        yield False, f"the phone is off: SWITCHBOARD_TWILIO_ACCOUNT_SID is not set, though {', '.join(given)} is given"


def _account(house: Switchboard) -> Iterator[Found]:
    """What Twilio says of the account and its numbers; without a token nobody asks it."""
    settings, account = house.settings, house.telephony.account
    second = settings.twilio_auth_token_secondary
    if not account.auth_token:
        refused = "" if settings.twilio_signing_keys or second else "every webhook is refused, and "
        yield False, f"SWITCHBOARD_TWILIO_AUTH_TOKEN is not set: {refused}Twilio cannot be asked about the account"
        return
    told = number.findings(
        account,
        plan_of(settings),
        secondary=second.get_secret_value() if second else "",
        from_number=settings.twilio_from,
        texts=SMS in settings.voice_receipt,
    )
    yield from ((each.is_fine, each.text) for each in told)


def _languages(house: Switchboard) -> Iterator[Found]:
    settings = house.settings
    folder = settings.voice_prompts
    by_number = own_numbers.parse(settings.voice_numbers).values()
    spoken = dict.fromkeys(
        (settings.voice_language, *settings.voice_languages, *(each for some in by_number for each in some))
    )
    own = {path.stem for path in folder.glob("*.toml")} if folder else set()
    unknown = [each for each in spoken if each not in own and each not in prompts.languages()]
    yield not unknown, f"the line speaks {', '.join(spoken)}"
    for each in unknown:
        yield False, f"there are no prompts in {each}: callers hear English; write {each}.toml (docs/voice.md)"
    if folder:
        yield from ((False, f"SWITCHBOARD_VOICE_PROMPTS: {mistake}") for mistake in prompts.check_folder(folder))


def _on_call(house: Switchboard) -> Iterator[Found]:
    """Whether a caller whose production is down would reach somebody now."""
    try:
        rota = house.telephony.rota
    except Misconfigured as error:
        yield False, f"SWITCHBOARD_ROTA cannot be read: {error.public}"
        return
    written = house.telephony.book.named.get(ON_CALL, ())
    numbers = [each for each in written if "@" not in each]
    barred = [f"{each} {why}" for each in numbers if (why := unringable(each, house.telephony.trunk))]
    is_rung = len(barred) < len(numbers)
    if rota is None:
        missing = f"{ENTRY} has no telephone number that can be rung" if written else "nobody is rung for callers"
        yield is_rung, f"{f'{ENTRY} is rung' if is_rung else missing} (SWITCHBOARD_ROTA is not set)"
    yield from ((False, f"{ENTRY}: {each}, and is never rung") for each in barred)
    if rota is not None:
        yield from _on_duty(house, rota, f"nobody of the rota; {ENTRY} is rung" if is_rung else "")


def _on_duty(house: Switchboard, rota: Rota, instead: str) -> Iterator[Found]:
    """Whom the rota reaches now, or who is rung `instead` where it reaches nobody, and what is wrong with it."""
    never = partial(unringable, trunk=house.telephony.trunk)
    with transaction(house.engine) as session:
        duty = oncall.duty(session, rota, now())
        wrong = rota_check.findings(session, rota, now(), policies=house.policies, unringable=never)
    there = [tier for tier in duty.tiers if tier.is_open]
    names = [name for tier in there for name in _rung(tier, never)]
    told = ", ".join(dict.fromkeys(names)) or instead
    yield bool(told), f"on duty now: {told or 'nobody'}"
    yield from ((each.is_fine, f"rota: {each.text}") for each in wrong)


def _rung(tier: TierNow, never: Callable[[str], str]) -> list[str]:
    """The names of those whose telephone rings; where all ring at once, it is the first of theirs."""
    numbers = {one.name: one.numbers if tier.ring == IN_ORDER else one.numbers[:1] for one in tier.people}
    return [name for name, theirs in numbers.items() if not all(never(each) for each in theirs)]
