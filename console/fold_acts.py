"""Folding on a request's page: worked on under another request, and taken out again."""

from console import opened
from console.acts import Act, Doing
from models.errors import Conflict, Invalid
from triage.desk import folding


def fold(doing: Doing) -> None:
    """Have a request worked on under another one, named by its reference."""
    into = doing.sent.text("into")
    if not into:
        raise Invalid(public="Name the request it is worked on under, such as SB-1042.")
    parent = opened.found(doing.session, into)
    try:
        folding.fold(doing.session, doing.request, parent, by=doing.reader.login, now=doing.now)
    except Conflict as refused:
        raise Invalid(public=refused.public) from refused


def unfold(doing: Doing) -> None:
    """Have a request worked on by itself again."""
    try:
        folding.unfold(doing.session, doing.request, by=doing.reader.login, now=doing.now)
    except Conflict as refused:
        raise Invalid(public=refused.public) from refused


ACTS: dict[str, Act] = {"fold": fold, "unfold": unfold}
"""The acts of folding, by the last part of their address."""
