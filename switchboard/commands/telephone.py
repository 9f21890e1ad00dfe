"""What `doctor` says of the telephone: the account and its numbers, languages, wordings, who is on call."""

from collections.abc import Iterator

from models.errors import Misconfigured
from models.store import transaction
from switchboard.commands.twilio import plan_of
from switchboard.lines import Switchboard, now
from triage.desk import oncall
from voice import number, own_numbers, prompts
from voice.dialling import obstacle

Found = tuple[bool, str]


def findings(house: Switchboard) -> Iterator[Found]:
    """Everything about the telephone, right or wrong; no line shows a token."""
    settings = house.settings
    public = settings.public_url
    yield public.startswith("https://"), f"Twilio reaches us at {public} (https needed)"
    second = settings.twilio_auth_token_secondary
    told = number.findings(
        house.telephony.account,
        plan_of(settings),
        secondary=second.get_secret_value() if second else "",
        from_number=settings.twilio_from,
    )
    yield from ((each.is_fine, each.text) for each in told)
    if missing := obstacle(house.telephony.trunk):
        yield False, f"{missing}: nobody is rung for a caller, paged or called back"
    yield from _languages(house)
    yield from _on_call(house)


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
        if rota is None:
            is_named = bool(house.telephony.book.named.get("on-call"))
            what = "the entry `on-call` of SWITCHBOARD_RECIPIENTS is rung" if is_named else "nobody is rung for callers"
            yield is_named, f"{what} (SWITCHBOARD_ROTA is not set)"
            return
    except Misconfigured as error:
        yield False, f"SWITCHBOARD_ROTA cannot be read: {error.public}"
        return
    with transaction(house.engine) as session:
        duty = oncall.duty(session, rota, now())
    names = [person.name for tier in duty.tiers if tier.is_open for person in tier.people]
    yield bool(names), f"on duty now: {', '.join(dict.fromkeys(names)) or 'nobody'}"
    yield from ((each.is_fine, f"rota: {each.text}") for each in duty.findings)
