"""The telephone of the house: the line in, the line out, who is on call, and the work done behind them."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session, object_session
from twilio.request_validator import HMAC_SHA1, HMAC_SHA256

from intake.replies import call_receipts, mailer, restored
from models import tables
from models.calling import Consent, OnDuty
from models.ports import Clock
from models.store import connect, transaction
from models.terms import Interaction, JobKind, Receipt
from switchboard.settings import Settings
from triage.desk import burning, call_terms, callers, folding, oncall, owed, reachability, recipients
from triage.identity import number_party
from triage.policy import Policy
from triage.rota import Rota, load
from voice import consent, keeping, own_numbers, phone, prompts, reconciling, recordings, texting
from voice.deadline import LOCK_MS, STATEMENT_MS, THREADS
from voice.dialling import RESTORED, Trunk, obstacle, unringable
from voice.outgoing import Handover, Named
from voice.switch import Desk, Rules
from voice.webhooks import Line
from workers.app import Waker
from workers.runner import Plug

LOOK_BACK = timedelta(days=3)
"""How far back Twilio's list of calls is compared with ours by itself, at least; by command as far as wanted."""
COMPARED, CHORE = "calls-compared", "chore"
"""The switch that keeps when that was begun last, by any worker, and who sets it."""


log = structlog.get_logger()


class House(Protocol):
    """What the telephone needs of the house it stands in."""

    @property
    def engine(self) -> Engine:
        """The database."""

    @property
    def policies(self) -> Mapping[str, Policy]:
        """The policies in force."""

    @property
    def wake(self) -> Waker:
        """Tells a worker that there are jobs."""

    @property
    def thread_key(self) -> bytes:
        """Seals what follow-ups find their request by."""

    @property
    def transport(self) -> mailer.Transport:
        """The way out for mails."""

    def receive(self, session: Session, interaction: Interaction, at: datetime) -> Receipt:
        """Take an interaction in."""


