"""The envelope that a delivered mail still tells: what final delivery wrote above it. Pure.

A mailbox keeps no SMTP envelope. RFC 5321 §4.4 has final delivery write the return path as the
topmost Return-Path field; who the recipient was stands in fields that mail servers add by custom.
"""

import re
from datetime import datetime

from intake import addresses
from models.terms import Envelope

HEAD = 262_144
"""How many bytes of a mail are looked at for these fields."""
RECIPIENT_FIELDS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to")
FIELD = re.compile(r"([!-9;-~]{1,76}):[ \t]*(.*)")


def envelope(content: bytes, *, own_addresses: tuple[str, ...], received_at: datetime, peer: str = "imap") -> Envelope:
    """The envelope as far as the header tells it.

    The sender is the topmost Return-Path; an empty or unreadable one is the null return path, which is
    never answered. Where nobody wrote one it is Sender, else From: whoever answers has to hold it
    against authentication, as for any other mail. Recipients are those of our own addresses that
    the mail names as delivered to, else the first own address.
    """
    fields = head_fields(content)
    return Envelope(
        mail_from=_sender(fields),
        rcpt_to=_recipients(fields, own_addresses),
        peer=peer,
        helo="",
        received_at=received_at,
    )


def head_fields(content: bytes) -> list[tuple[str, str]]:
    """Name (lower case) and unfolded value of each header field, in order."""
    head = content[:HEAD].replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace")
    unfolded = re.sub(r"\n[ \t]+", " ", head)
    found = (FIELD.fullmatch(each) for each in unfolded.split("\n"))
    return [(each[1].lower(), each[2].strip()) for each in found if each]


def _sender(fields: list[tuple[str, str]]) -> str:
    for name, value in fields:
        if name == "return-path":
            return addresses.path(value.strip("<> \t")) or ""
    for wanted in ("sender", "from"):
        for name, value in fields:
            boxes = addresses.mailboxes(value) if name == wanted else ()
            if boxes:
                return addresses.path(boxes[0].address) or ""
    return ""


def _recipients(fields: list[tuple[str, str]], own_addresses: tuple[str, ...]) -> tuple[str, ...]:
    own = {addresses.key(each) for each in own_addresses}
    named = (value.strip("<> \t") for name, value in fields if name in RECIPIENT_FIELDS)
    ours = dict.fromkeys(each for each in named if addresses.path(each) and addresses.key(each) in own)
    return tuple(ours) or own_addresses[:1]
