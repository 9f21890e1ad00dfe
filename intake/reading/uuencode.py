"""Files that stand in a text as lines of `begin 644 name … end`. Pure, linear (POSIX uuencode)."""

import re
from binascii import Error, a2b_uu

BEGIN = re.compile(r"^begin [0-7]{3,4} (\S.{0,200})$")
MOST_FILES = 200


def taken_out(text: str) -> tuple[str, list[tuple[str, int]]]:
    """The text without its uuencoded files, and each file's name and size in bytes; what only looks like one stays."""
    if "begin " not in text:
        return text, []
    lines = text.split("\n")
    kept: list[str] = []
    files: list[tuple[str, int]] = []
    number = 0
    while number < len(lines):
        begins = BEGIN.match(lines[number].rstrip()) if len(files) < MOST_FILES else None
        size, end = _measure(lines, number + 1) if begins else (0, 0)
        if begins and end:
            files.append((begins[1], size))
            number = end
        else:
            kept.append(lines[number])
            number += 1
    return "\n".join(kept), files


def _measure(lines: list[str], start: int) -> tuple[int, int]:
    """Decoded size and the line after `end`; (0, 0) if these are no encoded lines."""
    size = 0
    for number in range(start, len(lines)):
        line = lines[number].rstrip("\r")
        if line.strip() == "end":
            return size, number + 1
        try:
            size += len(a2b_uu(line))
        except (Error, ValueError):
            return 0, 0
    return 0, 0
