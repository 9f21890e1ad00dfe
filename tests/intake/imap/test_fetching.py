"""What the fetcher does with the mails of a real Dovecot."""

import os
import shutil
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from intake import door
from intake.imap import fetcher, line
from models import tables
from models.errors import Invalid, Unavailable
from models.store import transaction
from models.terms import Envelope


def test_a_new_mail_comes_in_by_idle_at_once(dovecot, store, fetch, mail, eventually):
    """The server tells of new mail while the fetcher idles; its polling would take far longer."""
    dovecot.deliver(mail("First"))
    fetch(dovecot.mailbox(), store.accept)
    eventually(lambda: len(store.kept) == 1)
    eventually(lambda: dovecot.unseen() == 0)
    for number in range(3):
        time.sleep(0.3 * number)
        content = mail("Second")
        dovecot.deliver(content)
        eventually(lambda number=number: len(store.kept) == number + 2)
        assert store.kept[-1][1] == content


def test_a_mail_is_marked_as_seen_only_after_the_commit(dovecot, store, fetch, mail, eventually):
    """While our store is away the mail stays unseen; once it is back, the mail comes in once."""
    store.error = lambda _content: Unavailable("insert into mails … parameters: the whole mail")
    dovecot.deliver(mail())
    with capture_logs() as lines:
        fetch(dovecot.mailbox(), store.accept)
        eventually(lambda: store.asked >= 2)
    assert dovecot.unseen() == 1
    assert (
        next(told["reason"] for told in lines if told["event"] == "imap.interrupted")
        == "Unavailable: Temporarily unavailable. Please try again in a moment."
    )
    store.error = lambda _content: None
    eventually(lambda: len(store.kept) == 1)
    eventually(lambda: dovecot.unseen() == 0)
    time.sleep(0.5)
    assert len(store.kept) == 1


def test_a_crash_between_commit_and_seen_makes_one_item(dovecot, engine, fetch, mail, eventually):
    """A mail that is fetched again because its mark was never made is the same item by its digest."""

    def accept(envelope: Envelope, content: bytes) -> None:
        keep(engine, envelope, content)
        if not crashed:
            crashed.append(True)
            dovecot.kill()

    crashed: list[bool] = []
    dovecot.deliver(mail())
    fetch(dovecot.mailbox(), accept)
    eventually(lambda: crashed)
    time.sleep(0.2)
    dovecot.start()
    eventually(lambda: dovecot.unseen() == 0)
    assert stored(engine) == 1


def test_two_fetchers_at_once_bring_each_mail_in_once(dovecot, engine, fetch, mail, eventually):
    """Forty mails, two fetchers, a real store: forty items and nothing unseen."""
    dovecot.deliver(*(mail() for _ in range(40)))
    for _ in range(2):
        fetch(dovecot.mailbox(), lambda envelope, content: keep(engine, envelope, content))
    eventually(lambda: dovecot.unseen() == 0)
    assert stored(engine) == 40


def test_a_killed_server_is_found_again(dovecot, store, fetch, mail, eventually):
    """The fetcher goes on after a crash of the server; what came in meanwhile is not missed."""
    fetch(dovecot.mailbox(), store.accept)
    dovecot.deliver(mail())
    eventually(lambda: len(store.kept) == 1)
    dovecot.kill()
    time.sleep(1.5)
    dovecot.start()
    dovecot.deliver(mail())
    eventually(lambda: len(store.kept) == 2)
    eventually(lambda: dovecot.unseen() == 0)


def test_a_line_that_goes_silent_is_given_up(dovecot, store, fetch, mail, eventually, monkeypatch):
    """A connection that is open but dead is noticed when IDLE is issued again, and replaced."""
    monkeypatch.setattr(fetcher, "IDLE_SECONDS", 1.0)
    monkeypatch.setattr(line, "TIMEOUT", 1.0)
    dovecot.deliver(mail())
    fetch(dovecot.mailbox(), store.accept)
    eventually(lambda: len(store.kept) == 1)
    frozen = dovecot.sessions()
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        dovecot.deliver(mail())
        eventually(lambda: len(store.kept) == 2)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGKILL)


def test_a_wrong_password_is_told_and_tried_again(dovecot, store, fetch, mail, eventually):
    """A clear line without password or address, again and again, and work begins once it is right."""
    dovecot.deliver(mail())
    dovecot.set_password("another one")
    with capture_logs() as lines:
        fetch(dovecot.mailbox(), store.accept)
        eventually(lambda: lines)
    assert lines[0]["reason"].startswith("The server refused the user, password or token: ")
    assert dovecot.password not in str(lines)
    assert dovecot.name not in str(lines)
    dovecot.set_password(dovecot.password)
    eventually(lambda: len(store.kept) == 1)


