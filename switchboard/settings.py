"""The only reader of the environment: one frozen object, with a clear line for every mistake."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import phonenumbers
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from intake.portal.links import template_mistake
from intake.replies.wording import check_folder
from models.errors import Misconfigured
from models.terms import Autoreply
from triage.desk import recipients
from voice import consent, own_numbers, prompts

PREFIX = "SWITCHBOARD_"
SECRETS_DIR = "SWITCHBOARD_SECRETS_DIR"
"""Names a directory with one file per secret (Docker and systemd put theirs there)."""

OWN_PROMPTS = "SWITCHBOARD_VOICE_PROMPTS"
Addresses = Annotated[tuple[str, ...], NoDecode]
RECEIPTS: Mapping[tuple[str, ...], tuple[str, ...]] = {("off",): (), ("both",): ("mail", "sms")}
"""What stands for none of the ways of writing to a caller, and for all of them."""


class StartTls(StrEnum):
    """Whether the SMTP gateway speaks TLS (RFC 3207)."""

    OFF = "off"
    OFFERED = "offered"
    REQUIRED = "required"


class Settings(BaseSettings):
    """Everything an operator can set, by environment (`SWITCHBOARD_…`), `.env` or secrets directory."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    data_dir: Path = Field(Path("var"), description="Embedded mode: where PostgreSQL, Redis and replies live.")
    database_url: SecretStr | None = Field(None, description="PostgreSQL 18 URL; empty: embedded PostgreSQL.")
    redis_url: SecretStr | None = Field(None, description="Redis URL; empty: embedded Redis.")
    secret_key: SecretStr | None = Field(
        None, description="Signs portal links and classifier artefacts; at least 32 characters. Embedded: generated."
    )
    bind: str = Field("127.0.0.1", description="Address the SMTP gateway and the web listen on.")
    web_port: int = Field(8000, ge=0, le=65535, description="Port of console, portal, API and webhooks; 0: off.")
    public_url: str = Field(
        "http://127.0.0.1:8000",
        description="How the world reaches the web; portal links and webhook signatures use it.",
    )
    smtp_host: str | None = Field(None, description="Address of the SMTP gateway alone; empty: the bind address.")
    smtp_port: int = Field(8025, ge=0, le=65535, description="Port of the SMTP gateway; 0: off.")
    lmtp_port: int = Field(0, ge=0, le=65535, description="Port of the LMTP gateway; 0: off.")
    own_addresses: Addresses = Field(
        ("support@localhost", "support@example.com"), description="Addresses we take mail for, comma-separated."
    )
    max_message_bytes: int = Field(26_214_400, ge=1024, description="Largest mail taken, in bytes (25 MiB).")
    starttls: StartTls = Field(StartTls.OFF, description="STARTTLS at the SMTP gateway: off, offered, required.")
    tls_certificate: Path | None = Field(None, description="PEM file of the gateway's certificate, with its chain.")
    tls_key: Path | None = Field(None, description="PEM file of the certificate's key; empty: it is in the same file.")
    proxy_from: Addresses = Field(
        (), description="Networks (CIDR) of load balancers that speak the PROXY protocol to the gateway."
    )
    sender_rate: int = Field(600, ge=1, description="Mails a minute taken from one envelope sender; more must wait.")
    trusted_relays: Addresses = Field(
        (), description="Networks (CIDR) of our own relays: no limit on their connections."
    )
    trusted_authserv_id: str = Field("", description="The authserv-id whose Authentication-Results we believe.")
    check_authentication: bool = Field(
        default=False, description="Check SPF, DKIM and DMARC ourselves where no trusted relay did (extra `mailauth`)."
    )
    answer_unauthenticated: bool = Field(
        default=True, description="Answer mail of which nobody can say whether its sender is forged."
    )
    imap_url: SecretStr | None = Field(
        None, description="imaps://user:password@host/folder of a mailbox to fetch mail from; empty: none."
    )
    imap_token_command: str = Field(
        "", description="Command that prints an OAuth 2.0 access token for the mailbox; empty: the URL's password."
    )
    smarthost: SecretStr | None = Field(
        None,
        description="smtp://[user:password@]host:port?starttls=require|opportunistic|never or smtps://…; "
        "empty: replies are captured in the outbox under the data directory.",
    )
    reply_from: str = Field("", description="From address of replies; empty: the address the mail was sent to.")
    autoreply: Autoreply = Field(
        Autoreply.ON, description="Tell senders that mail is no SLA channel: on, dry-run, off."
    )
    reply_window: timedelta = Field(
        timedelta(days=1), description="A sender is answered at most once in this time (ISO 8601 duration or seconds)."
    )
    reply_max_age: timedelta = Field(
        timedelta(hours=12), description="Replies to mail older than this are dropped, not sent."
    )
    reply_domain_cap: int = Field(30, ge=1, description="Replies an hour to one mail domain at most.")
    reply_cap: int = Field(1000, ge=1, description="Replies an hour altogether at most: the last fuse against loops.")
    reply_templates: Path | None = Field(
        None, description="Directory of your own reply wordings, a TOML file per language."
    )
    portal_url: str = Field(
        "",
        description="Template of an external portal link with {token}, {reference}, {subject}, {email}; "
        "empty: built-in portal.",
    )
    recipients: str = Field(
        "",
        description="Whom escalations reach by name: `support-chat=chat@example.com; on-call=+493055501, ops@…`.",
    )
    support_phone: str = Field("", description="Number told to senders whose policy names none.")
    policy: str = Field("wso2", description="Policy of requests whose account names none.")
    policy_dir: Path | None = Field(None, description="Directory of further policy packs (*.yaml).")
    default_region: str = Field(
        "US",
        description="Country of telephone numbers written without a country code, two letters of ISO 3166: `DE`; "
        "`GB` for the United Kingdom.",
    )
    voice_prompts: Path | None = Field(
        None, description="Directory of your own wording and voices of the telephone menu, a TOML file per language."
    )
    voice_language: str = Field("en", description="Language the telephone menu speaks first.")
    voice_languages: Addresses = Field(
        (), description="Languages callers choose among by key, comma-separated; empty: the first one alone."
    )
    voice_numbers: str = Field(
        "",
        description="Our numbers and the languages spoken there: `+493055500100=de; +442055500100=en,fr`; "
        "calls to others are refused; empty: every number of the account.",
    )
    voice_recording: str = Field(
        "ask",
        description="Consent to recordings: ask, announce or never, and by the caller's country: `ask; US=announce`; "
        "the stricter of this and the policy's counts.",
    )
    voice_receipt: Addresses = Field(
        ("mail",),
        description="How callers get their reference in writing where the policy allows: mail, sms, both, or off.",
    )
    rota: Path | None = Field(
        None, description="YAML file of who is on call when; empty: the entry `on-call` of SWITCHBOARD_RECIPIENTS."
    )
    callback_after: timedelta = Field(
        timedelta(minutes=10), description="How soon somebody who hung up is owed a call."
    )
    callback_automatic: bool = Field(
        default=False, description="Ring those who are owed a call by itself; else a person does from the console."
    )
    recording_days: int = Field(
        0, ge=0, le=3660, description="Days after which the sound of a recording is erased here; 0: kept."
    )
    recording_remove: bool = Field(default=False, description="Delete each recording at Twilio once it is stored here.")
    reconcile_minutes: float = Field(
        15, ge=0, le=1440, description="How often Twilio's list of calls is compared with ours; 0: by command only."
    )
    twilio_account_sid: str = Field("", description="Twilio account whose webhooks we answer; empty: phone is off.")
    twilio_auth_token: SecretStr | None = Field(None, description="Twilio primary auth token (signs webhooks).")
    twilio_auth_token_secondary: SecretStr | None = Field(None, description="Second token, during rotation.")
    twilio_signing_keys: SecretStr | None = Field(
        None,
        description="Keys shared with Twilio that sign webhooks by HMAC-SHA256, comma-separated during rotation; "
        "empty: the auth tokens sign them by HMAC-SHA1.",
    )
    twilio_from: str = Field("", description="Our own Twilio number (E.164) that calls out: pages and callbacks.")
    twilio_api_base: str = Field("https://api.twilio.com", description="Twilio's REST address; only tests change it.")
    session_hours: int = Field(12, ge=1, le=720, description="Hours until a console sign-in ends.")
    worker_processes: int = Field(2, ge=1, le=64, description="Child processes of one worker.")
    sweep_seconds: float = Field(5.0, gt=0, le=300, description="How often beat looks for jobs nobody was woken for.")
    learn_at_once: bool = Field(
        default=True,
        description="The next suggestion takes each decision into account at once; else only the next training does.",
    )
    retrain_days: float = Field(
        7, ge=0, le=365, description="Days after which the classifier is trained anew by itself; 0: only by command."
    )
    retrain_promote: bool = Field(
        default=False,
        description="Put what was trained by itself in force unless it is worse; else a person promotes it.",
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least severe log line written.")
    log_format: str = Field("console", pattern="^(console|json)$", description="console for people, json for machines.")

    @field_validator("own_addresses", "trusted_relays", "proxy_from", "voice_languages", "voice_receipt", mode="before")
    @classmethod
    def split(cls, value: Any) -> Any:
        """Take a comma-separated list."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("own_addresses")
    @classmethod
    def has_domain(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse an own address without a domain."""
        for address in value:
            if address.count("@") != 1 or address.startswith("@") or address.endswith("@"):
                raise ValueError(f"{address!r} is not an address like support@example.com")
        return tuple(address.lower() for address in value)

    @field_validator("trusted_relays", "proxy_from")
    @classmethod
    def is_network(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no network."""
        for network in value:
            ip_network(network)
        return value

    @model_validator(mode="after")
    def has_certificate(self) -> Self:
        """Refuse STARTTLS without a certificate."""
        if self.starttls is not StartTls.OFF and self.tls_certificate is None:
            raise ValueError(f"SWITCHBOARD_TLS_CERTIFICATE must be set for SWITCHBOARD_STARTTLS={self.starttls}")
        return self

    @field_validator("public_url", "twilio_api_base")
    @classmethod
    def is_web_address(cls, value: str) -> str:
        """Refuse anything but http(s)://host, with a port and a path at most, without a trailing slash."""
        parts = urlsplit(value)
        is_clean = not re.search(r"[\s?#]", value) and parts.hostname and parts.port != 0
        if parts.scheme not in {"http", "https"} or not is_clean:
            raise ValueError("write http:// or https:// and a host, such as https://support.example.com, and no ? or #")
        return parts.geturl().rstrip("/")

    @field_validator("reply_window", "reply_max_age", "callback_after", mode="wrap")
    @classmethod
    def is_duration(cls, value: Any, read: ValidatorFunctionWrapHandler) -> timedelta:
        """Take ISO 8601 or whole seconds; refuse what is neither, or negative."""
        is_seconds = isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value)
        try:
            found: timedelta = timedelta(seconds=int(value)) if is_seconds else read(value)
        except ValidationError:
            raise ValueError(f"{value!r} is no duration: write PT10M, PT12H or P1D, or seconds such as 600") from None
        if found < timedelta(0):
            raise ValueError(f"{value!r} is negative: write PT10M, PT12H or P1D, or seconds such as 600")
        return found

    @field_validator("default_region")
    @classmethod
    def is_country(cls, value: str) -> str:
        """Refuse a country that has no numbering plan; lower case will do."""
        region = value.strip().upper()
        if region and region not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"{value!r}: write two letters of ISO 3166, such as DE; GB for the United Kingdom")
        return region

    @field_validator("twilio_account_sid")
    @classmethod
    def is_account(cls, value: str) -> str:
        """Refuse what is no account's id, such as an API key's; what was written is not shown."""
        sid = value.strip()
        if sid and not re.fullmatch(r"AC[0-9A-Za-z]+", sid):
            raise ValueError("write the Account SID of Twilio's console: it begins with AC")
        return sid

    @field_validator("twilio_from")
    @classmethod
    def is_number(cls, value: str) -> str:
        """Refuse what is no number with its country's code; gaps between the digits will do."""
        number = own_numbers.GAPS.sub("", value)
        if number and not own_numbers.NUMBER.fullmatch(number):
            raise ValueError(f"{value!r} is no number like +493055500100")
        return number

    @field_validator("portal_url")
    @classmethod
    def is_template(cls, value: str) -> str:
        """Refuse a link with placeholders nobody fills."""
        if value and (mistake := template_mistake(value)):
            raise ValueError(mistake)
        return value

    @field_validator("recipients")
    @classmethod
    def is_book(cls, value: str) -> str:
        """Refuse names without an address or number, all mistakes at once."""
        recipients.parse(value)
        return value

    @field_validator("voice_numbers", "voice_recording")
    @classmethod
    def is_written_well(cls, value: str, info: ValidationInfo) -> str:
        """Refuse numbers and countries nobody can read, all mistakes at once."""
        (own_numbers.parse if info.field_name == "voice_numbers" else consent.parse)(value)
        return value

    @field_validator("voice_receipt")
    @classmethod
    def is_way(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse ways of writing to a caller that there are not; `both` is either of them, `off` is none."""
        if value in RECEIPTS:
            return RECEIPTS[value]
        if unknown := set(value) - {"mail", "sms"}:
            raise ValueError(f"{', '.join(sorted(unknown))}: write mail, sms, both, or off")
        return value

    @field_validator("voice_prompts")
    @classmethod
    def is_spoken(cls, value: Path | None) -> Path | None:
        """Refuse wordings that could not be said, all mistakes at once."""
        if value is not None and (mistakes := prompts.check_folder(value)):
            raise ValueError("; ".join(mistakes))
        return value

    @field_validator("voice_language", "voice_languages", "voice_numbers")
    @classmethod
    def is_spoken_here(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse languages without prompts; the directory of the operator's own was read before."""
        if "voice_prompts" not in info.data:
            return value  # it is wrong itself, and named
        own = info.data["voice_prompts"]
        spoken = {*prompts.languages(), *(path.stem for path in (own.glob("*.toml") if own else ()))}
        wanted = {value} if info.field_name == "voice_language" else set(value)
        if info.field_name == "voice_numbers":
            wanted = {each for some in own_numbers.parse(value).values() for each in some}
        if missing := sorted(wanted - spoken):
            there = ", ".join(sorted(spoken))
            raise ValueError(f"no prompts for {', '.join(missing)}; there are {there}, and more in {OWN_PROMPTS}")
        return value

    @field_validator("reply_templates")
    @classmethod
    def is_wording(cls, value: Path | None) -> Path | None:
        """Refuse wordings that could not be sent, all mistakes at once."""
        if value is not None and (mistakes := check_folder(value)):
            raise ValueError("; ".join(mistakes))
        return value

    @field_validator("secret_key")
    @classmethod
    def is_long(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse a secret that can be guessed."""
        if value is not None and len(value.get_secret_value()) < 32:  # noqa: PLR2004
            raise ValueError("must have at least 32 characters")
        return value


def load(**overrides: Any) -> Settings:
    """Read the settings; keyword arguments that are not None win over the environment.

    Raises:
        Misconfigured: one line naming each setting that is wrong, and why; secrets are not shown.

    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(_secrets_dir=os.environ.get(SECRETS_DIR), **given)  # type: ignore[call-arg]  # pydantic-settings takes it
    except ValidationError as error:
        raise Misconfigured(public=explain(error)) from error


def explain(error: ValidationError) -> str:
    """Turn pydantic's findings into one line an operator can act on."""
    found = []
    for problem in error.errors(include_input=False, include_url=False):
        name = PREFIX + str(problem["loc"][0]).upper() if problem["loc"] else "settings"
        found.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(found)


def with_local_url(settings: Settings) -> Settings:
    """Follow the chosen web port in `public_url` where the operator set none."""
    if "public_url" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"public_url": f"http://127.0.0.1:{settings.web_port}"})
