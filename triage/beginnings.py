"""With which characters a match of a regular expression may begin, so that most expressions need not be tried. Pure.

Understands what phrase files are written with: literals, groups, alternatives, classes, repetitions, look-aheads.
"""

REACH = 5
"""Characters of a beginning."""

Starts = frozenset[tuple[str, bool]]
"""Texts of at most `REACH` characters; true where more of the expression follows, false where anything may."""

WORD_ENDS = "\0"
EMPTY: Starts = frozenset({("", True)})
BLANK: Starts = frozenset({(" ", True)})
"""Several blanks count as one."""
NO_LETTER: Starts = frozenset({(WORD_ENDS, False)})
ANYTHING: Starts = frozenset({("", False)})

ESCAPED = {"b": EMPTY, "d": frozenset((digit, True) for digit in "0123456789"), "w": ANYTHING, "S": ANYTHING}


def beginnings(expression: str) -> frozenset[str]:
    """The texts, of at most five characters, with one of which every match begins; an empty one: any match may.

    Any white space is one blank in them; `WORD_ENDS` is last where no more of a word may follow.
    """
    starts, end = _alternatives(expression, 0)
    if end != len(expression):
        raise ValueError(f"{expression!r} closes what it did not open")
    return frozenset(text for text, _ in _joined(starts, NO_LETTER))


def _alternatives(expression: str, at: int) -> tuple[Starts, int]:
    """What stands up to a closing parenthesis or the end, and where that is."""
    found: set[tuple[str, bool]] = set()
    current = EMPTY
    while at < len(expression) and expression[at] != ")":
        if expression[at] == "|":
            found |= current
            current, at = EMPTY, at + 1
        else:
            item, at = _item(expression, at)
            item, at = _repeated(item, expression, at)
            current = _joined(current, item)
    return frozenset(found | current), at


def _item(expression: str, at: int) -> tuple[Starts, int]:
    char = expression[at]
    if char == "(":
        inner, end = _alternatives(expression, at + 3 if expression[at + 1] == "?" else at + 1)
        ahead = expression.startswith(("(?!", "(?="), at)
        return (EMPTY if ahead else inner), end + 1
    if char == "[":
        end = expression.index("]", at + 2)
        inside = expression[at + 1 : end]
        if inside.startswith("^\\w"):
            return NO_LETTER, end + 1
        if inside == r" \n":
            return BLANK, end + 1
        plain = not (set(inside[:-1]) & set("^\\")) and "-" not in inside[1:-1]
        return (_one_of(inside) if plain else ANYTHING), end + 1
    if char == "\\":
        escaped = expression[at + 1]
        return ESCAPED.get(escaped) or _one_of(escaped), at + 2
    return (ANYTHING if char == "." else _one_of(char)), at + 1


def _one_of(characters: str) -> Starts:
    return frozenset((char, True) for char in characters)


def _repeated(item: Starts, expression: str, at: int) -> tuple[Starts, int]:
    """The item with the repetition that follows it, if one does."""
    if at >= len(expression) or expression[at] not in "?*+{":
        return item, at
    end = expression.index("}", at) + 1 if expression[at] == "{" else at + 1
    optional = expression[at] in "?*" or expression.startswith("{0", at)
    if expression[at] != "?" and item != BLANK:
        item = frozenset((text, False) for text, _ in item)
    return (item | EMPTY if optional else item), end


def _joined(first: Starts, then: Starts) -> Starts:
    found = set()
    for text, more in first:
        if not more or len(text) >= REACH:
            found.add((text, more))
        else:
            found |= {((text + rest)[:REACH], goes_on) for rest, goes_on in then}
    return frozenset(found)
