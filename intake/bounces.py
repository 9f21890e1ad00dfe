"""Bounces that follow no standard: known by their sender and words, read by how programs lay them out. Pure, linear.

Most mail servers before RFC 3464, and many after it, report failures in prose. What they share: a
daemon's name or a null return path, words of failure, the failed addresses at the beginning of a
line or behind a label, and the returned mail under a rule.
"""

import re

from intake import reports
from intake.reports import STATUS, Undelivered, better

LONGEST_NOTICE = 40_000
MOST_LINES = 600
MOST_RECIPIENTS = 200
DAEMON = re.compile(
    r"mailer[-_.]?daemon|post-?master|mail[- ]?deliver(?:y|er)|deliver(?:y|er) (?:sub)?system|mdaemon@"
    r"|mail[- ](?:sub)?system\b"
    r"|system administrator|mail administrator|(?:^|<)bounces?[@+-]|double-bounce",
    re.IGNORECASE,
)
"""How mail servers sign; as a team's name ("Mail server support") none of these words is used."""
FAILURE_SUBJECT = re.compile(
    r"fail(?:ed|ure|ing)|undeliver|un-?able to deliver|not (?:be )?deliver|non[- ]?deliver|return(?:ed"
    r"|ing).{0,20}(?:mail|message|sender)"
    r"|delivery (?:status|problem|warning|report|notification|error|delayed|incomplete)|mail (?:system )?error"
    r"|bounce|rejected"
    r"|message.{0,30}delayed|warning: |could not send|processing error|unknown (?:user|address)|user unknown|mail not"
    r"|unzustellbar|nicht zugestellt|zustellung|non remis|non distribu|échec|no se (?:ha )?(?:pudo|podido)|no entregad"
    r"|não entregue|mancata consegna|onbestelbaar|niet bezorgd|niedostarcz|zwrot"
    r"|配信|送信できません|エラー|退信|退回",
    re.IGNORECASE,
)
FAILURE = re.compile(
    r"(?:could ?n[o']t|can ?n?[o']t|unable to|has not(?: yet)? been|was ?n[o']t|not able to|failed to"
    r"|did not) ?(?:be )?(?:deliver|reach|sen[dt]|accept|process|find|relay|match)"
    r"|un-?deliver|deliver\w{0,3} (?:has )?(?:permanently |temporarily )?(?:fail|error|problem|delayed)|fail(?:ed"
    r"|ure|ures)?\b"
    r"|(?:unknown|invalid|no such|nonexist\w+|bad|unrecogni[sz]ed) (?:final delivery )?(?:user|recipient|address"
    r"|mailbox|account|local|host|domain|alias)"
    r"|(?:user|recipient|address|mailbox|account|host|addressee)\w*(?: name)? (?:is |was |has been )?(?:unknown"
    r"|not (?:found|known|exist|recogni[sz]ed|listed)|disabled|unavailable|invalid|rejected|suspended|expired"
    r"|inactive|closed)"
    r"|does(?: not|n't) (?:exist|have)|not a valid|over (?:its |disk |the )?(?:quota|limit)|over(?: the)? (?:maximum"
    r"|allowed)|quota (?:exceed|violat)|exceed\w* (?:its |the |his |their )?(?:\w+ )?(?:quota|limit|size|storage)"
    r"|(?:mailbox|inbox|account)(?: is|'s)? ?(?:\w+ )?full|full mailbox|return(?:ed|ing) (?:to sender|mail|message"
    r"|your)|has been returned|being returned"
    r"|postponed|still trying|will continue to (?:try|retry)|delivery attempts|not(?: yet)? been delivered"
    r"|\b[45]\d\d[ -#(]{1,3}\(?#?[45]\.\d\.\d"
    r"|permanent|fatal error|giving up|rejected|refused|denied|nicht (?:zugestellt|zustell)|konnte nicht"
    r"|unzustellbar|n'a pas pu|non remis"
    r"|no (?:se )?(?:pudo|ha podido)|não p[ôo]de|impossibile|kon niet"
    r"|届け|配信|送信できません|存在しません|見つかりません|退信|退回|无法",
    re.IGNORECASE,
)
DELAYED = re.compile(
    r"has not yet been delivered|delivery attempts will continue|will (?:continue|keep) (?:to )?(?:try|retry"
    r"|be retried)|still (?:being )?(?:try|retri)"
    r"|delayed|postponed|warning message only|temporar(?:y|ily)|you do not need to resend",
    re.IGNORECASE,
)
RETURNED = re.compile(
    r"^[\s>|]*[-=_*#+:.]{2,}[^\n]{0,12}(?:original|returned?|unsent|undelivered|message (?:text|follows|header|body"
    r"|body)|copy|below|included|header|start of|mensaje|ursprüngliche|mail follows|forwarded)\b"
    r"|^[\s>|]*(?:(?:here|the|this|a|your) )?(?:is |first )?(?:a )?(?:the )?(?:copy|header|first|beginning|text|body"
    r"|original|unsent|returned).{0,40}(?:message|mail|e-mail|header|lines).{0,40}(?:follow|below|attached|:\s*$)"
    r"|^[\s>|]*(?:original|returned|unsent|undelivered|your) (?:message|mail|e-mail)(?: (?:as received|text|header"
    r"|is))?.{0,12}(?:follow|attached|below|:?\s*$)"
    r"|^[\s>]*(?:received: |return-path: |message-id: |x-[a-z-]+: |mime-version: |date: \w{3}, )",
    re.IGNORECASE,
)
ADDRESS = r"(?<![\w.+-])([\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*)"
AT_START = re.compile(
    rf"^[\s|*>•-]*(?:\d{{1,2}}[.)]\s+)?[<\"'(\[]?\s*(?:smtp:|mailto:)?{ADDRESS}\s*[>\"')\]]{{0,2}}\s*(?:[:;,.(\[-]"
    rf"|on |\.\.\.|$|\s{{2}}|\bfail|\bwas|\bhost|\bsmtp|\b\d\d\d)",
    re.IGNORECASE,
)
LABELLED = re.compile(
    rf"(?:recipient|address|addressee|user(?:name|id)?|mailbox|account|rcpt(?: to)?|deliver(?:y|ed)?(?: to)?"
    rf"|(?:generated|expanded) from|alias|addressed to|forward(?:ed)? to|to|dda:smtp|smtp|rfc822|宛先"
    rf"|アドレス)\b[^@\n<>\"':=;]{{0,40}}[\s:=;<\"'(\[]{{1,6}}{ADDRESS}",
    re.IGNORECASE,
)
ANYWHERE = re.compile(ADDRESS)
NOT_RECIPIENTS = re.compile(
    r"^(?:mailer-?daemon|postmaster|abuse|help|helpdesk|support|webmaster|root|hostmaster|admin|administrator"
    r"|double-bounce)@",
    re.IGNORECASE,
)
NOT_FAILED = re.compile(
    r"\b(?:message-?id|from|sender|contact|reply-to|mail from|return-path|queue|envelope-from|help|assistance"
    r"|questions?)\b[^@\n]{0,60}$",
    re.IGNORECASE,
)

