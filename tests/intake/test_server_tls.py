"""STARTTLS: offered or required, nothing said in clear carried over; and who may speak for somebody else."""

import asyncio
import contextlib
import smtplib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
import uvloop

from intake.smtp import server
from intake.smtp.gateway import Gateway, Patience

OWN = "support@example.com"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Path:
    """A certificate for localhost with its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    file = folder / "both.pem"
    argv = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    argv += f" -addext subjectAltName=DNS:localhost -keyout {folder}/key.pem -out {folder}/cert.pem"
    subprocess.run(argv.split(), check=True, capture_output=True)
    file.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return file


@pytest.fixture
def secure(gateway, certificate):
    """The gateway, with TLS offered."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    gateway.config.tls = context
    return gateway


@pytest.fixture
def trusting(certificate) -> ssl.SSLContext:
    """A client's context that trusts the certificate."""
    return ssl.create_default_context(cafile=certificate)


def offers(wire, word: str = "EHLO") -> list[str]:
    """What the gateway offers."""
    wire.send(f"{word} x\r\n".encode())
    lines = []
    while not lines or lines[-1][3:4] == "-":
        lines.append(wire.file.readline().decode().strip())
    return [line[4:] for line in lines]


def encrypt(wire, context: ssl.SSLContext) -> None:
    """Begin TLS."""
    assert wire.say("STARTTLS").startswith("220")
    wire.file.close()
    wire.socket = context.wrap_socket(wire.socket, server_hostname="localhost")
    wire.file = wire.socket.makefile("rb")


def test_a_mail_goes_through_tls(secure, trusting):
    """An ordinary client with a checked certificate, and a mail longer than a TLS record."""
    body = b"Subject: x\r\n\r\n" + b"line\r\n" * 10_000
    with smtplib.SMTP("127.0.0.1", secure.port, timeout=60) as client:
        client._host = "localhost"
        client.starttls(context=trusting)
        client.sendmail("a@example.org", [OWN], body)
        client.sendmail("a@example.org", [OWN], body)
    assert [content for _, content in secure.stored] == [body] * 2


def test_tls_is_offered_only_with_a_certificate_and_only_once(gateway, secure, trusting):
    """And asked for again inside TLS it is refused, never 220 (A9)."""
    wire = secure.wire()
    assert "STARTTLS" in offers(wire)
    encrypt(wire, trusting)
    assert "STARTTLS" not in offers(wire)
    assert wire.say("STARTTLS") == "503 5.5.1 TLS is in use already"
    assert wire.say("NOOP").startswith("250")
    gateway.config.tls = None
    plain = gateway.wire()
    assert "STARTTLS" not in offers(plain)
    assert plain.say("STARTTLS").startswith("502")


