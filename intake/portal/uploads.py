"""A posted form with its files: read as it streams in, within limits; files are stored as they came, never unpacked."""

import re
import unicodedata
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import Request
from python_multipart.multipart import parse_options_header
from sqlalchemy.orm import Session
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from intake.portal.forms import SIGNS, Problem
from models import tables
from models.errors import Invalid

MOST_FIELDS = 100
LONGEST_ANSWER = 200_000
"""Bytes of one answer: far more than any form takes, so that a long one is told in words."""
LONGEST_NAME = 120
LONGEST_RAW = 480
LONGEST_ENDING = 10
READ_ON = 4
"""How many times the limit is read and dropped, so that a browser hears our answer instead of a broken line."""
FILES = "files"
MEGABYTE = 1024 * 1024
KIND = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}")
DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many files a request takes, and how large: each, and all of one form (bytes)."""

    files: int = 10
    file_bytes: int = 10 * MEGABYTE
    all_bytes: int = 25 * MEGABYTE


@dataclass(slots=True, kw_only=True)
class Posted:
    """A form as it was posted: its fields, the last of each name; its files; what was wrong with them."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[UploadFile] = field(default_factory=list)
    problem: Problem | None = None

    def close(self) -> None:
        """Let go of the files."""
        for each in self.files:
            each.file.close()


class _TooMuch(Exception):
    """The body is larger than its limit."""


async def posted(request: Request, limits: Limits) -> Posted:
    """What a browser posted, of either kind of form; a form without files may be `x-www-form-urlencoded`.

    Too many or too large files are a `problem`, and the fields are there all the same: nobody types twice.

    Raises:
        Invalid: it is no form, or no browser of ours made it.

    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == b"application/x-www-form-urlencoded":
        return await _plain(request)
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise Invalid(public="This is not a form.")
    boundary = options[b"boundary"].replace(b'"', b"")
    # No charset of the sender's choosing: it names a codec, and browsers send UTF-8.
    headers = Headers(raw=[(b"content-type", b'multipart/form-data; boundary="%b"' % boundary)])
    most, body = limits.all_bytes + LONGEST_ANSWER, request.stream()
    parser = MultiPartParser(
        headers,
        _within(body, most),  # type: ignore[arg-type]  # it needs no more than an iterator
        max_files=limits.files + 1,
        max_fields=MOST_FIELDS,
        max_part_size=LONGEST_ANSWER,
    )
    try:
        form = await parser.parse()
    except _TooMuch:
        await _read_on(body, most * READ_ON)
        return Posted(
            fields=_fields(parser.items), problem=Problem(key="files_too_large", about=megabytes(limits.all_bytes))
        )
    except MultiPartException as error:
        await _read_on(body, most * READ_ON)
        if "files" in error.message:
            problem = Problem(key="too_many_files", about=str(limits.files))
            return Posted(fields=_fields(parser.items), problem=problem)
        raise Invalid(
            error.message, public="This form cannot be read. Shorten its answers and send it again."
        ) from error
    return _sorted(form.multi_items(), limits)


async def _plain(request: Request) -> Posted:
    read, body = bytearray(), request.stream()
    async for chunk in body:
        read += chunk
        if len(read) > LONGEST_ANSWER:
            await _read_on(body, LONGEST_ANSWER * READ_ON)
            raise Invalid(public="This form is too large.")
    try:
        pairs = parse_qsl(bytes(read).decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Invalid(str(error), public="This form has too many fields.") from error
    return Posted(fields=dict(pairs))


async def _within(body: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    seen = 0
    async for chunk in body:
        yield chunk[: most - seen]  # what fits holds the answers: a page puts files last
        seen += len(chunk)
        if seen > most:
            raise _TooMuch


async def _read_on(body: AsyncIterator[bytes], most: int) -> None:
    """Read and drop the rest: a server that answers and hangs up is a broken line to a browser that still sends."""
    seen = 0
    async for chunk in body:
        seen += len(chunk)
        if seen > most:
            return


def _fields(items: Sequence[tuple[str, str | UploadFile]]) -> dict[str, str]:
    return {name: value for name, value in items if isinstance(value, str)}


def _sorted(items: Sequence[tuple[str, str | UploadFile]], limits: Limits) -> Posted:
    """Fields and files apart; an empty file input is no file, and files under other names are dropped."""
    kept = Posted(fields=_fields(items))
    for name, value in items:
        if isinstance(value, UploadFile) and name == FILES and (value.filename or value.size):
            kept.files.append(value)
        elif isinstance(value, UploadFile):
            value.file.close()
    if len(kept.files) > limits.files:
        kept.problem = Problem(key="too_many_files", about=str(limits.files))
    elif any((each.size or 0) > limits.file_bytes for each in kept.files):
        kept.problem = Problem(key="file_too_large", about=megabytes(limits.file_bytes))
    return kept


def megabytes(count: int) -> str:
    """A limit as people read it, in MB."""
    return f"{round(count / MEGABYTE, 1):g}"


def fresh(session: Session, request: UUID, files: Sequence[UploadFile]) -> dict[str, UploadFile]:
    """The files a request does not have yet, by the SHA-256 of their bytes."""
    held = {row.digest for row in tables.requests.uploads(session, request)}
    found: dict[str, UploadFile] = {}
    for each in files:
        each.file.seek(0)
        digest = sha256()
        while chunk := each.file.read(MEGABYTE):
            digest.update(chunk)
        found.setdefault(digest.hexdigest(), each)
    return {digest: each for digest, each in found.items() if digest not in held}


def keep(session: Session, request: UUID, files: Sequence[UploadFile], limits: Limits, now: datetime) -> Problem | None:
    """Store the files with a request, the same bytes once; where they are too many for it, none, and why."""
    new = fresh(session, request, files)
    if new and len(new) + len(tables.requests.uploads(session, request)) > limits.files:
        return Problem(key="too_many_files", about=str(limits.files))
    for digest, each in new.items():
        each.file.seek(0)
        tables.requests.add_upload(
            session,
            request,
            name=file_name(each.filename or ""),
            content_type=_kind(each.content_type),
            digest=digest,
            content=each.file.read(),
            now=now,
        )
    return None


def file_name(given: str) -> str:
    """A file's name as it can be shown and saved anywhere: no folders, no control or direction signs, no devices.

    It is for people only: the file is found by its id.
    """
    last = re.split(r"[/\\]", given)[-1]
    short = last if len(last) <= LONGEST_RAW else last[:LONGEST_NAME] + last[-LONGEST_NAME:]
    plain = " ".join(SIGNS.sub("", unicodedata.normalize("NFC", short)).split())
    safe = re.sub(r'[<>:"|?*]', "_", plain).rstrip(". ")
    safe = re.sub(r"^[\s.=+@~-]+", "_", safe)
    if DEVICES.match(safe):
        safe = f"_{safe}"
    if len(safe) > LONGEST_NAME:
        stem, dot, ending = safe.rpartition(".")
        ends = dot and len(ending) <= LONGEST_ENDING
        safe = f"{stem[: LONGEST_NAME - len(ending) - 1]}.{ending}" if ends else safe[:LONGEST_NAME]
    return safe or "file"


def _kind(given: str | None) -> str:
    kind = (given or "").partition(";")[0].strip().lower()
    return kind if KIND.fullmatch(kind) else "application/octet-stream"
