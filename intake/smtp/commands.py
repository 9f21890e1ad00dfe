"""What we answer to each SMTP and LMTP command: a dialogue without a line. Nothing is ever echoed."""

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass

from intake import addresses
from intake.smtp.gateway import Gateway

LONGEST_COMMAND = 2_048
MOST_RECIPIENTS = 100
"""RFC 5321 §4.5.3.1.8 wants at least this many."""
MOST_ERRORS = 20
"""Refused commands between two stored mails before the line is cut, so that nobody harvests addresses."""
MOST_JUNK = 100
"""Commands that bring no mail nearer, between two stored mails."""
PATH = re.compile(r"[ \t]*(?:<([^<>]*)>|([^<>\s]+))(?:[ \t]+(.*))?", re.DOTALL)


class Then(enum.Enum):
    """What the line does after an answer."""

    GO_ON = enum.auto()
    TAKE = enum.auto()
    ENCRYPT = enum.auto()
    CLOSE = enum.auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply as it goes over the wire, and what follows it."""

    text: bytes
    then: Then = Then.GO_ON

    @property
    def refuses(self) -> bool:
        """Whether the client got it wrong."""
        return self.text.startswith(b"5")


def _says(text: str, then: Then = Then.GO_ON) -> Answer:
    return Answer(text.encode("ascii") + b"\r\n", then)


OK = _says("250 2.0.0 OK")
SENDER_OK = _says("250 2.1.0 OK")
RECIPIENT_OK = _says("250 2.1.5 OK")
TAKE = _says("354 End data with <CR><LF>.<CR><LF>", Then.TAKE)
ENCRYPT = _says("220 2.0.0 Ready to start TLS", Then.ENCRYPT)
GOODBYE = _says("221 2.0.0 Bye", Then.CLOSE)
STORED = _says("250 2.0.0 OK: stored")
NOT_NOW = _says("451 4.3.0 Temporarily unavailable, please try again later")
TOO_LARGE = _says("552 5.3.4 Message is larger than this system takes")
GOING_ROUND = _says("554 5.4.6 Too many hops: the message goes round in circles")
UNKNOWN = _says("500 5.5.2 Command not recognized")
LINE_TOO_LONG = _says("500 5.5.2 Line too long")
NOT_HERE = _says("502 5.5.1 Command not implemented")
NO_ARGUMENT = _says("501 5.5.4 This command takes no argument")
NEEDS_NAME = _says("501 5.5.4 Say your host name")
NEEDS_HELO = _says("503 5.5.1 Say HELO first")
NEEDS_MAIL = _says("503 5.5.1 Say MAIL first")
NEEDS_RCPT = _says("503 5.5.1 Say RCPT first")
NESTED = _says("503 5.5.1 Sender already given")
NEEDS_TLS = _says("530 5.7.0 Say STARTTLS first")
NO_TLS = _says("502 5.5.1 TLS is not offered here")
IN_TLS = _says("503 5.5.1 TLS is in use already")
BAD_MAIL = _says("501 5.5.4 Syntax: MAIL FROM:<address>")
BAD_RCPT = _says("501 5.5.4 Syntax: RCPT TO:<address>")
BAD_SENDER = _says("501 5.1.7 This is no sender address")
BAD_RECIPIENT = _says("553 5.1.3 This is no recipient address")
BAD_PARAMETER = _says("555 5.5.4 Parameter not recognized")
NOT_OURS = _says("550 5.1.1 No such recipient here")
FULL = _says("452 4.5.3 Too many recipients; send the rest in another transaction")
FLOOD = _says("450 4.7.1 Too many messages from this sender; try again in a minute")
TOO_MANY_ERRORS = _says("421 4.7.0 Too many errors", Then.CLOSE)
TOO_MUCH_JUNK = _says("421 4.7.0 Too many commands without a message", Then.CLOSE)
NOT_HTTP = _says("554 5.7.0 This is not a web server", Then.CLOSE)
NO_PROXY = _says("554 5.7.0 PROXY is not for you", Then.CLOSE)
CANNOT_VERIFY = _says("252 2.5.0 Cannot verify; send the message and see")
HELP = _says("214 2.0.0 HELO EHLO MAIL RCPT DATA RSET NOOP VRFY HELP STARTTLS QUIT")
THIS_IS_LMTP = _says("500 5.5.1 This is LMTP: say LHLO")

BEFORE_TLS = frozenset({b"EHLO", b"NOOP", b"STARTTLS", b"QUIT", b"LHLO"})
"""What RFC 3207 §4 lets a client say before STARTTLS where it is required (and the end of it)."""


class Dialogue:
    """One client's dialogue: what it said so far, and what it is answered."""

    def __init__(self, gateway: Gateway, peer: str, *, lmtp: bool = False, encrypted: bool = False) -> None:
        self._gateway = gateway
        self._peer = peer
        self.lmtp = lmtp
        self.encrypted = encrypted
        self.helo = ""
        self.sender: str | None = None
        self.recipients: list[str] = []
        self.mails = 0
        """How many times a transaction was begun."""
        self._errors = 0
        self._junk = 0

    def answer(self, line: bytes) -> Answer:
        """The answer to a command line; errors and idle talk are counted until a mail is stored."""
        answer = self._answer(line)
        if answer.refuses:
            self._errors += 1
            if self._errors > MOST_ERRORS and answer.then is not Then.CLOSE:
                return TOO_MANY_ERRORS
        elif self._junk > MOST_JUNK:
            return TOO_MUCH_JUNK
        return answer

    def reset(self) -> None:
        """Forget the transaction."""
        self.sender = None
        self.recipients = []

    def stored(self) -> None:
        """A mail was stored: errors before it are forgiven."""
        self._errors = self._junk = 0

    def _answer(self, line: bytes) -> Answer:
        if len(line) > LONGEST_COMMAND:
            return LINE_TOO_LONG
        word, _, rest = line.rstrip(b"\r\n").partition(b" ")
        word = word.upper()
        command = COMMANDS.get(word)
        if command is None:
            return UNKNOWN
        gateway = self._gateway
        if gateway.require_tls and not (self.encrypted or self.lmtp) and word not in BEFORE_TLS:
            return NEEDS_TLS
        return command(self, rest.decode("utf-8", "surrogateescape"))

    # Greeting.

    def _greet(self, name: str) -> Answer:
        if self.lmtp:
            return THIS_IS_LMTP
        return self._greeted(name) or _says(f"250 {self._gateway.hostname}")

    def _greet_extended(self, name: str) -> Answer:
        return THIS_IS_LMTP if self.lmtp else self._greeted(name) or self._offers()

    def _greet_local(self, name: str) -> Answer:
        return self._greeted(name) or self._offers() if self.lmtp else UNKNOWN

    def _greeted(self, name: str) -> Answer | None:
        self._junk += 1
        shown = "".join(sign if sign.isprintable() else "?" for sign in name.strip())
        if not shown:
            return NEEDS_NAME
        self.reset()
        self.helo = shown[:255]
        return None

    def _offers(self) -> Answer:
        gateway = self._gateway
        offers = ["PIPELINING", f"SIZE {gateway.max_bytes}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if gateway.tls is not None and not self.encrypted:
            offers.append("STARTTLS")
        return _says("\r\n".join(f"250-{each}" for each in [gateway.hostname, *offers]) + "\r\n250 HELP")

    # A transaction.

    def _mail(self, rest: str) -> Answer:
        if not self.helo or self.sender is not None:
            return NESTED if self.helo else NEEDS_HELO
        found = PATH.fullmatch(rest[5:]) if rest[:5].upper() == "FROM:" else None
        if found is None:
            return BAD_MAIL
        sender = "" if found[1] == "" else addresses.path(found[1] or found[2])
        if sender is None:
            return BAD_SENDER
        refused = self._refused_parameters(found[3]) if found[3] else None
        if refused is None and self._gateway.is_flooded(sender, self._peer):
            refused = self._talk(FLOOD)
        if refused is not None:
            return refused
        self.sender = sender
        self.mails += 1
        return SENDER_OK

    def _refused_parameters(self, written: str) -> Answer | None:
        """What is wrong with the parameters of MAIL (RFC 1870, 6152, 6531), or None."""
        for parameter in written.upper().split():
            name, _, value = parameter.partition("=")
            if name == "SIZE" and value.isascii() and value.isdigit() and len(value) <= 20:  # noqa: PLR2004 - RFC 1870
                if int(value) > self._gateway.max_bytes:
                    return TOO_LARGE
            elif parameter not in {"SMTPUTF8", "BODY=7BIT", "BODY=8BITMIME"}:
                return BAD_PARAMETER
        return None

    def _rcpt(self, rest: str) -> Answer:
        if self.sender is None:
            return NEEDS_MAIL
        found = PATH.fullmatch(rest[3:]) if rest[:3].upper() == "TO:" else None
        if found is None:
            return BAD_RCPT
        if len(self.recipients) >= MOST_RECIPIENTS:
            return FULL
        written = found[1] or found[2] or ""
        recipient = addresses.path(written if written.lower() != "postmaster" else f"postmaster@{self._gateway.domain}")
        if recipient is None or found[3]:
            return BAD_PARAMETER if found[3] else BAD_RECIPIENT
        if not self._gateway.is_ours(recipient):
            return NOT_OURS
        self.recipients.append(recipient)
        return RECIPIENT_OK

    def _data(self, rest: str) -> Answer:
        if not self.recipients:
            return NEEDS_RCPT if self.sender is not None else NEEDS_MAIL
        return NO_ARGUMENT if rest else TAKE

    def _starttls(self, rest: str) -> Answer:
        if self._gateway.tls is None:
            return NO_TLS
        if self.encrypted:
            return IN_TLS
        return NO_ARGUMENT if rest else ENCRYPT

    # Talk.

    def _rset(self, _rest: str) -> Answer:
        self.reset()
        return self._talk(OK)

    def _talk(self, answer: Answer) -> Answer:
        self._junk += 1
        return answer


Command = Callable[[Dialogue, str], Answer]


def _always(answer: Answer) -> Command:
    return lambda dialogue, _: dialogue._talk(answer)  # noqa: SLF001 - a command of the dialogue


COMMANDS: dict[bytes, Command] = {
    b"HELO": Dialogue._greet,  # noqa: SLF001 - the table of its commands
    b"EHLO": Dialogue._greet_extended,  # noqa: SLF001
    b"LHLO": Dialogue._greet_local,  # noqa: SLF001
    b"MAIL": Dialogue._mail,  # noqa: SLF001
    b"RCPT": Dialogue._rcpt,  # noqa: SLF001
    b"DATA": Dialogue._data,  # noqa: SLF001
    b"STARTTLS": Dialogue._starttls,  # noqa: SLF001
    b"RSET": Dialogue._rset,  # noqa: SLF001
    b"NOOP": _always(OK),
    b"VRFY": _always(CANNOT_VERIFY),
    b"HELP": _always(HELP),
    b"EXPN": _always(NOT_HERE),
    b"AUTH": _always(NOT_HERE),
    b"BDAT": _always(NOT_HERE),
    b"XCLIENT": _always(NOT_HERE),
    b"QUIT": _always(GOODBYE),
    b"PROXY": _always(NO_PROXY),
    **dict.fromkeys((b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"DELETE"), _always(NOT_HTTP)),
}