def test_a_missing_folder_is_told_and_looked_for_again(dovecot, store, fetch, mail, eventually):
    """The log names the folder; once somebody makes it, its mail comes in."""
    with capture_logs() as lines:
        fetch(dovecot.mailbox(folder="Anfragen & Störungen"), store.accept)
        eventually(lambda: len([told for told in lines if told["event"] == "imap.interrupted"]) >= 2)
    reason = next(told["reason"] for told in lines if told["event"] == "imap.interrupted")
    assert reason.startswith("Misconfigured: folder 'Anfragen & Störungen' cannot be opened")
    with dovecot.person() as client:
        client.create_folder("Anfragen & Störungen")
    dovecot.deliver(mail(), folder="Anfragen & Störungen")
    eventually(lambda: len(store.kept) == 1)


def test_a_mail_that_is_too_large_is_left_for_a_person(dovecot, store, fetch, mail, eventually):
    """It is not downloaded but flagged and stays unseen; those behind it come in."""
    dovecot.deliver(mail("Large", body="x" * 200_000), mail("Small"))
    with capture_logs() as lines:
        fetch(dovecot.mailbox(), store.accept)
        eventually(lambda: len(store.kept) == 1)
        eventually(lambda: dovecot.unseen() == 1)
        time.sleep(0.5)
    assert b"Small" in store.kept[0][1]
    assert dovecot.flags()[0] == (rb"\Flagged",)
    assert [told["reason"] for told in lines if told["event"] == "imap.left"] == ["too-large"]


def test_a_size_that_the_server_only_estimates_is_held_against_the_bytes(
    dovecot, store, fetch, mail, eventually, monkeypatch
):
    """Where RFC822.SIZE says less than there is, no more than the limit is downloaded, and nothing is cut."""
    estimated = {b"RFC822.SIZE": 10}
    monkeypatch.setattr(fetcher.Fetcher, "_sizes", lambda _self, _line, uids: dict.fromkeys(uids, estimated))
    dovecot.deliver(mail(body="x" * 200_000), mail())
    fetch(dovecot.mailbox(), store.accept)
    eventually(lambda: len(store.kept) == 1)
    assert store.asked == 1
    eventually(lambda: dovecot.flags()[0] == (rb"\Flagged",))


def test_a_mail_refused_for_good_is_left_and_not_tried_in_a_loop(dovecot, store, fetch, mail, eventually, monkeypatch):
    """It is handed over once, flagged, and stays unseen, whatever else comes in."""
    monkeypatch.setattr(fetcher, "IDLE_SECONDS", 0.2)
    store.error = lambda content: Invalid("no") if b"Refused" in content else None
    dovecot.deliver(mail("Refused"), mail("Fine"))
    fetch(dovecot.mailbox(), store.accept)
    eventually(lambda: len(store.kept) == 1)
    dovecot.deliver(mail("Fine too"))
    eventually(lambda: len(store.kept) == 2)
    time.sleep(1)
    assert store.asked == 3
    assert dovecot.unseen() == 1
    assert dovecot.flags()[0] == (rb"\Flagged",)


def test_our_own_fault_with_one_mail_does_not_hold_up_the_others(dovecot, store, fetch, mail, eventually):
    """An unknown exception leaves the mail unseen and tries it again, ever more slowly."""
    store.error = lambda content: ValueError("a bug") if b"Unlucky" in content and store.asked < 4 else None
    dovecot.deliver(mail("Unlucky"), mail("Fine"))
    fetch(dovecot.mailbox(), store.accept)
    eventually(lambda: len(store.kept) == 1)
    assert b"Fine" in store.kept[0][1]
    eventually(lambda: len(store.kept) == 2)
    eventually(lambda: dovecot.unseen() == 0)


def test_a_new_uidvalidity_makes_old_uids_mean_nothing(dovecot, store, fetch, mail, eventually):
    """What was remembered of UID 1 does not keep another mail out that has this UID now (RFC 3501 §2.3.1.1)."""
    dovecot.deliver(mail("Large", body="x" * 200_000))
    with capture_logs() as lines:
        fetch(dovecot.mailbox(), store.accept)
        eventually(lambda: [told for told in lines if told["event"] == "imap.left"])
    dovecot.kill()
    shutil.rmtree(dovecot.folder / "mail" / dovecot.name)
    time.sleep(1.1)
    dovecot.start()
    dovecot.deliver(mail("Another"))
    eventually(lambda: len(store.kept) == 1)


