"""The signatures by which rooms that do not know each other meet; `switchboard.lines` plugs them."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from models.terms import Channel, Fact, Interaction, Receipt, Suggestion

Receive = Callable[[Session, Interaction, datetime], Receipt]
"""Take an interaction in: open or append, suggest, store. Safe to call twice for one `source`."""

Wake = Callable[[], None]
"""Tell a worker that there are jobs; never blocks, never raises, may be lost (the sweep finds them)."""

Clock = Callable[[], datetime]
"""The current time, aware, UTC."""

RunJob = Callable[[UUID], None]
"""Do one job's work for its subject, in transactions of its own; raising means: try again later."""


class Suggest(Protocol):
    """Facts, model and policy rules to a suggestion. Pure for a loaded classifier."""

    def __call__(
        self,
        *,
        policy: str,
        channel: Channel,
        subject: str,
        body: str,
        language: str | None,
        facts: tuple[Fact, ...],
    ) -> Suggestion:
        """Suggest type and priority under the policy with this id."""
        ...
