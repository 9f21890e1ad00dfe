"""What a conversation asks the desk and puts among its answers, as each step is left. Never commits."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from models import tables
from models.calling import Consent, Recognition
from models.terms import Party
from voice import consent, filing, guesses
from voice.dialling import dialable
from voice.switch import Switch

LONGEST_UPDATE = 400
"""Characters of an update that are read aloud: half a minute."""

log = structlog.get_logger()

Left = Callable[[Session, tables.calls.Call, datetime, Switch], None]


def learn(
    session: Session, call: tables.calls.Call, step: str, answers: Mapping[str, str], now: datetime, *, switch: Switch
) -> Mapping[str, str]:
    """All answers, with what the desk says now that a step is left; what was said there is filed.

    Called once for each step that is left, with the call held.
    """
    call.answers = dict(answers)
    if step in LEAVING:
        LEAVING[step](session, call, now, switch)
    return call.answers


def who(session: Session, call: tables.calls.Call, party: Party, now: datetime, switch: Switch) -> None:
    """Note whose number calls; somebody whose number was only mentioned is asked like a stranger."""
    found = switch.desk.who_calls(session, party)
    is_known = found.recognition is Recognition.KNOWN or call.answers.get("known") == "yes"
    told = {
        "recognition": Recognition.KNOWN if is_known else found.recognition,
        "known": "yes" if is_known else "no",
        "caller_name": found.name,
        "caller_account": found.account,
    }
    call.answers = {**call.answers, **{name: str(value) for name, value in told.items() if value}}
    if found.recognition is Recognition.MAYBE and not is_known:
        filing.mentioned(session, call, found, now, switch.receive)


def begin(call: tables.calls.Call, switch: Switch) -> None:
    """Note how this caller's consent is come by, and whether anybody can be rung; "never" is a consent not given."""
    mode = _mode(call, switch)
    refused = {"consent": "no"} if mode is Consent.NEVER else {}
    staffed = "yes" if switch.from_number else "no"
    call.answers = {**call.answers, "mode": mode.value, "staffed": staffed, **refused}


def offer(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    """Note the urgent request of a known caller's account that is under way; its news only for whom we recognised."""
    known = call.answers
    if known.get("known") != "yes" or "consent" not in known or "open" in known:
        return
    found = switch.desk.open_request(session, filing.request_of(call), now)
    told = {"open": ""}
    if found is not None:
        told = {"open": str(found.request), "open_reference": found.reference}
        if found.update and _may_hear_news(known):
            told["open_update"] = _short(found.update)
    call.answers = {**known, **told}


def _may_hear_news(known: Mapping[str, str]) -> bool:
    """News are for whom we recognised; a number that its network does not vouch for recognises nobody by itself."""
    return known.get("trusted") == "yes" and (known.get("doubtful") != "yes" or known.get("pin_ok") == "yes")


def is_burning(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> bool:
    """Whether a person is wanted at once: the key that was pressed outranks what is suggested."""
    down = call.answers.get("down")
    if down in {"yes", "no"}:
        return bool(down == "yes")
    return switch.desk.terms(session, filing.request_of(call), now).looks_urgent


def _mode(call: tables.calls.Call, switch: Switch) -> Consent:
    wanted = switch.desk.rules(call.answers.get("policy", "")).consent
    return consent.mode(call.answers.get("caller", ""), switch.consent, wanted)


def _account(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    """The account may be under another policy: what was agreed to must be enough for that one.

    Whoever confirmed too many wrong numbers goes on as if this one were wrong, too, and hears nothing of it.
    """
    is_confirmed = call.answers.get("account_confirmed") == "yes"
    if is_confirmed and guesses.are_spent(session, call, now):
        log.warning("pin.refused", call=call.call_sid)
        call.answers = {**call.answers, guesses.REFUSED: "yes"}
    filing.account(session, call, now, switch.receive)
    if call.answers.get("consent") == "yes" and not consent.holds(call.answers, _mode(call, switch)):
        call.answers = {**call.answers, "consent": "no"}
    offer(session, call, now, switch)


def _open(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    if call.answers.get("wants") not in {"people", "note"} or call.request_id is None:
        return
    joined = UUID(call.answers["open"])
    if not switch.desk.join(session, call.request_id, joined, now):  # it is over meanwhile
        call.answers = {**call.answers, "wants": "other", "open": ""}
        return
    own, theirs = call.answers["reference"], call.answers["open_reference"]
    call.answers = {**call.answers, "joined": str(joined), "reference": theirs, "own_reference": own}


def _problem(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    if call.answers.get("problem"):
        filing.problem(session, call, now, switch.receive)
    elif call.answers.get("consent") != "yes":
        _note_duty(call, is_there=_is_anybody_there(session, call, now, switch))


def wait(session: Session, call: tables.calls.Call) -> None:
    """Note whether what the caller said is still to be suggested from, where that decides whether it burns."""
    is_open = call.answers.get("down") not in {"yes", "no"} and bool(call.answers.get("problem"))
    kept = {name: value for name, value in call.answers.items() if name != "awaits"}
    call.answers = {**kept, "awaits": "yes"} if is_open and filing.is_to_be_suggested(session, call) else kept


def _phone(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    """The number is there, or there is none; what the desk says to all this may be waited for a moment."""
    if call.answers.get("phone_confirmed") == "keyed":
        return
    if call.answers.get("phone_confirmed") == "no":
        filing.no_phone(session, call, now, switch.receive)
    wait(session, call)
    if "awaits" not in call.answers:
        _duty(session, call, now, switch)


def _duty(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> None:
    """A person is wanted if it burns, or if the policy requires a number and none could be had."""
    if is_burning(session, call, now, switch):
        _note_duty(call, is_there=True)  # where nobody can be rung, nobody was reached
        return
    has_none = not call.answers.get("phone") and call.answers.get("number_recording", "none") == "none"
    is_wanted = has_none and switch.desk.terms(session, filing.request_of(call), now).needs_phone
    _note_duty(call, is_there=is_wanted and _is_anybody_there(session, call, now, switch))


def is_somebody_there(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> bool:
    """Whether there is somebody to ring for this caller who was not rung before."""
    if not switch.from_number:
        return False
    rung = {leg.number for leg in tables.reaching.legs(session, call.id)}
    urgent = is_burning(session, call, now, switch)
    people = switch.desk.on_call(session, filing.request_of(call), urgent, now)
    return any(dialable(one.number) not in rung | {None} for one in people)


def _is_anybody_there(session: Session, call: tables.calls.Call, now: datetime, switch: Switch) -> bool:
    if not switch.from_number:
        return False
    urgent = is_burning(session, call, now, switch)
    return bool(switch.desk.on_call(session, filing.request_of(call), urgent, now))


def _note_duty(call: tables.calls.Call, *, is_there: bool) -> None:
    call.answers = {**call.answers, "duty": "yes" if is_there else "no"}


def _short(text: str) -> str:
    """An update as it is read aloud: one line, not too long, cut at a word."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_UPDATE else line[:LONGEST_UPDATE].rpartition(" ")[0]


LEAVING: Mapping[str, Left] = {
    "language": offer,
    "consent": offer,
    "account_check": _account,
    "open": _open,
    "note": lambda session, call, now, switch: filing.note(session, call, now, switch.receive),
    "problem": _problem,
    "down": lambda session, call, now, switch: filing.pressed(session, call, now, switch.receive),
    "phone": _phone,
    "phone_check": _phone,
    "record_number": _phone,
    "moment": _duty,
}
"""What is done as each step is left."""