class Telephony:
    """Every part of the telephone, built when first used; building connects to nothing."""

    def __init__(self, house: House, settings: Settings, clock: Clock) -> None:
        self.house = house
        self.settings = settings
        self.clock = clock

    @cached_property
    def account(self) -> recordings.TwilioAccount:
        """The Twilio account we answer for."""
        token = self.settings.twilio_auth_token
        return recordings.TwilioAccount(
            account_sid=self.settings.twilio_account_sid,
            auth_token=token.get_secret_value() if token else "",
            api_base=self.settings.twilio_api_base,
        )

    @cached_property
    def trunk(self) -> Trunk:
        """The way out."""
        return Trunk(
            account=self.account,
            from_number=self.settings.twilio_from,
            public_url=self.settings.public_url,
            region=self.settings.default_region,
            numbers=tuple(own_numbers.parse(self.settings.voice_numbers)),
            restored=restored.restored_at,
        )

    @cached_property
    def rota(self) -> Rota | None:
        """Who is on call when, or None where no rota is set."""
        return load(self.settings.rota) if self.settings.rota else None

    @cached_property
    def book(self) -> recipients.Book:
        """Whom escalations reach by name, and who is on call."""
        return recipients.Book(
            named=recipients.parse(self.settings.recipients),
            can_call=not obstacle(self.trunk),
            roster=recipients.Roster(rota=self.rota, clock=self.clock) if self.rota else None,
        )

    @cached_property
    def engine(self) -> Engine:
        """The database for webhooks: a connection for each that is worked on, and no waiting while a caller does."""
        url = self.house.engine.url.render_as_string(hide_password=False)
        return connect(url, pool=THREADS, more=0, statement_ms=STATEMENT_MS, lock_ms=LOCK_MS)

    @cached_property
    def line(self) -> Line:
        """The line in."""
        settings, house = self.settings, self.house
        return Line(
            engine=self.engine,
            receive=house.receive,
            public_url=settings.public_url,
            account_sid=settings.twilio_account_sid,
            auth_tokens=self._keys or self._tokens,
            algorithm=HMAC_SHA256 if self._keys else HMAC_SHA1,
            identify=partial(number_party, region=settings.default_region),
            language=settings.voice_language,
            languages=settings.voice_languages,
            wake=house.wake,
            clock=self.clock,
            desk=self.desk,
            wording=self.wording,
            from_number="" if obstacle(self.trunk) else settings.twilio_from,
            numbers=own_numbers.parse(settings.voice_numbers),
            consent=consent.parse(settings.voice_recording),
            callback_after=settings.callback_after,
            callback_automatic=settings.callback_automatic,
        )

    @property
    def _tokens(self) -> tuple[str, ...]:
        tokens = (self.settings.twilio_auth_token, self.settings.twilio_auth_token_secondary)
        return tuple(token.get_secret_value() for token in tokens if token)

    @property
    def _keys(self) -> tuple[str, ...]:
        written = self.settings.twilio_signing_keys
        return tuple(key.strip() for key in written.get_secret_value().split(",") if key.strip()) if written else ()

    @cached_property
    def desk(self) -> Desk:
        """What a conversation asks the desk."""
        policies = self.house.policies
        return Desk(
            who_calls=callers.who_calls,
            terms=partial(call_terms.terms, policies=policies),
            rules=self.rules,
            open_request=partial(call_terms.open_request, policies=policies),
            on_call=self.on_call,
            join=folding.join,
            taken=partial(call_terms.taken, logins=self.logins),
            unreached=partial(call_terms.unreached, policies=policies),
            got_through=owed.answered_by_call,
        )

    def rules(self, policy: str) -> Rules:
        """What a policy wants of every call, as far as the house can do it; one that is not installed wants nothing."""
        pack = self.house.policies.get(policy)
        if pack is None:
            return Rules(consent=Consent.ANNOUNCE)
        ways = tuple(way for way in pack.phone.receipt if way in self.settings.voice_receipt)
        return Rules(consent=pack.phone.recording or Consent.ANNOUNCE, receipts=ways)

    @cached_property
    def logins(self) -> Mapping[str, str]:
        """The logins of the rota's people by the name under which they are rung; none for a name that several have."""
        people = list(self.rota.people.values()) if self.rota else []
        names = [one.name for one in people]
        return {one.name: one.login for one in people if one.login and names.count(one.name) == 1}

    def wording(self, language: str) -> prompts.Prompts:
        """What the line says in a language."""
        return prompts.load(language, self.settings.voice_prompts)

    def on_call(self, session: Session, request: UUID, urgent: bool, at: datetime) -> tuple[OnDuty, ...]:
        """The telephones to ring for a request."""
        return oncall.ladder(
            session,
            request,
            urgent,
            at,
            rota=self.rota,
            book=self.book,
            policies=self.house.policies,
            region=self.settings.default_region,
            unringable=partial(unringable, trunk=self.trunk),
        )

    @property
    def person(self) -> Handover:
        """How a customer whom a call of ours has reached comes to one of us."""
        return Handover(people=self.people, missed=partial(reachability.nobody_took, policies=self.house.policies))

    def people(self, session: Session, attempt: tables.progress.Callback, at: datetime) -> tuple[OnDuty, ...]:
        """The telephones to ring for a customer who was called back: of whoever had them called, else of the rota."""
        if attempt.placed_by != owed.HOUSE:
            asked = reachability.who_asked(session, attempt.placed_by)
            return (asked,) if asked else ()
        urgent = call_terms.terms(session, attempt.request_id, at, policies=self.house.policies).looks_urgent
        return self.on_call(session, attempt.request_id, urgent, at)

    def announced(self, request: tables.requests.Request) -> Named:
        """As `named`; while nobody has decided, the level is the one that was suggested."""
        session = object_session(request)
        suggestion = tables.requests.latest_suggestion(session, request.id) if session else None
        return self.named(request, suggestion.priority if suggestion else None)

    def named(self, request: tables.requests.Request, suggested: str | None = None) -> Named:
        """How a request's policy names its level, and whose support it is."""
        policy = self.house.policies.get(request.policy)
        if policy is None:
            return Named(level="", support="")
        level = request.decided_priority or suggested
        return Named(level=policy.level_label(level) if level else "", support=policy.name)

    @property
    def plugs(self) -> Mapping[JobKind, Plug]:
        """What runs each kind of job of the telephone."""
        return {
            JobKind.RECORDING_FETCH: Plug(run=self._fetch_recording, failures=8),
            JobKind.RECORDING_REMOVE: Plug(run=self._remove_recording, failures=8),
            JobKind.CALLBACK_PLACE: Plug(run=self._place_callback),
            JobKind.RECEIPT_SEND: Plug(run=self._send_receipt, failures=8),
        }

    def tend(self) -> int:
        """Do what is due each minute: calls that are owed, old recordings, what webhooks missed; how much it was.

        What fails is told in the log and tried again; the rest is done all the same.
        """
        done = sum(self._try(part) for part in (self._ring_owed, self._erase_old, self._end_rounds, self._compare))
        if done:
            self.house.wake()
        return done

    def _try(self, part: Callable[[], int]) -> int:
        try:
            return part()
        except Exception as error:  # noqa: BLE001 - whatever one part stumbles over, the others have their turn
            why = type(error.__cause__ or error).__name__
            log.warning("chore.failed", part=part.__name__.lstrip("_"), error=type(error).__name__, reason=why)
            return 0

    def _ring_owed(self) -> int:
        now, house = self.clock(), self.house
        with transaction(house.engine) as session:
            at = restored.restored_at(session, now)
            done = owed.leave_to_people(session, at, RESTORED) if at else 0
            done += burning.owe(
                session,
                now,
                policies=house.policies,
                after=self.settings.callback_after,
                automatic=self.settings.callback_automatic,
            )
            return done + owed.due(session, now, policies=house.policies, region=self.settings.default_region)

    def _erase_old(self) -> int:
        return keeping.erase_old(self.house.engine, days=self.settings.recording_days, clock=self.clock)

    def _end_rounds(self) -> int:
        if not self.is_on:
            return 0
        engine, line = self.house.engine, self.line.switch
        return reconciling.end_rounds(
            engine, switch=line, account=self.account, clock=self.clock, restored=restored.restored_at
        )

    def _compare(self) -> int:
        """Compare Twilio's list with ours if that is due: as often as set, whichever worker, however late a minute."""
        now, every = self.clock(), timedelta(minutes=self.settings.reconcile_minutes)
        if not every or not self.is_on:
            return 0
        with transaction(self.house.engine) as session:
            known = tables.mail.switch(session, COMPARED)
            last = datetime.fromisoformat(known) if known else None
            if known is None:
                tables.mail.set_switch(session, COMPARED, now.isoformat(), CHORE, now)
            elif last and abs(now - last) < every:
                return 0
            elif not tables.mail.swap_switch(session, COMPARED, known, now.isoformat(), CHORE):
                return 0  # another worker was faster
        found = self.reconcile((last or now) - LOOK_BACK)
        return found.calls + found.ends + found.recordings

    @property
    def is_on(self) -> bool:
        """Whether there is an account whose calls we answer."""
        return bool(self.account.account_sid and self.account.auth_token)

    def reconcile(self, since: datetime) -> reconciling.Found:
        """Take in the calls and recordings that Twilio has and we have not."""
        return reconciling.reconcile(
            self.house.engine,
            switch=self.line.switch,
            account=self.account,
            clock=self.clock,
            since=since,
            restored=restored.restored_at,
        )

    def _fetch_recording(self, recording: UUID) -> None:
        remove = self.settings.recording_remove
        recordings.fetch(self.house.engine, recording, self.account, self.clock, remove=remove)

    def _remove_recording(self, recording: UUID) -> None:
        keeping.remove(self.house.engine, recording, self.account, self.clock)

    def _place_callback(self, callback: UUID) -> None:
        phone.place_callback(self.house.engine, callback, trunk=self.trunk, clock=self.clock)

    def _send_receipt(self, receipt: UUID) -> None:
        engine = self.house.engine
        with transaction(engine) as session:
            row = session.get(tables.reaching.CallReceipt, receipt)
            channel = row.channel if row else ""
        if channel == texting.SMS:
            texting.send(engine, receipt, trunk=self.trunk, naming=self.named, clock=self.clock)
        elif channel:
            call_receipts.send(engine, receipt, self.house.transport, terms=self.receipt_terms, clock=self.clock)

    @cached_property
    def receipt_terms(self) -> call_receipts.CallReceiptTerms:
        """How callers are written to."""
        own = self.settings.own_addresses[0]
        return call_receipts.CallReceiptTerms(
            sender=self.settings.reply_from or own,
            own_address=own,
            thread_key=self.house.thread_key,
            portal=f"{self.settings.public_url}/portal/new",
            phone=self.settings.support_phone,
            naming=lambda request: self.named(request).support,
            mode=self.settings.autoreply.value,
        )