GENERATED = re.compile(r"\b(?:generated|expanded) from ", re.IGNORECASE)


def looks_like(*, sender: str, subject: str, null_path: bool, text: str) -> bool:
    """Whether a mail that is no standard report tells of a failed delivery.

    People paste bounces into mails to a support desk, so words alone prove nothing: it must be signed
    by a mail server, or come from nobody with a subject that says it.
    """
    signed, said = bool(DAEMON.search(sender)), bool(FAILURE_SUBJECT.search(subject))
    if not (signed or (null_path and said)):
        return False
    return said or bool(FAILURE.search(notice(text)))


def notice(text: str) -> str:
    """The words of the mail server, without the mail it returns."""
    kept: list[str] = []
    told = False
    for line in text[:LONGEST_NOTICE].split("\n")[:MOST_LINES]:
        if told and RETURNED.search(line):
            break
        kept.append(line)
        told = told or bool(FAILURE.search(line))
    return "\n".join(kept)


def undelivered(text: str, *, ours: frozenset[str]) -> tuple[Undelivered, ...]:
    """Whom the notice says it did not reach; `ours` (lower case) are the addresses it was sent to and from."""
    if "final-recipient:" in text.lower():
        reported = reports.undelivered(text)  # a standard report that lost its MIME structure
        if reported:
            return reported
    lines = notice(text).split("\n")
    for pattern in (AT_START, LABELLED, ANYWHERE):
        found = _addresses(lines, pattern, ours)
        if found:
            return _judged(lines, found)
    return ()


def judged(text: str, addresses: list[str]) -> tuple[Undelivered, ...]:
    """Addresses known to have failed, with the status that the notice says beside each."""
    lines = notice(text).split("\n")
    places = {each.lower(): (each, _place(lines, each)) for each in addresses[:MOST_RECIPIENTS]}
    return _judged(lines, places)


def _place(lines: list[str], address: str) -> int:
    return next((number for number, line in enumerate(lines) if address.lower() in line.lower()), 0)


def _addresses(lines: list[str], pattern: re.Pattern[str], ours: frozenset[str]) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines):
        for match in pattern.finditer(line[:1_000]):
            address = match[1].strip(".'")
            key = address.lower()
            stranger = key not in ours and not NOT_RECIPIENTS.match(address)
            if (
                stranger
                and not NOT_FAILED.search(GENERATED.sub("", line[: match.start(1)]))
                and len(found) < MOST_RECIPIENTS
            ):
                found.setdefault(key, (address, number))
    return found


def _judged(lines: list[str], found: dict[str, tuple[str, int]]) -> tuple[Undelivered, ...]:
    """Each address with the status said beside it: up to the next address, or anywhere if it is the only one."""
    order = sorted(found.values(), key=lambda each: each[1])
    delayed = bool(DELAYED.search("\n".join(lines)))
    out = []
    for position, (address, number) in enumerate(order):
        end = order[position + 1][1] if position + 1 < len(order) else len(lines)
        near = "\n".join(lines[number:end] if len(order) > 1 else lines)
        status = better(*STATUS.findall(near)) or better(*STATUS.findall("\n".join(lines)))
        temporary = status.startswith("4") or (not status and delayed and not re.search(r"\b5\d\d\b", near))
        out.append(Undelivered(address=address, status=status, temporary=temporary))
    return tuple(out)
