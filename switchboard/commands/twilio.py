"""`twilio`: our numbers at Twilio, what callers hear while we are away, and the calls we missed then."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from models.calling import Consent, Finding
from models.errors import Misconfigured
from switchboard.commands.instance import DataDir, opened
from switchboard.lines import Sites, Switchboard, now
from switchboard.settings import Settings, load
from switchboard.telephony import Telephony
from voice import consent, number, own_numbers
from voice import fallback as away
from voice.dialling import dialable
from voice.number import Number, Plan
from voice.recordings import TwilioAccount
from voice.texting import SMS

Ours = Annotated[
    list[str] | None,
    typer.Option("--number", help="One of our numbers (E.164); default: those of SWITCHBOARD_VOICE_NUMBERS, else all."),
]
SPAN = re.compile(r"([1-9]\d{0,3})([mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Our numbers at Twilio: set up, fallback, calls we missed.")
    group.command("setup")(setup)
    group.command("fallback")(fallback)
    group.command("reconcile")(reconcile)
    app.add_typer(group, name="twilio")


def setup(
    ours: Ours = None,
    fallback: Annotated[
        str,
        typer.Option(
            help="Address, on another host, of what `twilio fallback` prints, the same for each of these numbers: "
            "print it without --number, then it speaks the languages of all. What is set stays if empty."
        ),
    ] = "",
    fallback_get: Annotated[
        bool,
        typer.Option(
            "--fallback-get",
            help="Have the fallback asked by GET, for a host that takes no POST: its log then keeps who called whom.",
        ),
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Set it; else nothing is changed.")] = False,
) -> None:
    """Show how our numbers are set at Twilio and how they should be, or set them: exit 1 if something differs."""
    settings = load()
    plan = _plan(settings, ours, fallback, fallback_get)
    account = _telephony(settings).account
    seen = number.look(account, plan)
    if apply:
        if not plan.numbers and len(seen) > 1:
            raise Misconfigured(
                public=f"the account has {len(seen)} numbers: name ours by --number or in SWITCHBOARD_VOICE_NUMBERS"
            )
        if not plan.public_url.startswith("https://"):
            raise Misconfigured(public=f"SWITCHBOARD_PUBLIC_URL is {plan.public_url}: Twilio needs an https address")
        seen = number.apply(account, plan, seen)
    for line in _table(seen):
        typer.echo(line)
    texted = _texted(settings, account)
    for finding in texted:
        typer.echo(f"{'ok  ' if finding.is_fine else 'BAD '} {finding.text}")
    if not seen or not all(each.is_right for each in seen) or not all(each.is_fine for each in texted):
        if not apply:
            typer.echo("Nothing was changed. To set what can be set: switchboard twilio setup --apply")
        raise typer.Exit(1)


def fallback(
    ours: Annotated[
        str,
        typer.Option(
            "--number", help="Which of our numbers: its languages are spoken; default: those of all, in turn."
        ),
    ] = "",
    dial: Annotated[str, typer.Option(help="Number (E.164) that is dialled first, such as on call's.")] = "",
    record: Annotated[
        bool | None,
        typer.Option(
            help="Record what callers say (default: only where it is announced everywhere, to everybody). "
            "With --record, callers of whom consent is asked elsewhere are told to hang up if they do not agree."
        ),
    ] = None,
) -> None:
    """Print the TwiML that callers hear while we are away, for a host that is not ours.

    One document may stand for all numbers: it says everything in each language of SWITCHBOARD_VOICE_NUMBERS, of
    SWITCHBOARD_VOICE_LANGUAGES where there are none, and promises a call back, which `reconcile` sees to.

    It can neither ask for consent nor tell who calls: so it records by itself only where SWITCHBOARD_VOICE_RECORDING
    and every policy just announce it. To record otherwise is yours to decide.
    """
    settings = load()
    called = _one_of_ours(ours, settings) if ours else ""
    first = dialable(dial, settings.default_region) or ""
    if dial and not first:
        raise Misconfigured(public=f"--dial {dial} is no number that can be called")
    if first and first in {called, settings.twilio_from, *own_numbers.parse(settings.voice_numbers)}:
        raise Misconfigured(public=f"--dial {dial} is our own number, which would ring without end: name somebody's")
    telephony = _telephony(settings)
    document = away.document(
        [telephony.wording(language) for language in _spoken(settings, called)],
        dial=first,
        records=_is_announced(settings, telephony) if record is None else record,
    )
    typer.echo(document)


def reconcile(
    since: Annotated[str, typer.Option(help="How far back: 90m, 12h, 3d.")] = "3d", data_dir: DataDir = None
) -> None:
    """Take in the calls and recordings that Twilio has of our numbers and we have not."""
    span = SPAN.fullmatch(since)
    if span is None:
        raise Misconfigured(public=f"--since {since}: write 90m, 12h or 3d")
    back = timedelta(**{UNITS[span[2]]: int(span[1])})
    with opened(data_dir) as house:
        _account_needed(house.settings)
        found = house.telephony.reconcile(now() - back)
        house.wake()
    typer.echo(
        f"{found.calls} calls we had missed, the end of {found.ends} we had, {found.recordings} recordings; "
        f"whoever called is owed a call."
    )


def plan_of(settings: Settings) -> Plan:
    """How the numbers should be set, as the settings say."""
    return Plan(public_url=settings.public_url, numbers=tuple(own_numbers.parse(settings.voice_numbers)))


def _plan(settings: Settings, ours: list[str] | None, fallback: str, fallback_get: bool) -> Plan:
    _account_needed(settings)
    if fallback_get and not fallback:
        raise Misconfigured(public="--fallback-get says how --fallback is asked: name that, too")
    if fallback and (mistake := number.fallback_mistake(fallback, settings.public_url)):
        raise Misconfigured(public=mistake)
    named = tuple(_one_of_ours(each, settings) for each in ours or ())
    plan = plan_of(settings)
    return replace(plan, numbers=named or plan.numbers, fallback=fallback, fallback_get=fallback_get)


def _texted(settings: Settings, account: TwilioAccount) -> tuple[Finding, ...]:
    """Whether receipts can go out as texts, where they are to."""
    if not settings.twilio_from or SMS not in settings.voice_receipt:
        return ()
    return (number.sender(account, settings.twilio_from, texts=True),)


def _spoken(settings: Settings, called: str) -> tuple[str, ...]:
    """The languages of one of our numbers, or where none is named those of all, each once; else those of the line."""
    line = (settings.voice_language, *settings.voice_languages)
    ours = own_numbers.parse(settings.voice_numbers)
    some = (ours.get(called, ()),) if called else tuple(ours.values())
    return tuple(dict.fromkeys(each for languages in some or ((),) for each in languages or line))


def _is_announced(settings: Settings, telephony: Telephony) -> bool:
    """Whether nobody who may call need be asked before they are recorded, whichever country and policy theirs is."""
    by_country = consent.parse(settings.voice_recording).values()
    by_policy = (telephony.rules(policy).consent for policy in telephony.house.policies)
    return {*by_country, *by_policy} == {Consent.ANNOUNCE}


def _account_needed(settings: Settings) -> None:
    if not settings.twilio_account_sid or settings.twilio_auth_token is None:
        raise Misconfigured(public="SWITCHBOARD_TWILIO_ACCOUNT_SID and SWITCHBOARD_TWILIO_AUTH_TOKEN are needed")


def _telephony(settings: Settings) -> Telephony:
    """The telephone of a house that needs no database."""
    return Switchboard(settings, Sites(database_url="", redis_url="", secret="")).telephony


def _one_of_ours(written: str, settings: Settings) -> str:
    """The number (E.164) that `--number` names: one whose calls we take."""
    try:
        found = tuple(own_numbers.parse(written))
    except ValueError as error:
        raise Misconfigured(public=f"--number: {error}") from error
    if len(found) != 1:
        raise Misconfigured(public=f"--number {written!r}: write one number; leave --number out for all")
    ours = own_numbers.parse(settings.voice_numbers)
    if ours and found[0] not in ours:
        raise Misconfigured(
            public=f"--number {found[0]} is none of SWITCHBOARD_VOICE_NUMBERS, so its calls are refused: "
            f"add `; {found[0]}` there (`; {found[0]}=de` for its own language), restart the web, and run this again"
        )
    return found[0]


def _table(numbers: tuple[Number, ...]) -> Iterator[str]:
    if not numbers:
        yield "The account has no number that takes calls."
    for each in numbers:
        yield each.number
        for one in each.settings:
            verdict = "ok  " if one.is_right else "BAD "
            wanted = "" if one.is_right else f" → {one.wanted}"
            yield f"  {verdict} {one.name:<22} {one.stands or '(empty)'}{wanted}"
        for finding in each.findings:
            yield f"  {'ok  ' if finding.is_fine else 'BAD '} {finding.text}"
