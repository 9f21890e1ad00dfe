"""What a client may ask of us: time, connections, mistakes, idle talk, mails a minute."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from intake.smtp.gateway import Patience, share_of
from models.errors import Unavailable

OWN = "support@example.com"
QUICK = Patience(look=0.05, idle=0.4, transaction=0.8, grace=0.3, least_rate=20_000, proxy=0.3)


def ends(wire) -> str:
    """What the line says before it ends; fails if it does not end."""
    last = wire.file.readline()
    assert wire.file.readline() == b""
    return last.decode().strip()


def test_who_says_nothing_is_hung_up_on(gateway):
    """The idle time-out, told as such (A22)."""
    gateway.config.patience = QUICK
    wire = gateway.wire()
    started = time.monotonic()
    assert ends(wire) == "421 4.4.2 Timeout"
    assert 0.3 < time.monotonic() - started < 60


def test_commands_keep_a_line_open(gateway):
    """Idle is measured from the last command."""
    gateway.config.patience = QUICK
    wire = gateway.wire()
    for _ in range(8):
        assert wire.say("NOOP").startswith("250")
        time.sleep(0.1)


def test_a_command_that_never_ends_does_not_keep_a_line_open(gateway):
    """Bytes dripped into one command are no command (H1)."""
    gateway.config.patience = QUICK
    wire = gateway.wire()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        drip(wire, b"N")


def drip(wire, piece: bytes) -> None:
    """Send a little every now and then, without end."""
    for _ in range(200):
        wire.send(piece)
        time.sleep(0.05)


def test_a_mail_that_drips_is_cut(gateway):
    """Slower than the least rate after the grace (A22)."""
    gateway.config.patience = QUICK
    wire = gateway.greeted()
    wire.say("DATA")
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        drip(wire, b"z" * 10)
    assert gateway.stored == []


def test_a_slow_but_honest_mail_is_taken(gateway):
    """Longer than the idle time-out and the grace, but at a fair rate (A22)."""
    gateway.config.patience = Patience(look=0.05, idle=0.3, grace=0.2, least_rate=10_000)
    wire = gateway.greeted()
    wire.say("DATA")
    for _ in range(16):
        wire.send(b"x" * 2_000)
        time.sleep(0.05)
    wire.send(b"\r\n.\r\n")
    assert wire.answer().startswith("250")


def test_a_transaction_has_an_end(gateway):
    """However busy its client looks (A22); a line with many short transactions has none."""
    gateway.config.patience = QUICK
    busy, endless = gateway.greeted(), gateway.greeted()
    deadline = time.monotonic() + 1.6
    while time.monotonic() < deadline:
        assert gateway.data(busy, b"x").startswith("250")
        busy.say("MAIL FROM:<a@example.org>")
        busy.say(f"RCPT TO:<{OWN}>")
        if endless.say("NOOP") == "421 4.4.2 Timeout":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the endless transaction was not ended")


def test_a_slow_commit_is_not_the_clients_fault(gateway):
    """No time-out runs while we store."""
    gateway.config.patience = QUICK
    gateway.pause = 1.0
    assert gateway.data(gateway.greeted(), b"x").startswith("250")


@pytest.mark.parametrize("word", ["NOOP", "RSET", "EHLO x", "VRFY a", "HELP", "EXPN list"])
def test_idle_talk_ends(gateway, word):
    """After a hundred commands that bring no mail nearer (A21), or twenty that are refused (A20)."""
    wire = gateway.wire()
    answers = [wire.say(word)]
    while not answers[-1].startswith("421") and len(answers) < 200:
        answers.append(wire.say(word))
    assert answers[-1].startswith("421 4.7.0")
    assert len(answers) in (21, 101)
    assert wire.file.readline() == b""


def test_a_stored_mail_forgives(gateway):
    """A relay's long connection with a wrong recipient now and then is not cut."""
    wire = gateway.wire()
    wire.say("EHLO x")
    for _ in range(30):
        wire.say("RSET")
        wire.say("MAIL FROM:<a@example.org>")
        assert wire.say("RCPT TO:<nobody@example.com>").startswith("550")
        wire.say(f"RCPT TO:<{OWN}>")
        assert gateway.data(wire, b"x").startswith("250")


def test_a_flood_from_one_sender_waits_and_others_do_not(gateway):
    """450 4.7.1 for that return path only, whatever its tag and case, from whatever connection (H4)."""
    gateway.config.mails_per_sender = 5
    wire = gateway.wire()
    wire.say("EHLO x")
    answers = []
    for number in range(8):
        answers.append(wire.say(f"MAIL FROM:<Flood+{number}@example.org>")[:9])
        if answers[-1].startswith("250"):
            wire.say(f"RCPT TO:<{OWN}>")
            assert gateway.data(wire, b"x").startswith("250")
    assert answers == ["250 2.1.0"] * 5 + ["450 4.7.1"] * 3
    assert gateway.data(gateway.greeted(sender="<other@example.org>"), b"x").startswith("250")
    assert gateway.data(gateway.greeted(sender="<>"), b"x").startswith("250")


