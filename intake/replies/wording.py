"""The words of our replies: ours, and the operator's over them. Pure but for reading the files.

A wording is a TOML file per language: a string for each key, with placeholders like `$reference` (string.Template,
which substitutes names and can do nothing else).
"""

import re
import tomllib
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

FALLBACK = "en"
PLACEHOLDERS: dict[str, frozenset[str]] = {
    "prefix": frozenset(),
    "no_subject": frozenset(),
    "greeting": frozenset(),
    "received": frozenset({"reference", "policy"}),
    "added": frozenset({"reference", "policy"}),
    "again": frozenset({"reference", "policy"}),
    "unreadable": frozenset({"reference", "policy"}),
    "too_large": frozenset({"reference", "policy"}),
    "urgent": frozenset({"reference", "phone", "policy"}),
    "portal": frozenset({"reference", "link", "policy"}),
    "open": frozenset({"reference", "link", "policy"}),
    "phone": frozenset({"reference", "phone", "policy"}),
    "next": frozenset({"reference", "policy"}),
    "closing": frozenset({"reference", "policy"}),
}
"""Every key of a wording, with the placeholders it may hold."""
NEEDED = {"portal": "link", "open": "link", "phone": "phone", "urgent": "phone"}
"""Placeholders without which a paragraph says nothing."""
LONGEST_TEXT = 600
"""Characters of one paragraph: the whole reply must stay below 4 KB."""
CODE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})?")


@cache
def wording(language: str | None, folder: Path | None = None) -> dict[str, str]:
    """The words of a language; what the operator's folder leaves out is ours, English where we have none.

    A file that cannot be read is left out: a reply never fails for it. `check_wording` tells at the start.
    """
    code = language if language and CODE.fullmatch(language) else FALLBACK
    ours, theirs = _ours(code), _theirs(code, folder)
    if not ours and not theirs:
        code = FALLBACK
        ours, theirs = _ours(code), _theirs(code, folder)
    return {**_ours(FALLBACK), **ours, **theirs, "language": code}


def languages(folder: Path | None = None) -> tuple[str, ...]:
    """The languages we can answer in."""
    names = [each.name for each in _folder().iterdir()]
    names += [each.name for each in folder.glob("*.toml")] if folder else []
    return tuple(sorted({name.removesuffix(".toml") for name in names if name.endswith(".toml")}))


def check_folder(folder: Path) -> list[str]:
    """Every mistake in an operator's wordings, with file and line; empty if there is none."""
    if not folder.is_dir():
        return [f"{folder}: no such directory"]
    files = sorted(folder.glob("*.toml"))
    return [said for file in files for said in check_wording(file)] if files else [f"{folder}: holds no *.toml file"]


def check_wording(path: Path) -> list[str]:
    """Every mistake in one wording, as `file:line: what`: keys, placeholders, lengths; empty if there is none.

    A key may be missing only where we have words of our own in that language: else the reply mixes two.
    """
    if not CODE.fullmatch(path.stem):
        return [f"{path}: the file's name must be a language code, like de.toml"]
    try:
        text = path.read_text(encoding="utf-8")
        said = tomllib.loads(text)
    except OSError as error:
        return [f"{path}: {error.strerror}"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return [f"{path}: {error}"]
    found = [(_line(text, key), what) for key, value in said.items() for what in _mistakes(key, value)]
    missing = [key for key in PLACEHOLDERS if key not in said and not _ours(path.stem)]
    found += [(1, f"`{key}` is missing, and we have no words in {path.stem!r}") for key in missing]
    return [f"{path}:{line}: {what}" for line, what in sorted(found)]


def _mistakes(key: str, value: object) -> list[str]:
    if key not in PLACEHOLDERS:
        return [f"unknown key `{key}`; known are {', '.join(PLACEHOLDERS)}"]
    if not isinstance(value, str) or not value.strip():
        return [f"`{key}` must be a text that is not empty"]
    template = Template(value)
    if not template.is_valid():
        return [f"`{key}` has a $ that begins no placeholder; write $$ for the sign itself"]
    allowed, used = PLACEHOLDERS[key], set(template.get_identifiers())
    known = ", ".join(f"${name}" for name in sorted(allowed)) or "none"
    found = [f"`{key}` has the unknown placeholder ${name}; allowed: {known}" for name in sorted(used - allowed)]
    if key in NEEDED and NEEDED[key] not in used:
        found.append(f"`{key}` must hold ${NEEDED[key]}")
    if len(value) > LONGEST_TEXT:
        found.append(f"`{key}` has {len(value)} characters; at most {LONGEST_TEXT}, so that the reply stays below 4 KB")
    if key in ("prefix", "no_subject") and not value.isprintable():
        found.append(f"`{key}` stands in the subject and must be one line")
    return found


def _line(text: str, key: str) -> int:
    found = re.search(rf"^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*=", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def _folder() -> Traversable:
    return resources.files("intake") / "templates" / "reply"


def _ours(code: str) -> dict[str, str]:
    found = _folder() / f"{code}.toml"
    return tomllib.loads(found.read_text(encoding="utf-8")) if found.is_file() else {}


def _theirs(code: str, folder: Path | None) -> dict[str, str]:
    try:
        said = tomllib.loads((folder / f"{code}.toml").read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in said.items() if not _mistakes(key, value)}
