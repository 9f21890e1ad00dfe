"""`demo`: a little traffic against a running instance."""

import re
import smtplib
from email.message import EmailMessage
from email.utils import make_msgid
from html import unescape
from typing import Annotated
from uuid import uuid4

import httpx2
import typer
from twilio.request_validator import RequestValidator

from models.errors import Invalid, Unavailable
from switchboard.settings import Settings, load, with_local_url

OUTAGE = """Hello,

our production gateway answers 503 to every partner since 06:42 UTC.
A restart did not help and there is no workaround.

Marta Sample
Nordhandel
"""
TYPO = "Hi, the settings page says 'Recieve'. Cosmetic only, no hurry.\n\nJon"
TWICE = """Since the update on Monday the nightly report arrives twice.
We delete one by hand for now, so we can go on working.

Ida"""
FRAGE = """Guten Tag,

wie lange werden Protokolle aufbewahrt und wo stelle ich das ein?

Mit freundlichen Grüßen
Klaus"""
MAILS = (
    ("Marta Sample", "marta@nordhandel.example", "Orders fail since 06:42", OUTAGE),
    ("Jon Sample", "jon@harbour.example", "Typo on the settings page", TYPO),
    ("Ida Sample", "ida@lumen.example", "Reports arrive twice", TWICE),
    ("Klaus Sample", "klaus@werk.example", "Frage zur Aufbewahrung", FRAGE),
)
SAID = "our production mail server has been down since nine and nobody can send anything"
ANSWERS: dict[str, dict[str, str]] = {
    "language": {"Digits": "1"},
    "consent": {"Digits": "1"},
    "account": {"Digits": ""},
    "problem": {"SpeechResult": SAID, "Confidence": "0.92"},
    "down": {"Digits": "1"},
    "phone": {"Digits": "1"},
}
"""What the caller answers to each question: no account number at hand, production is down, call me on this number.

There is no answer to a telephone that rings: nobody is rung by a call that Twilio knows nothing of.
"""
QUESTION = re.compile(r'action="([^"#]+/voice/turn\?step=([a-z_]+)[^"#]*)')


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    mails: Annotated[int, typer.Option(help="How many mails.")] = len(MAILS),
    calls: Annotated[int, typer.Option(help="How many calls (needs SWITCHBOARD_TWILIO_*).")] = 1,
    smtp_port: Annotated[int | None, typer.Option(help="SMTP port of the instance.")] = None,
    web_port: Annotated[int | None, typer.Option(help="Web port of the instance.")] = None,
) -> None:
    """Send sample mails and play a sample call against a running instance."""
    settings = with_local_url(load(smtp_port=smtp_port, web_port=web_port))
    _send(settings, mails)
    typer.echo(f"{mails} mails sent to {settings.own_addresses[0]}")
    if not settings.twilio_account_sid:
        typer.echo("No call played: set SWITCHBOARD_TWILIO_ACCOUNT_SID and SWITCHBOARD_TWILIO_AUTH_TOKEN to try one")
        return
    for _ in range(calls):
        _call(settings, f"CA{uuid4().hex}")
    typer.echo(f"{calls} calls played")


def _send(settings: Settings, mails: int) -> None:
    host = settings.smtp_host or settings.bind
    try:
        with smtplib.SMTP(host, settings.smtp_port, timeout=30) as client:
            for number in range(mails):
                client.send_message(_mail(settings.own_addresses[0], number))
    except OSError as error:
        raise Unavailable(
            public=f"No gateway at {host}:{settings.smtp_port}; start one with: switchboard up"
        ) from error


def _mail(to: str, number: int) -> EmailMessage:
    name, address, subject, body = MAILS[number % len(MAILS)]
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"{name} <{address}>", to, subject
    mail["Message-ID"] = make_msgid(domain="demo.example")
    mail.set_content(body)
    return mail


def _call(settings: Settings, sid: str) -> None:
    token = settings.twilio_auth_token.get_secret_value() if settings.twilio_auth_token else ""
    sign = RequestValidator(token).compute_signature
    common = {"CallSid": sid, "AccountSid": settings.twilio_account_sid, "From": "+493055500137", "To": "+493055500100"}

    def post(url: str, **params: str) -> str:
        form = common | params
        headers = {"X-Twilio-Signature": sign(url, form)}
        try:
            answer = httpx2.post(url, data=form, headers=headers, timeout=15)
        except httpx2.HTTPError as error:
            raise Unavailable(public=f"No web at {settings.public_url}; start one with: switchboard up") from error
        if not answer.is_success:
            raise Invalid(public=f"{url} answers {answer.status_code}; has it the same SWITCHBOARD_TWILIO_* settings?")
        return answer.text

    heard = post(f"{settings.public_url}/voice/inbound", CallStatus="ringing")
    while (asked := QUESTION.search(heard)) and asked[2] in ANSWERS:
        heard = post(unescape(asked[1]), CallStatus="in-progress", **ANSWERS[asked[2]])
    post(f"{settings.public_url}/voice/status", CallStatus="completed", CallDuration="42", SequenceNumber="3")
