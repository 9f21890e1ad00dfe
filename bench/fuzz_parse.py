"""Fuzz the mail reader with atheris for a while: whatever the bytes, `parse` must return, and quickly.

    pip install atheris, then: python bench/fuzz_parse.py --seconds 600 [--corpus DIR]

A finding is an exception, text that PostgreSQL cannot store, or a mail that costs more CPU than
`SLOW` seconds; atheris writes its bytes to a file and exits other than 0. The corpus begins with
mails invented here, of every kind that the reader tells apart. Without atheris there is one line and
exit 2.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

SLOW = 5.0
LONGEST = 60_000
HEAD = b"From: Marta <marta@example.org>\r\nTo: support@example.com\r\nSubject: =?utf-8?q?St=C3=B6rung?=\r\n"
MULTI = b"Content-Type: multipart/%s; boundary=b\r\n\r\n--b\r\n%s\r\n--b\r\n%s\r\n--b--\r\n"
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nIt is down.\r\n\r\n-- \r\nMarta"
HTML = b"Content-Type: text/html\r\n\r\n"
HTML += b"<p>It is <b>down</b><table><tr><td>a<td>b</table><blockquote type=cite>old</blockquote>"
STATUS = b"Content-Type: message/delivery-status\r\n\r\n"
STATUS += b"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822;a@b.c\r\nStatus: 5.1.1"
FILE = b"Content-Type: application/zip; name*0*=utf-8''gr%C3%BC; name*1=.zip\r\n"
FILE += b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8="
FORWARD = (
    b"Please look.\r\n\r\n---------- Forwarded message ---------\r\nFrom: Ida <ida@example.net>\r\nDate: 21.11.2026\r\n"
)
SEEDS = (
    HEAD + b"\r\nIt is down.\r\n\r\nOn Sat, Nov 21, 2026 at 9:30 AM Jon <jon@example.net> wrote:\r\n> Did it help?\r\n",
    HEAD + b"\r\nIst weg.\r\n\r\nVon: Jon <jon@example.net>\r\nGesendet: Samstag\r\nAn: x\r\nBetreff: 503\r\n\r\nalt",
    HEAD + b"\r\n" + FORWARD + b"Subject: x\r\nTo: y@example.net\r\n\r\nOrders fail.\r\n",
    HEAD + MULTI % (b"alternative", TEXT, HTML),
    HEAD + MULTI % (b"mixed", TEXT, FILE),
    HEAD + MULTI % (b"report; report-type=delivery-status", TEXT, STATUS),
    HEAD + MULTI % (b"mixed", TEXT, b"Content-Type: message/rfc822\r\n\r\n" + HEAD + b"\r\ninner"),
    b"From: MAILER-DAEMON@example.net\r\nReturn-Path: <>\r\nSubject: failed\r\n\r\n<a@b.example>:\r\n550 5.1.1 no\r\n",
    HEAD
    + b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n"
    + b"\x78\x9f\x3e\x22\x01\x00\x02\x05\x90\x06\x00\x04\x00\x00\x00",
    HEAD + b"Content-Type: text/plain; charset=iso-2022-jp; format=flowed; delsp=yes\r\n\r\n\x1b$B>c32\x1b(B \r\nx",
    HEAD + b"\r\nThe log:\r\nbegin 644 app.log\r\n%:&5L;&\\\r\n`\r\nend\r\n",
    HEAD + b"\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\n- -- x\r\n-----BEGIN PGP SIGNATURE-----\r\n",
    HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=\r\n=DF =XY",
)


def check(raw: bytes) -> None:
    """Read a mail as `switchboard parse` does; raise what must not happen."""
    from intake.reading.message import parse  # noqa: PLC0415 - atheris instruments what is imported after it
    from intake.reading.shape import as_json  # noqa: PLC0415
    from intake.replies.screening import Case, suppression  # noqa: PLC0415
    from models.terms import Envelope  # noqa: PLC0415

    started = time.process_time()
    message = parse(raw)
    took = time.process_time() - started
    envelope = Envelope(mail_from="a@x.example", rcpt_to=(), peer="", helo="", received_at=datetime.now(UTC))
    case = Case(envelope=envelope, message=message, own_addresses=frozenset({"support@example.com"}))
    line = json.dumps(as_json(message, "x", case=case, silence=suppression(case)), ensure_ascii=False)
    line.encode()
    assert "\\u0000" not in line, "a NUL, which PostgreSQL does not store"
    assert took < SLOW, f"{took:.1f} s for {len(raw)} bytes"


def main() -> int:
    """Fuzz until the time is over or something is found."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seconds", type=int, default=60)
    asked.add_argument("--corpus", type=Path, help="folder that keeps what was learnt (default: a temporary one)")
    args = asked.parse_args()
    try:
        import atheris  # noqa: PLC0415 - an optional tool
    except ImportError:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["intake"]):
        import intake.reading.message  # noqa: PLC0415
        import intake.reading.shape  # noqa: F401, PLC0415
    corpus = args.corpus or Path(tempfile.mkdtemp(prefix="fuzz-parse-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS):
        check(seed)
        (corpus / f"seed-{number:02}").write_bytes(seed)
    os.chdir(corpus)  # findings are written there
    print(f"corpus and findings: {corpus}", flush=True)
    limits = [f"-max_total_time={args.seconds}", f"-max_len={LONGEST}", "-timeout=30", "-rss_limit_mb=1024"]
    atheris.Setup([sys.argv[0], *limits, str(corpus)], check)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    sys.exit(main())
