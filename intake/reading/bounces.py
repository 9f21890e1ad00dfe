"""Bounces that follow no standard: known by their sender and words, read by how programs lay them out. Pure, linear.

Most mail servers before RFC 3464, and many after it, report failures in prose. What they share: a
daemon's name or a null return path, words of failure, the failed addresses at the beginning of a
line or behind a label, and the returned mail under a rule.
"""

import re

from intake.reading import reports
from intake.reading.reports import STATUS, Undelivered, better

LONGEST_NOTICE = 40_000
MOST_LINES = 600
MOST_RECIPIENTS = 200
MOST_NAMED = 20
"""For so many addresses the whole notice is searched for what is said of each."""
DAEMON = re.compile(
    r"mailer[-_.]?daemon|post[-_]?master|mail server at \S+\."
    r"|mail[- ]?deliver(?:y|er)|deliver(?:y|er) (?:sub)?system|mdaemon@"
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
    r"|^[\s>|]*(?:original|returned|unsent|undelivered) (?:message|mail|e-mail)(?: (?:as received|text|header"
    r"|is))?.{0,12}(?:follow|attached|below|:?\s*$)"
    r"|^[\s>|]*your (?:message|mail|e-mail)(?: (?:as received|text|header|is))?.{0,12}(?:follows?\b"
    r"|attached|below|:\s*$)"
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
    rf"|アドレス"
    rf"|(?:quota|violation|unknown|rejected|failed|failure|error|full)\b.{{0,20}} for)"
    rf"\b[^@\n<>\"':=;]{{0,40}}[\s:=;<\"'(\[]{{1,6}}{ADDRESS}",
    re.IGNORECASE,
)
ANYWHERE = re.compile(ADDRESS)
MORE = re.compile(rf"[>\"')\]\s]{{0,4}}[,;]\s{{0,4}}[<\"']{{0,2}}{ADDRESS}")
"""The next address of a list."""
ROBOT = re.compile(
    r"(?:^|<)(?:no[-_.]?reply|do[-_.]?not[-_.]?reply|mail[-_.]?admin\w*|system|bounces?)\b[^@]{0,40}@", re.IGNORECASE
)
UNDELIVERED = re.compile(
    r"(?:could ?n[o']t|can ?n?[o']t|unable to|has not(?: yet)? been|was ?n[o']t|not able to|failed to) ?(?:be )?deliver"
    r"|undeliver|deliver\w{0,3} (?:has )?(?:permanently |temporarily )?fail|returned to sender|RCPT TO:|unzustellbar"
    r"|nicht zugestellt|non remis|no (?:se )?(?:pudo|ha podido) entregar|送信できません|配信できません|退信",
    re.IGNORECASE,
)
"""What only mail servers say of a mail."""
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
    by a mail server, or come from nobody or a machine with words that only a mail server says.
    """
    signed, said = bool(DAEMON.search(sender)), bool(FAILURE_SUBJECT.search(subject))
    if signed or (null_path and said):
        return said or bool(FAILURE.search(notice(text)))
    if not (null_path or ROBOT.search(sender)):
        return False
    told = notice(text)
    lines = told.split("\n")
    named = _addresses(lines, AT_START, frozenset()) or _addresses(lines, LABELLED, frozenset())
    return bool(named) and bool(UNDELIVERED.search(told))


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
    return _judged(lines, _addresses(lines, AT_START, None))


def judged(text: str, addresses: list[str]) -> tuple[Undelivered, ...]:
    """Addresses known to have failed, with the status that the notice says beside each."""
    lines = notice(text).split("\n")
    places = {each.lower(): (each, _place(lines, each)) for each in addresses[:MOST_RECIPIENTS]}
    return _judged(lines, places)


def _place(lines: list[str], address: str) -> int:
    return next((number for number, line in enumerate(lines) if address.lower() in line.lower()), 0)


def _addresses(lines: list[str], pattern: re.Pattern[str], ours: frozenset[str] | None) -> dict[str, tuple[str, int]]:
    """The addresses a pattern finds, with their lines; where `ours` is None any address counts."""
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines):
        if "@" not in line:
            continue
        line = line[:1_000]  # noqa: PLW2901 - longer lines are no notice's
        for match in pattern.finditer(line):
            if NOT_FAILED.search(GENERATED.sub("", line[: match.start(1)])):
                continue
            next_one: re.Match[str] | None = match
            while next_one is not None and len(found) < MOST_RECIPIENTS:
                address = next_one[1].strip(".'")
                if ours is None or (address.lower() not in ours and not NOT_RECIPIENTS.match(address)):
                    found.setdefault(address.lower(), (address, number))
                next_one = MORE.match(line, next_one.end(1)) if pattern is not ANYWHERE else None
    return found


def _judged(lines: list[str], found: dict[str, tuple[str, int]]) -> tuple[Undelivered, ...]:
    """Each address with the status said beside it, or behind the block of addresses it stands in.

    What is said elsewhere counts only where no address has a status of its own.
    """
    order = sorted(found.values(), key=lambda each: each[1])
    delayed = bool(DELAYED.search("\n".join(lines)))
    nearby = [_near(lines, order, position) for position in range(len(order))]
    codes = [better(*STATUS.findall(near)) for near in nearby]
    elsewhere = "" if any(codes) else better(*STATUS.findall("\n".join(lines)))
    out = []
    for (address, _), near, code in zip(order, nearby, codes, strict=True):
        status = code or elsewhere
        temporary = status.startswith("4") or (not status and delayed and not re.search(r"\b5\d\d\b", near))
        out.append(Undelivered(address=address, status=status, temporary=temporary))
    return tuple(out)


def _near(lines: list[str], order: list[tuple[str, int]], position: int) -> str:
    """The lines from an address to the next block of addresses, and every other line that names it."""
    if len(order) == 1:
        return "\n".join(lines)
    address, start = order[position]
    last = start
    for _, number in order[position + 1 :]:
        if number > last + 1:
            break
        last = number
    end = next((number for _, number in order[position + 1 :] if number > last), len(lines))
    named = [line for line in lines[end:] if address in line] if position < MOST_NAMED else []
    return "\n".join([*lines[start:end], *named])
