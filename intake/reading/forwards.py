"""A forwarded mail inside a mail: who wrote it, what it said, and what the forwarder added. Pure, linear."""

import re
from dataclasses import dataclass

from intake.addresses import Mailbox, mailboxes
from intake.reading import attributions, labels
from intake.reading.headers import one_line

FORWARD_SUBJECT = re.compile(
    r"^\s*\[?(?:fwd?|wg|tr|rv|enc|i|doorst|pd|vs|vb|vl|ilt|i̇lt|rén|továbbítás|fs|trs|转发|轉寄|転送|전달)\s*[:：]\s*",
    re.IGNORECASE,
)
REPLY_SUBJECT = re.compile(
    r"^\s*(?:re|aw|antw|antwort|sv|odp|res|rif|ref|vá|ynt|回复|回覆|答复|返信|회신)\s*(?:\[\d+\])?\s*[:：]",
    re.IGNORECASE,
)
MOST_LINES = 5_000
LONGEST = 300_000
"""Lines and characters in which a forwarded mail may begin."""
LOOK_AHEAD = 6
"""How many lines after "Forwarded message" its headers may begin."""
ONE_LINE = re.compile(
    "(?=(?:"
    + "|".join(
        re.escape(word[0].upper() + word[1:])
        for field in ("from", "to", "cc", "date", "subject")
        for word in sorted(labels.LABELS[field], key=len, reverse=True)
        if len(word) > 1
    )
    + r"|CC|Cc) ?[:：])"
)

UNMARKED = re.compile(r"(Assunto|Dw) (?=\S)")
"""Labels that one provider writes without a colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """The mail that was forwarded; `comment` is what the forwarder wrote above it."""

    sender: Mailbox | None
    subject: str
    text: str
    comment: str


def find(text: str, *, subject: str, is_answer: bool = False) -> Forward | None:
    """The mail forwarded in a text; None if there is none, or what stands there is an answer's history.

    `is_answer` says that the mail answers another (In-Reply-To) though its subject does not.
    """
    lines = text[:LONGEST].replace("\ufeff", "").split("\n", MOST_LINES)
    lines[-1] += text[LONGEST:]
    named = bool(FORWARD_SUBJECT.match(subject))
    answers = bool(REPLY_SUBJECT.match(subject)) or (is_answer and not named)
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        if labels.is_forward_mark(line):
            found = _after_mark(lines, number)
            if found is not None:
                return found
        block = None if answers else labels.block_at(lines, number)
        if block is not None and (named or "@" in block.fields["from"] or "date" in block.fields):
            return _from_block(lines, number, block)
        if length := attributions.attribution_at(lines, number):
            return _from_attribution(lines, number, length, subject) if named else None
        if answers and (labels.block_at(lines, number) or labels.is_original_mark(line)):
            return None
    return None


def _after_mark(lines: list[str], number: int) -> Forward | None:
    """The headers stand on the lines after the mark, or all on the mark's own line."""
    rest = labels.FORWARD_RULE.sub("", lines[number], count=1).strip(" -_=")
    if rest and not labels.FORWARD_LINE.match(lines[number]):
        spread = [*_spread(rest), "", *lines[number + 1 :]]
        block = labels.block_at(spread, 0)
        return _from_block([*lines[:number], *spread], number, block, at=number) if block else None
    for start in range(number + 1, min(number + LOOK_AHEAD, len(lines))):
        block = labels.block_at(lines, start)
        if block is not None:
            return _from_block(lines, number, block)
    return None


def _spread(line: str) -> list[str]:
    """Headers run together on one line, one a line again; nothing is split behind the subject."""
    out: list[str] = []
    line = UNMARKED.sub(r"\1: ", line[:4_000])
    for piece in ONE_LINE.split(line):
        subject_seen = out and _field(out[-1]) == "subject"
        if out and (subject_seen or _field(piece) is None):
            out[-1] += piece
        elif piece.strip():
            out.append(piece)
    return out


def _field(piece: str) -> str | None:
    found = labels.LABEL.match(piece)
    return labels.FIELDS.get(found[1].strip().lower()) if found else None


def _from_block(lines: list[str], start: int, block: labels.Block, *, at: int = 0) -> Forward:
    senders = mailboxes(one_line(_plain(block.fields["from"])))
    name = one_line(block.fields["from"]).strip(" \"'*")
    sender = senders[0] if senders else Mailbox(name=name, address="") if name else None
    return Forward(
        sender=sender,
        subject=one_line(_plain(block.fields.get("subject", ""))),
        text=_unquoted(lines[block.end + at :]),
        comment=_comment(lines[:start]),
    )


def _from_attribution(lines: list[str], start: int, length: int, subject: str) -> Forward:
    written = " ".join(line.strip() for line in lines[start : start + length])
    found = attributions.ADDRESSED.search(written)
    quoted = re.search(r'"([^"]{1,100})"', written)
    address = found[0].strip("()<>,;:\"'") if found else ""
    sender = Mailbox(name=quoted[1] if quoted else "", address=address)
    kept = FORWARD_SUBJECT.sub("", subject, count=1)
    return Forward(
        sender=sender, subject=kept, text=_unquoted(lines[start + length :]), comment=_comment(lines[:start])
    )


def _plain(value: str) -> str:
    """A header's value without the links that HTML-to-text conversion leaves behind an address."""
    return re.sub(r"[<\[(]mailto:[^<>\[\]()]{1,300}[>\])]", "", value).strip(" \t*")


def _comment(lines: list[str]) -> str:
    kept = [line for line in lines if not labels.BARE_RULE.match(line)]
    return "\n".join(line.rstrip() for line in kept).strip()


def _unquoted(lines: list[str]) -> str:
    """The forwarded text; one level of quote marks goes where every line has it."""
    written = [line for line in lines if line.strip()]
    if written and all(line.lstrip().startswith(">") for line in written):
        lines = [line.lstrip().removeprefix(">").removeprefix(" ") for line in lines]
    return "\n".join(line.rstrip() for line in lines).strip("\n").strip()