def test_what_came_in_clear_behind_starttls_is_thrown_away(secure, trusting):
    """A man in the middle cannot put commands into the encrypted part (A9, CVE-2024-34083)."""
    wire = secure.wire()
    wire.say("EHLO x")
    wire.send(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<support@example.com>\r\n")
    assert wire.answer().startswith("220")
    wire.file.close()
    wire.socket = trusting.wrap_socket(wire.socket, server_hostname="localhost")
    wire.file = wire.socket.makefile("rb")
    assert wire.say("NOOP") == "250 2.0.0 OK"
    assert wire.say("DATA").startswith("503")
    assert wire.say("MAIL FROM:<a@example.org>") == "503 5.5.1 Say HELO first"


def test_nothing_said_before_tls_counts_in_it(secure, trusting):
    """Greeting and transaction are forgotten (RFC 3207 §4.2)."""
    wire = secure.greeted()
    encrypt(wire, trusting)
    assert wire.say(f"RCPT TO:<{OWN}>").startswith("503")
    assert wire.say("MAIL FROM:<a@example.org>").startswith("503")
    wire.say("EHLO x")
    wire.say("MAIL FROM:<b@example.org>")
    wire.say(f"RCPT TO:<{OWN}>")
    assert secure.data(wire, b"x").startswith("250")
    assert secure.stored[0][0].mail_from == "b@example.org"


@pytest.mark.parametrize("word", ["MAIL FROM:<a@example.org>", f"RCPT TO:<{OWN}>", "DATA", "HELO x", "RSET", "VRFY a"])
def test_where_tls_is_required_nothing_goes_in_clear(secure, trusting, word):
    """530 until STARTTLS (RFC 3207 §4), then as ever."""
    secure.config.require_tls = True
    wire = secure.wire()
    wire.say("EHLO x")
    assert wire.say(word) == "530 5.7.0 Say STARTTLS first"
    assert wire.say("NOOP").startswith("250")
    encrypt(wire, trusting)
    wire.say("EHLO x")
    wire.say("MAIL FROM:<a@example.org>")
    wire.say(f"RCPT TO:<{OWN}>")
    assert secure.data(wire, b"x").startswith("250")


def test_neighbours_by_lmtp_may_speak_in_clear(secure):
    """LMTP is for machines next to us (RFC 2033 §1)."""
    secure.config.require_tls = True
    wire = secure.wire(lmtp=True)
    assert "STARTTLS" in offers(wire, "LHLO")
    assert wire.say("MAIL FROM:<a@example.org>").startswith("250")


def test_a_failed_handshake_ends_the_connection(secure):
    """No word in clear afterwards, and no connection left behind (A9)."""
    wire = secure.wire()
    wire.say("EHLO x")
    wire.say("STARTTLS")
    wire.send(b"MAIL FROM:<a@example.org>\r\n" * 20)
    assert b"250" not in wire.file.read()
    assert gone(secure)


def test_a_handshake_that_never_comes_is_given_up(secure):
    """No slot is held for ever."""
    secure.config.patience = Patience(handshake=0.3, look=0.05)
    wire = secure.wire()
    wire.say("EHLO x")
    wire.say("STARTTLS")
    assert wire.file.read() == b""
    assert gone(secure)


def gone(gateway) -> bool:
    """Whether no connection is counted any more."""
    for _ in range(100):
        if not gateway.config.open and not gateway.config.peers:
            return True
        threading.Event().wait(0.05)
    return False


def test_a_login_is_never_offered(secure, trusting):
    """Neither in clear nor in TLS (A27)."""
    wire = secure.wire()
    assert not [each for each in offers(wire) if each.startswith("AUTH")]
    assert wire.say("AUTH PLAIN AGEAYg==").startswith("502")
    encrypt(wire, trusting)
    assert not [each for each in offers(wire) if each.startswith("AUTH")]
    assert wire.say("AUTH PLAIN AGEAYg==").startswith("502")


V2 = b"\r\n\r\n\x00\r\nQUIT\n"
TCP4 = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 25\r\n"
TCP6 = b"PROXY TCP6 2001:db8::9 2001:db8::1 40000 25\r\n"
BINARY4 = V2 + b"\x21\x11\x00\x0c" + bytes([203, 0, 113, 9, 192, 0, 2, 1]) + b"\x9c\x40\x00\x19"


def behind(gateway, header: bytes) -> bytes:
    """Connect as a balancer would, send a mail if we are greeted; the first line."""
    mail = b"HELO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n\r\nx\r\n.\r\nQUIT\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as line, line.makefile("rb") as file:
        line.sendall(header)
        first = file.readline()
        if first.startswith(b"220"):
            line.sendall(mail)
            assert [file.readline()[:3] for _ in range(6)] == [b"250", b"250", b"250", b"354", b"250", b"221"]
        return first


@pytest.mark.parametrize(
    ("header", "peer"),
    [
        (TCP4, "203.0.113.9"),
        (TCP6, "2001:db8::9"),
        (BINARY4, "203.0.113.9"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (V2 + b"\x20\x00\x00\x00", "127.0.0.1"),
    ],
)
def test_a_configured_balancer_names_the_client(gateway, header, peer):
    """Both versions of the PROXY protocol; its own health checks have no client (A25)."""
    gateway.config.proxies = (ip_network("127.0.0.0/8"),)
    assert behind(gateway, header).startswith(b"220")
    assert gateway.stored[0][0].peer == peer


def test_a_clients_share_is_counted_behind_a_balancer(gateway):
    """Not the balancer's, which has none to lose (A23, A25)."""
    gateway.config.proxies = (ip_network("127.0.0.1/32"),)
    gateway.config.connections_per_peer = 1
    lines = []
    for source in ("203.0.113.1", "203.0.113.1", "203.0.113.2"):
        line = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
        line.sendall(f"PROXY TCP4 {source} 192.0.2.1 4000 25\r\n".encode())
        lines.append((line, line.recv(100)[:3]))
    assert [greeting for _, greeting in lines] == [b"220", b"421", b"220"]
    for line, _ in lines:
        line.close()


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO x\r\n",
        b"PROXY TCP4 evil\r\n",
        b"PROXY\r\n",
        b"PROXY TCP4 " + b"1" * 5_000,
        V2 + b"\x31\x11\x00\x0c" + b"x" * 12,
    ],
)
def test_a_balancer_that_does_not_name_the_client_is_not_served(gateway, header):
    """Without a header we would believe the wrong peer (A25)."""
    gateway.config.proxies = (ip_network("127.0.0.1/32"),)
    with contextlib.suppress(ConnectionResetError):  # we may close while it is still talking
        assert behind(gateway, header) == b""
    assert gateway.stored == []


def test_a_balancer_that_says_nothing_is_given_up(gateway):
    """No slot is held for a header that never comes."""
    gateway.config.proxies = (ip_network("127.0.0.1/32"),)
    gateway.config.patience = Patience(proxy=0.2, look=0.05)
    assert behind(gateway, b"").startswith(b"421")


@pytest.mark.parametrize("header", [TCP4, TCP6])
def test_nobody_else_may_name_a_client(gateway, header):
    """The line is refused and the connection ended (A25)."""
    wire = gateway.wire()
    assert wire.say(header.rstrip()) == "554 5.7.0 PROXY is not for you"
    assert wire.file.readline() == b""
    wire = gateway.wire()
    wire.send(BINARY4)
    assert wire.answer().startswith("500")
    wire = gateway.wire()
    assert not [each for each in offers(wire) if each.startswith("XCLIENT")]
    assert wire.say("XCLIENT ADDR=203.0.113.9").startswith("502")


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def other_loop(request, certificate) -> Iterator[tuple[int, list]]:
    """A gateway with TLS on either kind of event loop: its port and what it stored."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    stored: list = []

    def accept(envelope, content):
        stored.append(content)

    config = Gateway(
        accept=accept, own_addresses=frozenset({OWN}), max_bytes=100_000, hostname="mx.example.com", tls=context
    )
    loop = request.param()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listening = asyncio.run_coroutine_threadsafe(server.listen(config, "127.0.0.1", 0), loop).result(60)
    yield listening.sockets[0].getsockname()[1], stored
    asyncio.run_coroutine_threadsafe(server.close(config, [listening]), loop).result(60)
    asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()


def test_both_event_loops_serve_in_clear_and_in_tls(other_loop, trusting):
    """With uvloop and without, and with a store that blocks."""
    port, stored = other_loop
    for _ in range(2):
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            client.sendmail("a@example.org", [OWN], b"clear\r\n")
            client._host = "localhost"
            client.starttls(context=trusting)
            client.sendmail("a@example.org", [OWN], b"secret\r\n")
    assert stored == [b"clear\r\n", b"secret\r\n"] * 2
