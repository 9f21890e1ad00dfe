"""What the fetcher does on the wire, against a server that plays a part written for it."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from imapclient.exceptions import IMAPClientError
from structlog.testing import capture_logs

from intake.imap import fetcher, line

CAPABILITY = b"IMAP4rev1 IDLE AUTH=PLAIN SASL-IR"
BODY = b"Return-Path: <marta@nordhandel.example>\r\nSubject: Sample\r\n\r\nHello\r\n"


class Scripted:
    """An IMAP server with one mailbox that does what a test tells it when the client idles."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.said: list[bytes] = []
        self.mails = 0
        self.seen: set[int] = set()
        self.on_idle: Callable[[Callable[[bytes], None]], None] = lambda send: send(b"+ idling\r\n")
        self.after: dict[bytes, bytes] = {}
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        """Serve one connection after the other."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, connection: socket.socket) -> None:
        """Answer until the client leaves."""
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as file:
            connection.sendall(b"* OK [CAPABILITY " + CAPABILITY + b"] Ready\r\n")
            for received in file:
                self.said.append(received.strip())
                tag, _, command = received.strip().partition(b" ")
                self.answer(tag, command.upper(), connection.sendall, file.readline)

    def answer(self, tag: bytes, command: bytes, send: Callable[[bytes], None], read: Callable[[], bytes]) -> None:
        """Answer one command."""
        words = command.removeprefix(b"UID ").split()
        if words[0] == b"IDLE":
            self.on_idle(send)
            self.said.append(read().strip())
        elif words[0] == b"AUTHENTICATE":
            send(b"+ \r\n")
            read()
        elif words[0] == b"CAPABILITY":
            send(b"* CAPABILITY " + CAPABILITY + b"\r\n")
        elif words[0] == b"SELECT":
            send(b"* %d EXISTS\r\n* OK [UIDVALIDITY 1] Valid\r\n* OK [READ-WRITE] Selected\r\n" % self.mails)
        elif words[0] == b"SEARCH":
            unseen = [uid for uid in range(1, self.mails + 1) if uid not in self.seen]
            send(b"* SEARCH " + b" ".join(b"%d" % uid for uid in unseen) + b"\r\n")
        elif words[0] == b"STORE":
            self.seen.add(int(words[1]))
        elif words[0] == b"FETCH" and b"BODY.PEEK" in command:
            uid = int(words[1])
            send(b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n%b)\r\n" % (uid, uid, len(BODY), BODY))
        elif words[0] == b"FETCH":
            for uid in words[1].split(b","):
                send(b"* %b FETCH (UID %b RFC822.SIZE %d)\r\n" % (uid, uid, len(BODY)))
        news = self.after.pop(words[0], b"")
        self.mails += news.count(b"EXISTS")
        send(news + tag + b" OK Done\r\n")


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """A server that plays its part."""
    server = Scripted()
    yield server
    server.listener.close()


def mailbox(scripted: Scripted) -> line.Mailbox:
    """How our fetcher gets at it."""
    return line.Mailbox(host="127.0.0.1", port=scripted.port, tls="none", user="support", password="sample-secret")


@pytest.mark.parametrize(
    "said",
    [b"+ idling\r\n* 1 EXISTS\r\n", b"* 1 EXISTS\r\n+ idling\r\n", b"* OK Wait\r\n+ idling\r\n"],
    ids=["in the same packet", "before the continuation", "something else before it"],
)
def test_news_that_come_with_the_answer_to_idle_are_heard(scripted, store, fetch, eventually, said: bytes):
    """Mail that arrived between the search and IDLE is fetched at once, however the server tells of it."""

    def tell(send):
        scripted.on_idle = lambda send: send(b"+ idling\r\n")
        scripted.mails = 1
        send(said)

    scripted.on_idle = tell
    fetch(mailbox(scripted), store.accept)
    eventually(lambda: len(store.kept) == 1)


def test_news_that_come_with_the_answer_to_the_search_are_heard(scripted, store, fetch, eventually):
    """The server has told of it, so it will not in IDLE: it is looked for once more before."""
    scripted.mails, scripted.seen = 1, {1}
    scripted.after[b"SEARCH"] = b"* 2 EXISTS\r\n"
    fetch(mailbox(scripted), store.accept)
    eventually(lambda: len(store.kept) == 1)


def test_idle_is_issued_again_in_time(scripted, store, fetch, eventually, monkeypatch):
    """A server may drop who idles for half an hour (RFC 2177 §3): long before, IDLE ends and begins anew."""
    assert fetcher.IDLE_SECONDS < 29 * 60
    monkeypatch.setattr(fetcher, "IDLE_SECONDS", 0.2)
    fetch(mailbox(scripted), store.accept)
    eventually(lambda: scripted.said.count(b"DONE") >= 3)
    assert sum(b"AUTHENTICATE" in said for said in scripted.said) == 1


def test_a_connection_closed_while_idling_is_no_busy_loop(scripted, store, fetch, eventually):
    """The end of the connection is noticed once, told, and waited upon."""

    def hang_up(_send):
        raise OSError

    scripted.on_idle = hang_up
    with capture_logs() as lines:
        fetch(mailbox(scripted), store.accept)
        eventually(lambda: len([told for told in lines if told["event"] == "imap.interrupted"]) >= 2)
        time.sleep(0.5)
    interrupted = [told for told in lines if told["event"] == "imap.interrupted"]
    assert len(interrupted) <= 5
    assert interrupted[0]["reason"].startswith("No connection: ")


def test_a_server_that_refuses_idle_is_waited_for(scripted, monkeypatch):
    """A tagged NO in place of the continuation is an error, not a wait."""

    def refuse(send):
        tag = scripted.said[-1].split()[0]
        send(tag + b" NO Not now\r\n")

    scripted.on_idle = refuse
    with line.connect(mailbox(scripted)) as connection:
        connection.select_folder("INBOX")
        with pytest.raises(IMAPClientError, match="IDLE was refused"):
            connection.listen(5, threading.Event())
        connection.shutdown()


def test_mails_never_reach_the_log_by_the_library(scripted, store, fetch, eventually, caplog):
    """Even where everything is logged, the library's lines with passwords and contents are not."""
    caplog.set_level(logging.DEBUG)
    scripted.mails = 1
    fetch(mailbox(scripted), store.accept)
    eventually(lambda: len(store.kept) == 1)
    assert not [record for record in caplog.records if record.name.startswith("imapclient")]
