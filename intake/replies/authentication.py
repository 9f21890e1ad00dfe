"""Whether the sender whom we would answer is who he says, as our own relay found it. Pure.

RFC 8601 (Authentication-Results), RFC 7489 (DMARC), RFC 7208 (SPF), RFC 6376 (DKIM).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from intake.addresses import a_labels

LONGEST_FIELD = 16_384
"""Characters of an Authentication-Results field that are read."""
MOST_RESULTS = 50
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[;=]|[^\s;="]+', re.DOTALL)
VERSION = re.compile(r"\d{1,9}")
EVIDENCE_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known of a sender: `result` is "pass", "fail" (forged) or "none", with what says so."""

    result: str = "none"
    evidence: str = ""


UNKNOWN = Verdict()
"""Nobody whom we believe said anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one method found, and for which domain: SPF's MAIL FROM, the signer of DKIM, the From of DMARC."""

    method: str
    result: str
    domain: str = ""


DOMAIN_OF = {
    "spf": ("smtp.mailfrom", "smtp.mail"),
    "dkim": ("header.d", "header.i"),
    "dmarc": ("header.from",),
}
"""Which property of a result names the domain it is about (RFC 8601 §2.7; RFC 7489 §11.1)."""


def from_headers(fields: Iterable[str], *, authserv_id: str, mail_from: str) -> Verdict:
    """The verdict of the topmost field that our own relay (`authserv_id`) wrote; other fields are not believed.

    Relays write on top, so whatever stands below, even under the same name, may have come with the mail
    (RFC 8601 §5); a relay that wrote nothing at all must still remove such fields.
    """
    if not authserv_id:
        return UNKNOWN
    for field in fields:
        name, results = read(field)
        if name == authserv_id.strip().lower():
            return judged(results, mail_from=mail_from)
    return UNKNOWN


def read(field: str) -> tuple[str, list[Result]]:
    """The authserv-id (lower case) and the results of a field; comments, quotes and folding undone, never raises."""
    parts = _split(TOKEN.findall(without_comments(field[:LONGEST_FIELD])))
    head = [_unquoted(each) for each in parts[0]]
    if not head:
        return "", []
    if len(head) > 2 or (len(head) > 1 and not VERSION.fullmatch(head[1])):  # noqa: PLR2004 - id and version
        return head[0].lower(), []
    found = (_result(part) for part in parts[1 : MOST_RESULTS + 1])
    return head[0].lower(), [each for each in found if each is not None]


def judged(results: Iterable[Result], *, mail_from: str) -> Verdict:
    """What results mean for answering the envelope sender.

    DMARC says that From is forged: then the mail is, whatever its envelope. Else the envelope's own domain
    must have passed: by SPF, by a DKIM signature of that domain, or as the From that DMARC vouches for. An SPF
    failure that nothing outweighs is its owner's word that this is not his server (RFC 7208 §8.4); a broken
    signature is worth as much as none (RFC 6376 §6.1), and temporary errors say nothing.
    """
    results = tuple(results)
    envelope = a_labels(mail_from.rpartition("@")[2]) or ""
    for each in results:
        if each.method == "dmarc" and each.result == "fail":
            return Verdict(result="fail", evidence=_shown(each))
    for method in ("spf", "dkim", "dmarc"):
        for each in results:
            alike = each.domain == envelope if method == "spf" else aligned(each.domain, envelope)
            if each.method == method and each.result == "pass" and envelope and alike:
                return Verdict(result="pass", evidence=_shown(each))
    for each in results:
        if each.method == "spf" and each.result in ("fail", "hardfail") and each.domain in ("", envelope):
            return Verdict(result="fail", evidence=_shown(each))
    return Verdict(evidence=", ".join(_shown(each) for each in results)[:EVIDENCE_LENGTH])


def aligned(one: str, other: str) -> bool:
    """Whether two domains are the same or one is below the other (relaxed alignment, RFC 7489 §3.1, without a list)."""
    longer, shorter = sorted((one, other), key=len, reverse=True)
    return bool(shorter) and "." in shorter and (longer == shorter or longer.endswith("." + shorter))


def without_comments(text: str) -> str:
    """The text, every comment (also a nested one) turned into a blank; quoted brackets are none (RFC 5322 §3.2.2)."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for sign in text:
        if escaped:
            escaped = False
        elif sign == "\\" and (quoted or depth):
            escaped = True
        elif sign == '"' and not depth:
            quoted = not quoted
        elif sign == "(" and not quoted:
            depth += 1
            kept.append(" ")
        elif sign == ")" and depth:
            depth -= 1
            continue
        if not depth:
            kept.append(sign)
    return "".join(kept)


def _unquoted(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1], flags=re.DOTALL) if word.startswith('"') else word


def _split(words: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == ";":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _result(part: list[str]) -> Result | None:
    """`method[/version] = result [reason = text] {ptype.property = value}` (RFC 8601 §2.2); None if it is none for us.

    An SPF result for the name a server greeted with says nothing of the envelope sender.
    """
    pairs = [
        (part[at - 1].lower(), _unquoted(part[at + 1]))
        for at, word in enumerate(part)
        if word == "=" and 0 < at < len(part) - 1
    ]
    if not pairs:
        return None
    method, result = pairs[0][0].partition("/")[0], pairs[0][1].lower()
    said = dict(reversed(pairs[1:]))
    named = [said[name] for name in DOMAIN_OF.get(method, ()) if name in said]
    if method == "spf" and not named and "smtp.helo" in said:
        return None
    domain = a_labels(named[0].rpartition("@")[2]) if named else None
    return Result(method=method, result=result, domain=domain or "")


def _shown(result: Result) -> str:
    return f"{result.method}={result.result}{' ' + result.domain if result.domain else ''}"[:EVIDENCE_LENGTH]