def test_a_flood_is_over_after_a_minute_and_its_memory_bounded(gateway, monkeypatch):
    """Counted by the minute, for so many senders and no more (H4)."""
    clock = [60.0]
    monkeypatch.setattr("intake.smtp.gateway.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("intake.smtp.gateway.MOST_SENDERS", 10)
    gateway.config.mails_per_sender = 1
    for number in range(50):
        gateway.config.count_mail(f"a{number}@example.org", "192.0.2.1")
    assert gateway.config.is_flooded("a3@example.org", "192.0.2.1")
    assert not gateway.config.is_flooded("a30@example.org", "192.0.2.1")
    assert len(gateway.config._senders) == 10
    clock[0] = 125.0
    assert not gateway.config.is_flooded("a3@example.org", "192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_a_peer_is_an_address_or_a_64(one, other, same):
    """One customer's IPv6 network has no more connections than one IPv4 address (A23)."""
    assert (share_of(one) == share_of(other)) is same


def test_ended_connections_leave_no_trace(gateway):
    """No counter grows with the number of peers that ever came."""
    wires = [gateway.wire() for _ in range(5)]
    wires[0].say("QUIT")
    for wire in wires:
        wire.close()
    deadline = time.monotonic() + 5
    while (gateway.config.open or gateway.config.peers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not gateway.config.open
    assert not gateway.config.peers


def test_a_new_client_is_greeted_at_once_however_many_idle(gateway):
    """Hundreds of idle and dripping lines cost the next client nothing (H1, A23)."""
    gateway.config.connections_per_peer = 1_000
    for number in range(300):
        wire = gateway.wire()
        if number < 50:
            wire.send(b"MAIL FR")
    started = time.monotonic()
    assert gateway.wire().greeting.startswith("220")
    assert time.monotonic() - started < 40


def test_a_hurried_client_that_reads_nothing_costs_no_memory(gateway):
    """Answers nobody reads stop the reading of commands; the store is not reached."""
    wire = gateway.wire()
    wire.socket.settimeout(1)
    with pytest.raises((TimeoutError, BrokenPipeError, ConnectionResetError)):
        pour(wire)


def pour(wire) -> None:
    """Say more than anybody could answer, and listen to nothing."""
    for _ in range(2_000):
        wire.send(b"EHLO x\r\n" * 1_000)


def test_large_mails_at_once_do_not_stop_others(gateway):
    """Eight of the largest size are under way, and somebody else gets an answer at once (H5)."""
    gateway.config.max_bytes = 24_000_000
    wires = [gateway.greeted(sender=f"<a{number}@example.org>") for number in range(8)]
    for wire in wires:
        wire.say("DATA")
        wire.send(b"x" * 4_000_000)
    started = time.monotonic()
    assert gateway.wire().say("EHLO x").startswith("250")
    assert time.monotonic() - started < 40
    for wire in wires:
        wire.send(b"\r\n.\r\n")
        assert wire.answer().startswith("250")
    assert [len(content) for _, content in gateway.stored] == [4_000_002] * 8


def test_lmtp_refuses_for_each_recipient_too(gateway):
    """A fault of ours, a mail too large, a loop: one reply each, and the line stays in step (A6)."""
    wire = gateway.wire(lmtp=True)
    wire.say("LHLO x")
    for fault, content, code in (
        (Unavailable("db"), b"x", "451"),
        (None, b"y" * 150_000, "552"),
        (None, b"Received: from x\r\n" * 101 + b"\r\nx", "554"),
        (None, b"x", "250"),
    ):
        gateway.fails = fault
        wire.say("MAIL FROM:<a@example.org>")
        for recipient in (f"<{OWN}>", f"<{OWN}>", "<nobody@example.com>", "<postmaster>"):
            wire.say(f"RCPT TO:{recipient}")
        assert gateway.data(wire, content).startswith(code)
        assert [wire.answer()[:3] for _ in range(2)] == [code] * 2
        assert wire.say("NOOP").startswith("250")
    ((envelope, _),) = gateway.stored
    assert envelope.rcpt_to == (OWN, "postmaster@example.com")


CROWD = """
import socket, sys
from intake.smtp import server
from intake.smtp.gateway import Gateway
async def accept(envelope, content): pass
gateway = Gateway(accept=accept, own_addresses=frozenset({"support@example.com"}), max_bytes=100_000,
                         hostname="mx.example.com", connections_per_peer=1000)
server.run(gateway, host="127.0.0.1", smtp_port=int(sys.argv[1]))
"""


def test_more_clients_than_file_descriptors_end_in_421_not_in_a_storm(tmp_path, free_port, connect):
    """Connections stay below the limit of descriptors, and the log below a handful of lines (G21)."""
    log = tmp_path / "log"
    argv = ["sh", "-c", 'ulimit -n 96 && exec "$@"', "sh", sys.executable, "-c", CROWD, str(free_port)]
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=Path(__file__).parents[2], stdout=out, stderr=out)
    try:
        lines = [connect(free_port) for _ in range(90)]
        greetings = [line.recv(100)[:3] for line in lines]
        assert greetings.count(b"220") == 48
        assert greetings.count(b"421") == 42
        before = cpu(process.pid)
        for line in lines:
            line.close()
        time.sleep(0.5)
        assert cpu(process.pid) - before < 1
        late = connect(free_port)
        assert late.recv(100).startswith(b"220")
        late.close()
    finally:
        process.terminate()
        process.wait(60)
    assert 1 <= log.read_text().count("\n") <= 12


def cpu(pid: int) -> float:
    """Seconds of processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