def test_a_large_mailbox_is_taken_in_batches(dovecot, store, fetch, mail, eventually, monkeypatch):
    """Windows of the search and batches of the fetch leave nobody out, and seen mail is not fetched."""
    monkeypatch.setattr(fetcher, "BATCH", 7)
    monkeypatch.setattr(fetcher, "WINDOW", 10)
    dovecot.deliver(*(mail() for _ in range(35)))
    with dovecot.person() as client:
        client.select_folder("INBOX")
        client.add_flags([2, 3, 33], [rb"\Seen"])
        client.add_flags([35], [rb"\Deleted"])
    fetch(dovecot.mailbox(), store.accept)
    eventually(lambda: len(store.kept) == 31)
    eventually(lambda: dovecot.unseen() == 1)
    time.sleep(0.3)
    assert len({content for _, content in store.kept}) == store.asked == 31


def test_a_server_without_idle_is_asked_again_and_again(dovecot, store, fetch, mail, eventually, monkeypatch):
    """Polling takes the place of IDLE where the server does not offer it."""
    monkeypatch.setattr(fetcher, "POLL_SECONDS", 0.3)
    dovecot.kill()
    dovecot.capability = "imap_capability = IMAP4rev1 SASL-IR AUTH=PLAIN"
    dovecot.start()
    with capture_logs() as lines:
        fetch(dovecot.mailbox(), store.accept)
        eventually(lambda: lines)
    assert lines[0] == {"event": "imap.connected", "log_level": "info", "idle": False}
    for number in range(2):
        dovecot.deliver(mail())
        eventually(lambda number=number: len(store.kept) == number + 1)


@pytest.mark.parametrize("secure", ["tls", "starttls"])
def test_the_line_is_encrypted_and_the_certificate_checked(
    dovecot, store, fetch, mail, eventually, monkeypatch, secure: str
):
    """An unknown certificate is refused with a clear line; one of a trusted authority is taken."""
    port = dovecot.tls_port if secure == "tls" else dovecot.port
    dovecot.deliver(mail())
    with capture_logs() as lines:
        fetch(dovecot.mailbox(tls=secure, port=port), store.accept)
        eventually(lambda: lines)
    assert lines[0]["reason"].startswith("The server's certificate cannot be trusted")
    assert not store.kept
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.folder / "tls.crt"))
    eventually(lambda: len(store.kept) == 1)


def test_an_oauth2_token_takes_the_place_of_the_password(dovecot, store, fetch, mail, eventually):
    """The token command is run at each sign-in; one that fails is told without what it printed."""
    token = dovecot.folder / "token"
    dovecot.deliver(mail())
    with capture_logs() as lines:
        fetch(dovecot.mailbox(password="", token_command=f"cat '{token}'"), store.accept)
        eventually(lambda: lines)
        assert lines[0]["reason"] == "Misconfigured: the token command ended with exit code 1"
        token.write_text("stale.token.sample\n")
        eventually(lambda: any("refused" in told.get("reason", "") for told in lines))
    assert "stale.token.sample" not in str(lines)
    token.write_text(dovecot.token() + "\n")
    eventually(lambda: len(store.kept) == 1)


def test_the_moment_of_arrival_is_the_mailbox_s(dovecot, store, fetch, mail, eventually):
    """Old mail found at the first start is told to be old, so that nobody is answered weeks later."""
    long_ago = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    dovecot.deliver(mail(), at=long_ago)
    dovecot.deliver(mail(), at=datetime.now(UTC) + timedelta(days=2))
    fetch(dovecot.mailbox(), store.accept)
    eventually(lambda: len(store.kept) == 2)
    assert store.kept[0][0].received_at == long_ago
    assert abs(datetime.now(UTC) - store.kept[1][0].received_at) < timedelta(seconds=30)


def keep(engine, envelope: Envelope, content: bytes) -> None:
    """Store a mail as the gateway does."""
    with transaction(engine) as session:
        door.accept(session, envelope, content, datetime.now(UTC))


def stored(engine) -> int:
    """How many mails are stored."""
    with transaction(engine) as session:
        return len(session.scalars(select(tables.mail.Mail.id)).all())
