"""What the sender newly wrote, apart from quoted history and signature. Pure, linear, nothing is cut from storage."""

import re
from dataclasses import dataclass

from intake.reading import attributions, labels, signatures
from intake.reading.attributions import QUOTED

MOST_LINES = 5_000
LONGEST = 300_000
"""Lines and characters that are looked at; what follows them stays one piece."""
MAILING_LIST_RULE = re.compile(r"^_{30,}\s*$")
DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Signs that turn text round: programs put them around addresses, and they mislead a reader (UTS #39)."""
PASTED_LINES = 12
"""As many quoted lines behind a colon are something shown ("We get this:"), not a history."""
SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
SIGNATURE = "-----BEGIN PGP SIGNATURE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewText:
    """A body in three: what is new, the quoted history, the signature (None if there is none).

    A closing with nothing but a name after it is the signature and stays in the new text too:
    the sender typed it, and cutting there has eaten whole mails elsewhere.
    """

    new_text: str
    quoted: str
    signature: str | None


def newly_written(text: str) -> NewText:
    """Split a body. Quotes with new text below them stay, as what that text answers."""
    lines = DIRECTIONS.sub("", text[:LONGEST]).split("\n", MOST_LINES)
    lines[-1] += text[LONGEST:]
    if lines[0].startswith(SIGNED):
        lines = _unsigned(lines)
    boundary, length = _first_boundary(lines)
    above, below = lines[:boundary], lines[boundary + length :]
    answers = _answers(below)
    if not answers and not _says_something(above):
        answers = _without_announcements(below)  # nothing above: what stands below is all there is
    elif answers and not _says_something(above):
        answers = _without_leading_quote(answers) if length else answers
    body, signature = signatures.without(_without_trailing_quote([*above, *answers]))
    body = _without_trailing_quote(body)
    if not _says_something(body) and _is_history(body):
        body = []
    quoted = lines[boundary:] if not answers else [line for line in below if QUOTED.match(line)]
    return NewText(new_text=signatures.joined(body), quoted=signatures.joined(quoted), signature=signature)


def _unsigned(lines: list[str]) -> list[str]:
    """The lines that an inline signature protects, their dashes unescaped (RFC 9580 §7)."""
    start = next((number for number, line in enumerate(lines) if not line.strip()), 0) + 1
    end = next((number for number, line in enumerate(lines) if line.startswith(SIGNATURE)), len(lines))
    return [line.removeprefix("- ") for line in lines[start:end]] or [""]


def _first_boundary(lines: list[str]) -> tuple[int, int]:
    """Where the history begins, and how many lines announce it; (len(lines), 0) if there is none."""
    for number, line in enumerate(lines):
        if not line.strip() or QUOTED.match(line):
            continue
        if labels.is_original_mark(line) or labels.is_forward_rule(line):
            return number, 1
        block = labels.block_at(lines, number)
        if block is not None:
            above = _announced(lines, number)
            return above, block.end - above
        if length := attributions.attribution_at(lines, number):
            return number, length
    return len(lines), 0


def _announced(lines: list[str], number: int) -> int:
    """Where the rule or the words before a header block stand; the block itself if there are none."""
    above = number - 1
    while above > 0 and not lines[above].strip():
        above -= 1
    if above >= 0 and (labels.BARE_RULE.match(lines[above]) or labels.is_forward_mark(lines[above])):
        return above
    return number


def _answers(below: list[str]) -> list[str]:
    """What was written between and below quoted lines; empty where the history is not quoted line by line."""
    written = [line for line in below if line.strip()]
    if not written or not QUOTED.match(written[0]) or not _says_something(written):
        return []
    kept = _without_announcements(below)
    answered = _without_trailing_quote(_before_list_footer(kept))
    body, _ = signatures.without([line for line in answered if not QUOTED.match(line)])
    return answered if _says_something(body) else []


def _is_history(quotes: list[str]) -> bool:
    """Whether quotes begin as a mail program begins them, and so were not picked by hand."""
    inner = [labels.bare(line) for line in quotes if line.strip()]
    return bool(inner) and attributions.attribution_at(inner, 0) > 0


def _without_announcements(lines: list[str]) -> list[str]:
    kept: list[str] = []
    skip = 0
    for number, line in enumerate(lines):
        if skip:
            skip -= 1
        elif line.strip() and not QUOTED.match(line) and (length := attributions.attribution_at(lines, number)):
            skip = length - 1
        else:
            kept.append(line)
    return kept


def _before_list_footer(lines: list[str]) -> list[str]:
    """A mailing list's footer stands under a long rule."""
    end = next((number for number, line in enumerate(lines) if MAILING_LIST_RULE.match(line)), len(lines))
    return lines[:end]


def _without_leading_quote(lines: list[str]) -> list[str]:
    start = 0
    while start < len(lines) and (QUOTED.match(lines[start]) or not lines[start].strip()):
        start += 1
    return lines[start:]


def _without_trailing_quote(lines: list[str]) -> list[str]:
    """The lines without the quotes they end in, unless there is nothing else or the sender shows them."""
    end = len(lines)
    while end and (QUOTED.match(lines[end - 1]) or not lines[end - 1].strip()):
        end -= 1
    return lines[:end] if end and not _shows(lines, end) else lines


def _shows(lines: list[str], end: int) -> bool:
    """Whether the line before quotes introduces them in the sender's own words."""
    said = lines[end - 1].strip()
    if not said.endswith(attributions.COLON) or len(lines) - end > PASTED_LINES:
        return False
    return not attributions.DATED.search(said) and "@" not in said and not QUOTED.match(said)


def _says_something(lines: list[str]) -> bool:
    return any(line.strip() and not QUOTED.match(line) for line in lines)
