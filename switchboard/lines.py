"""The patch panel: builds every part from the settings and plugs the rooms into each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from intake import conversation, door
from intake.portal import links
from intake.replies import answering, mailauth, mailer, notices
from intake.replies.limits import Caps
from models import tables
from models.errors import Misconfigured
from models.store import connect, transaction
from models.terms import Channel, Envelope, Fact, Interaction, JobKind, Receipt, Suggestion
from switchboard.learning import Learning
from switchboard.settings import Settings
from switchboard.telephony import Telephony
from triage import identity, policy, suggest
from triage.desk import directory, reception, recipients, registry, watch
from triage.escalation import Reach
from voice import phone
from workers import app as celery_app
from workers.app import Waker
from workers.runner import Plug, run_due

if TYPE_CHECKING:
    from celery import Celery


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """Where the two stores are and the secret that signs: embedded or an operator's."""

    database_url: str
    redis_url: str
    secret: str


def now() -> datetime:
    """The current time, aware, UTC: the clock of every edge."""
    return datetime.now(UTC)


class Switchboard:
    """Every part of one process, built when first used. Building connects to nothing."""

    def __init__(self, settings: Settings, sites: Sites) -> None:
        self.settings = settings
        self.sites = sites

    @cached_property
    def engine(self) -> Engine:
        """The database engine."""
        return connect(self.sites.database_url)

    @cached_property
    def policies(self) -> Mapping[str, policy.Policy]:
        """The policy packs, by id."""
        packs = policy.load_packs(self.settings.policy_dir)
        if self.settings.policy not in packs:
            known = ", ".join(sorted(packs))
            raise Misconfigured(public=f"SWITCHBOARD_POLICY: no policy {self.settings.policy!r}; there are {known}")
        return packs

    @cached_property
    def celery(self) -> "Celery":
        """The Celery application."""
        return celery_app.build(
            self.sites.redis_url,
            drain=self.drain,
            watch=self.watch,
            chores={"learn": self.learn, "telephone": self.telephony.tend},
            sweep_seconds=self.settings.sweep_seconds,
            processes=self.settings.worker_processes,
            before_fork=self.warm_up,
            after_fork=self.forget_connections,
        )

    @cached_property
    def wake(self) -> Waker:
        """Tells a worker that there are jobs."""
        return Waker(self.celery)

    @cached_property
    def running(self) -> registry.Running:
        """The classifier in force."""
        at_once = self.settings.learn_at_once
        return registry.Running(self.engine, self.sites.secret, self.policies, at_once=at_once)

    @cached_property
    def learning(self) -> Learning:
        """What is done beside the jobs so that the classifier gets better."""
        return Learning(self.engine, self.sites.secret, self.policies, self.settings)

    @cached_property
    def serializer(self) -> URLSafeTimedSerializer:
        """Signs portal links."""
        return URLSafeTimedSerializer(self.sites.secret, salt="portal")

    @cached_property
    def thread_key(self) -> bytes:
        """Seals the Message-IDs and reply addresses by which follow-ups find their request."""
        return conversation.thread_key(self.sites.secret)

    def suggest(  # the Suggest port
        self,
        *,
        policy: str,
        channel: Channel,
        subject: str,
        body: str,
        language: str | None,
        facts: tuple[Fact, ...] = (),
    ) -> Suggestion:
        """Suggest with the classifier in force."""
        pack = self.policies[policy]
        return suggest.suggest(
            pack, self.running.get(), channel=channel, subject=subject, body=body, language=language, facts=facts
        )

    @cached_property
    def _reception(self) -> reception.Reception:
        return reception.Reception(
            policies=self.policies,
            default_policy=self.settings.policy,
            support_phone=self.settings.support_phone,
            pin_key=directory.pin_key(self.sites.secret),
        )

    @cached_property
    def _suggesting_reception(self) -> reception.Reception:
        return reception.Reception(
            policies=self.policies,
            default_policy=self.settings.policy,
            support_phone=self.settings.support_phone,
            suggest=self.suggest,
            pin_key=directory.pin_key(self.sites.secret),
        )

    def receive(self, session: Session, interaction: Interaction, at: datetime) -> Receipt:
        """The desk for doors that must answer at once: a worker suggests afterwards."""
        return reception.receive(session, interaction, at, reception=self._reception)

    def receive_and_suggest(self, session: Session, interaction: Interaction, at: datetime) -> Receipt:
        """The desk for workers, which hold the classifier."""
        return reception.receive(session, interaction, at, reception=self._suggesting_reception)

    @cached_property
    def plugs(self) -> Mapping[JobKind, Plug]:
        """What runs each kind of job."""
        return {
            JobKind.MAIL_PROCESS: Plug(run=self._process_mail, give_up=self._mark_unparsed),
            JobKind.MAIL_SEND: Plug(run=self._send_mail),
            JobKind.REQUEST_SUGGEST: Plug(run=self._suggest),
            JobKind.NOTICE_SEND: Plug(run=self._send_notice, give_up=self._give_up_notice, failures=8),
            **self.telephony.plugs,
        }

    def drain(self) -> int:
        """Run the jobs that are due; how many were run."""
        return run_due(self.engine, self.plugs)

    def watch(self) -> int:
        """Look at the requests whose clocks and ladders want it; how many were looked at."""
        find = partial(recipients.find, book=self.telephony.book)
        with transaction(self.engine) as session:
            looked = watch.look(session, now(), policies=self.policies, recipients=find, batch=20)
        looked += phone.catch_up(self.engine, trunk=self.telephony.trunk, clock=now, batch=2)
        if looked:
            self.wake()
        return looked

    def learn(self) -> int:
        """Do what makes the classifier better; how many suggestions were scored in the shadow."""
        return self.learning.tick()

    @cached_property
    def telephony(self) -> Telephony:
        """The telephone."""
        return Telephony(self, self.settings, now)

    def warm_up(self) -> None:
        """Load what a worker's children share, before they are forked."""
        _ = self.policies, self.check_sender, self.telephony.rota
        self.running.get()
        self.forget_connections()

    def forget_connections(self) -> None:
        """Leave connections made before a fork to the parent."""
        self.engine.dispose(close=False)

    @property
    def outbox(self) -> Path | None:
        """Where replies are captured; None when a smarthost sends them."""
        return None if self.settings.smarthost else self.settings.data_dir / "outbox"

    @cached_property
    def transport(self) -> mailer.Transport:
        """The way out for replies: the smarthost, else the capture."""
        if self.settings.smarthost is not None:
            return mailer.Smarthost(self.settings.smarthost.get_secret_value())
        return mailer.Capture(self.settings.data_dir / "outbox")

    @cached_property
    def reply_terms(self) -> answering.ReplyTerms:
        """How and when senders are answered."""
        return answering.ReplyTerms(
            reply_from=self.settings.reply_from,
            window=self.settings.reply_window,
            max_age=self.settings.reply_max_age,
            mode=self.settings.autoreply.value,
            own_addresses=frozenset(self.settings.own_addresses),
            support_phone=self.settings.support_phone,
            portal_link=self.portal_link,
            trusted_authserv_id=self.settings.trusted_authserv_id,
            answer_unauthenticated=self.settings.answer_unauthenticated,
            caps=Caps(
                domain=self.settings.reply_domain_cap,
                everybody=self.settings.reply_cap,
                is_provider=identity.is_free_mail,
            ),
            thread_key=self.thread_key,
            templates=self.settings.reply_templates,
        )

    def portal_link(self, receipt: Receipt, subject: str, address: str) -> str:
        """The signed link that carries what a redirected customer wrote, to our portal or the operator's."""
        token = links.claim_token(self.serializer, receipt.request)
        if not self.settings.portal_url:
            return f"{self.settings.public_url}/portal/claim/{token}"
        return links.external_link(
            self.settings.portal_url, token=token, reference=receipt.reference, subject=subject, email=address
        )

    @cached_property
    def check_sender(self) -> mailauth.OwnCheck | None:
        """Our own check of SPF, DKIM and DMARC; None where it is not asked for."""
        return mailauth.OwnCheck() if self.settings.check_authentication else None

    def _process_mail(self, mail: UUID) -> None:
        verdict = mailauth.of_stored(self.engine, mail, self.check_sender)
        with transaction(self.engine) as session:
            door.process(
                session,
                mail,
                receive=self.receive_and_suggest,
                terms=self.reply_terms,
                now=now(),
                thread_key=self.thread_key,
                verdict=verdict,
            )

    def _mark_unparsed(self, mail: UUID) -> None:
        with transaction(self.engine) as session:
            because = tables.jobs.error_of(session, JobKind.MAIL_PROCESS, mail)
            door.mark_unparsed(
                session,
                mail,
                receive=self.receive,
                now=now(),
                because=because or "the worker died while reading it",
                thread_key=self.thread_key,
            )

    def _send_mail(self, outgoing: UUID) -> None:
        mailer.send(
            self.engine,
            outgoing,
            self.transport,
            max_age=self.settings.reply_max_age,
            clock=now,
            mode=self.settings.autoreply.value,
        )

    def _suggest(self, interaction: UUID) -> None:
        with transaction(self.engine) as session:
            reception.suggest_for(session, interaction, now(), reception=self._suggesting_reception)

    @cached_property
    def notice_terms(self) -> notices.NoticeTerms:
        """How engineers are told by mail."""
        own = self.settings.own_addresses[0]
        return notices.NoticeTerms(
            sender=self.settings.reply_from or own,
            own_address=own,
            public_url=self.settings.public_url,
            thread_key=self.thread_key,
            ended=partial(watch.ended, policies=self.policies),
            settle=watch.settle_step,
        )

    def _send_notice(self, notice: UUID) -> None:
        with transaction(self.engine) as session:
            channel = tables.progress.channel_of(session, notice)
        if channel == Reach.PHONE:
            ended = self.notice_terms.ended
            phone.page(self.engine, notice, trunk=self.telephony.trunk, ended=ended, settle=self.settle, clock=now)
        else:
            notices.send(self.engine, notice, self.transport, terms=self.notice_terms, clock=now)

    def settle(self, session: Session, step: UUID) -> None:
        """Have those told by mail whom a page did not reach; then the step's state follows its notices."""
        recipients.tell_by_mail(session, step, now(), book=self.telephony.book)
        watch.settle_step(session, step)

    def _give_up_notice(self, notice: UUID) -> None:
        with transaction(self.engine) as session:
            step = tables.progress.fail_notice(session, notice, "it could not be handed over")
            if step is not None:
                self.settle(session, step)

    def accept(self, envelope: Envelope, content: bytes) -> None:
        """Store a mail; committed when this returns. Blocks; raises SwitchboardError."""
        with transaction(self.engine) as session:
            door.accept(session, envelope, content, now())
        self.wake()
