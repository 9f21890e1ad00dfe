"""One base error. Edges translate it: temporary → 451/503, permanent → 554/4xx.

Strangers see `public` only; the exception's own text is for the log.
"""


class SwitchboardError(Exception):
    """Something the house knows how to name.

    `code` is a stable slug, `temporary` says whether the same attempt may succeed later, `public`
    is the sentence a stranger may read.
    """

    code = "internal"
    temporary = True
    public = "Something went wrong on our side. Please try again."

    def __init__(self, detail: str = "", *, public: str | None = None) -> None:
        super().__init__(detail or public or self.public)
        if public is not None:
            self.public = public


class Unavailable(SwitchboardError):
    """A part we stand on (database, queue) does not answer now."""

    code = "unavailable"
    public = "Temporarily unavailable. Please try again in a moment."


class Invalid(SwitchboardError):
    """The input cannot be accepted as it is; `public` says what was wrong and what to do."""

    code = "invalid"
    temporary = False
    public = "The input is not valid."


class NotFound(SwitchboardError):
    """No such thing, or not for this reader: both look alike."""

    code = "not-found"
    temporary = False
    public = "Not found."


class Forbidden(SwitchboardError):
    """The reader is known and may not do this."""

    code = "forbidden"
    temporary = False
    public = "You may not do this."


class Conflict(SwitchboardError):
    """Somebody else changed the request first (HTTP 409)."""

    code = "conflict"
    temporary = False
    public = "Somebody else decided a moment ago. Look at the current state and decide again."


class Misconfigured(SwitchboardError):
    """A setting, file or directory cannot be used; the command ends with exit code 2."""

    code = "misconfigured"
    temporary = False
    public = "The configuration cannot be used."


class ArtefactRefused(SwitchboardError):
    """A classifier file whose bytes, signature or scikit-learn version are not the recorded ones."""

    code = "artefact-refused"
    temporary = False
    public = "The classifier file was refused; requests stay unclassified until one is promoted."
