"""Whether the sender is who he says: by our relay's word, else by our own check of SPF, DKIM and DMARC."""

import base64
import importlib
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime

import dkim
import dns.resolver
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake import door
from intake.replies import mailauth
from intake.replies.authentication import Result, Verdict, aligned, from_headers, judged, read
from intake.replies.mailauth import OwnCheck
from models.errors import Misconfigured
from models.store import transaction
from models.terms import Envelope

OURS = "mx.example.com"
SENDER = "marta@nordhandel.example"


def verdict(*fields: str, mail_from: str = SENDER) -> str:
    """What these fields, the topmost first, say of the sender."""
    return from_headers(fields, authserv_id=OURS, mail_from=mail_from).result


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (f"{OURS}; dmarc=pass header.from=nordhandel.example", "pass"),
        (f"{OURS}; dmarc=fail (p=reject) header.from=nordhandel.example", "fail"),
        (f"{OURS}; spf=pass smtp.mailfrom={SENDER}", "pass"),
        (f"{OURS}; spf=pass smtp.mailfrom=nordhandel.example", "pass"),
        (f"{OURS}; spf=fail smtp.mailfrom={SENDER}", "fail"),
        (f"{OURS}; spf=softfail smtp.mailfrom={SENDER}", "none"),
        (f"{OURS}; spf=pass smtp.mailfrom={SENDER}; dmarc=fail header.from=bank.example", "fail"),
        (f"{OURS}; spf=fail smtp.mailfrom={SENDER}; dkim=pass header.d=nordhandel.example", "pass"),
        (f"{OURS}; dkim=pass header.d=mail.nordhandel.example", "pass"),
        (f"{OURS}; dkim=pass header.i=@nordhandel.example header.s=x", "pass"),
        (f"{OURS}; dkim=fail header.d=nordhandel.example", "none"),
        (f"{OURS}; dkim=pass header.d=other.example", "none"),
        (f"{OURS}; dmarc=pass header.from=other.example", "none"),
        (f"{OURS}; spf=pass smtp.helo=nordhandel.example", "none"),
        (f"{OURS}; spf=fail smtp.helo=nordhandel.example", "none"),
        (f"{OURS}; dmarc=temperror header.from=nordhandel.example", "none"),
        (f"{OURS}; none", "none"),
        (f"{OURS}", "none"),
        ("", "none"),
    ],
)
def test_what_our_relay_found_decides(field, expected):
    """The envelope's own domain must have passed; a From that DMARC calls forged is forged whatever the envelope."""
    assert verdict(field) == expected


@pytest.mark.parametrize(
    "field",
    [
        "MX.Example.COM;\r\n\tDMARC=Pass\r\n  header.From=NordHandel.example",
        f"{OURS} 1; dmarc=pass header.from=nordhandel.example",
        f'"{OURS}" ; dmarc = pass reason="a; b = c (d)" header.from = nordhandel.example',
        f"(a (nested) one) {OURS} (who) 1 (v);; dmarc/1=pass (p=none; dis=none) header.from=nordhandel.example",
        f'{OURS}; dmarc=pass header.from="nordhandel.example"',
        f"{OURS}; x-unknown=fail; arc=none; dmarc=pass header.from=other.example.; spf=pass smtp.mailfrom={SENDER}",
    ],
)
def test_the_field_is_read_as_the_standard_writes_it(field):
    """Case, folding, comments, version, quoted strings, empty parts (RFC 8601 §2.2)."""
    assert verdict(field) == "pass"


@pytest.mark.parametrize(
    "fields",
    [
        ("evil.example; dmarc=pass header.from=nordhandel.example",),
        (f"{OURS}.evil.example; dmarc=pass header.from=nordhandel.example",),
        (f"x.{OURS}; dmarc=pass header.from=nordhandel.example",),
        (f"(x) evil.example ({OURS}); dmarc=pass header.from=nordhandel.example",),
        (f"{OURS}; spf=none", f"{OURS}; dmarc=pass header.from=nordhandel.example"),
        (f"{OURS} junk; x=y", f"{OURS}; dmarc=pass header.from=nordhandel.example"),
        (f"{OURS}; x=y (dmarc=pass header.from=nordhandel.example)",),
        (f'{OURS}; x=y reason="; dmarc=pass header.from=nordhandel.example"',),
    ],
)
def test_only_the_topmost_field_of_our_own_relay_counts(fields):
    """Whatever stands below it, has another name, or hides in a comment or quotes came with the mail (C12)."""
    assert verdict(*fields) == "none"
    assert verdict(*(each.replace("pass", "fail") for each in fields)) == "none"


def test_without_a_trusted_name_nobody_is_believed():
    """An empty setting matches no empty name."""
    assert (
        from_headers(["; dmarc=fail header.from=nordhandel.example"], authserv_id="", mail_from=SENDER).result == "none"
    )


def test_the_evidence_is_kept():
    """Engineers see what was found, for which domain."""
    found = from_headers([f"{OURS}; spf=fail smtp.mailfrom={SENDER}"], authserv_id=OURS, mail_from=SENDER)
    assert found == Verdict(result="fail", evidence="spf=fail nordhandel.example")


@given(st.text(max_size=300), st.text(alphabet='a=;()"\\ .\r\n', max_size=300))
def test_any_field_is_read(one, two):
    """Hostile text is none, never an error, and takes linear time."""
    read(one)
    read(two)
    assert from_headers([one, two], authserv_id=OURS, mail_from=one).result in {"pass", "fail", "none"}


@pytest.mark.parametrize("huge", ["(" * 500_000, '"' * 500_000, "a=" * 250_000, "; " * 250_000, "(()" * 200_000])
def test_a_huge_field_takes_no_time(huge):
    """Linear, and cut (B1)."""
    before = time.process_time()
    read(OURS + ";" + huge)
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("nordhandel.example", "nordhandel.example", True),
        ("mail.nordhandel.example", "nordhandel.example", True),
        ("nordhandel.example", "mail.nordhandel.example", True),
        ("evilnordhandel.example", "nordhandel.example", False),
        ("example", "nordhandel.example", False),
        ("", "nordhandel.example", False),
        ("", "", False),
    ],
)
def test_alignment(one, other, expected):
    """The same, or one below the other; never a whole top-level domain."""
    assert aligned(one, other) == expected


def test_the_null_sender_never_passes():
    """There is nobody to answer."""
    assert judged([Result(method="spf", result="pass", domain="")], mail_from="").result == "none"


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory) -> tuple[bytes, bytes]:
    """A private key and its public half as DKIM publishes it."""
    folder = tmp_path_factory.mktemp("dkim")
    run = lambda *argv: subprocess.run(["openssl", *argv], check=True, capture_output=True).stdout  # noqa: E731
    run("genrsa", "-traditional", "-out", f"{folder}/key.pem", "2048")
    der = run("rsa", "-in", f"{folder}/key.pem", "-pubout", "-outform", "DER")
    return (folder / "key.pem").read_bytes(), b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)


class Names:
    """A name system in memory that can be slow or broken."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[object]] = {}
        self.fails: Exception | None = None
        self.pause = 0.0
        self.asked: list[str] = []

    def txt(self, name: str, *texts: str) -> None:
        """Publish text records."""
        self.records[name, "TXT"] = [(text.encode(),) for text in texts]

    def __call__(self, name: str, kind: str, seconds: float) -> list[object]:
        """Answer."""
        self.asked.append(name)
        if self.fails:
            raise self.fails
        if self.pause:
            time.sleep(min(self.pause, seconds))
            if self.pause > seconds:
                raise TimeoutError("too slow")
        return self.records.get((name, kind), [])


@pytest.fixture
def names(signing_key) -> Names:
    """What nordhandel.example publishes: one server, one key, reject."""
    made = Names()
    made.txt("nordhandel.example", "v=spf1 ip4:192.0.2.1 -all", "unrelated")
    made.txt("s._domainkey.nordhandel.example", signing_key[1].decode())
    made.txt("_dmarc.nordhandel.example", "v=DMARC1; p=reject")
    return made


@pytest.fixture
def signed(mail, signing_key) -> bytes:
    """A mail with nordhandel.example's signature."""
    raw = mail()
    return dkim.sign(raw, b"s", b"nordhandel.example", signing_key[0], include_headers=[b"from", b"subject"]) + raw


def test_the_senders_own_server_passes(names, envelope, mail):
    """SPF for the envelope's domain (RFC 7208)."""
    assert OwnCheck(names)(envelope(SENDER), mail()) == Verdict(result="pass", evidence="spf=pass nordhandel.example")


def test_somebody_elses_server_fails(names, envelope, mail):
    """The domain says who may send, and that everybody else is forged."""
    names.txt("nordhandel.example", "v=spf1 ip4:192.0.2.77 -all")
    assert OwnCheck(names)(envelope(SENDER), mail()).result == "fail"


def test_a_forwarded_mail_passes_by_its_signature(names, envelope, signed):
    """The server is another one, the signature still holds."""
    names.txt("nordhandel.example", "v=spf1 ip4:192.0.2.77 -all")
    assert OwnCheck(names)(envelope(SENDER), signed) == Verdict(result="pass", evidence="dkim=pass nordhandel.example")


def test_a_broken_signature_is_worth_nothing(names, envelope, signed):
    """One byte changed (RFC 6376 §6.1)."""
    names.txt("nordhandel.example", "v=spf1 ip4:192.0.2.77 ~all")
    names.txt("_dmarc.nordhandel.example")
    assert OwnCheck(names)(envelope(SENDER), signed.replace(b"Hello", b"Hullo")).result == "none"


@pytest.mark.parametrize(
    ("author", "record", "expected"),
    [
        ("boss@bank.example", "v=DMARC1; p=reject", "fail"),
        ("boss@eu.bank.example", "v=DMARC1; p=quarantine", "fail"),
        ("boss@bank.example", "v=DMARC1; p=none; adkim=s", "fail"),
        ("boss@bank.example", "", "pass"),
        ("boss@bank.example", "v=spf1 -all", "pass"),
    ],
)
def test_a_from_that_its_owner_disowns_is_forged(names, envelope, mail, author, record, expected):
    """The envelope passes, the From does not: whose name is used has the word (DMARC, RFC 9989)."""
    names.txt("_dmarc.bank.example", *filter(None, [record]))
    assert OwnCheck(names)(envelope(SENDER), mail(From=f"Boss <{author}>")).result == expected


def test_all_authors_must_be_vouched_for(names, envelope, mail):
    """A second address in From does not hide the first (B8)."""
    names.txt("_dmarc.bank.example", "v=DMARC1; p=reject")
    raw = mail(From=f"{SENDER}, boss@bank.example")
    assert OwnCheck(names)(envelope(SENDER), raw).result == "fail"


def test_a_subdomain_may_speak_for_its_organisation_unless_that_is_strict(names, envelope, mail):
    """Relaxed alignment by the tree walk (RFC 9989 §4.10)."""
    names.txt("mail.nordhandel.example", "v=spf1 ip4:192.0.2.1 -all")
    names.txt("nordhandel.example", "v=spf1 -all")
    check = OwnCheck(names)
    assert check(envelope("a@mail.nordhandel.example"), mail()).result == "pass"
    names.txt("_dmarc.nordhandel.example", "v=DMARC1; p=reject; aspf=s")
    assert check(envelope("a@mail.nordhandel.example"), mail()).result == "fail"


@pytest.mark.parametrize("fails", [TimeoutError("x"), OSError("x"), ValueError("x"), RecursionError(), KeyError("x")])
def test_a_name_system_that_fails_brands_nobody(names, envelope, signed, fails):
    """Temporary errors are none, whatever is raised (RFC 8601 §2.7)."""
    names.fails = fails
    assert OwnCheck(names)(envelope(SENDER), signed).result == "none"


def test_a_slow_name_system_costs_seconds_at_most(names, envelope, signed, monkeypatch):
    """Two seconds a look-up and five in all, here a tenth of it."""
    assert (mailauth.LOOKUP_SECONDS, mailauth.CHECK_SECONDS) == (2.0, 5.0)
    monkeypatch.setattr(mailauth, "LOOKUP_SECONDS", 0.2)
    monkeypatch.setattr(mailauth, "CHECK_SECONDS", 0.5)
    names.pause = 30.0
    before = time.monotonic()
    assert OwnCheck(names)(envelope(SENDER), signed).result == "none"
    assert time.monotonic() - before < 29


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 include:nordhandel.example -all",
        "v=spf1 redirect=nordhandel.example",
        "v=spf1 moo -all",
        "v=spf1 a:" + "x" * 300,
    ],
)
def test_records_that_lead_nowhere_end(names, envelope, mail, record):
    """Loops, junk and endless names are errors of their owner, not forgeries."""
    names.txt("nordhandel.example", record)
    names.txt("_dmarc.nordhandel.example")
    assert OwnCheck(names)(envelope(SENDER), mail()).result == "none"
    assert len(names.asked) < 60


@given(raw=st.binary(max_size=200), sender=st.text(max_size=30), peer=st.text(max_size=10))
def test_the_check_never_raises(raw, sender, peer):
    """Whatever the mail, the sender or the peer."""
    at = datetime(2026, 11, 21, tzinfo=UTC)
    envelope = Envelope(mail_from=sender, rcpt_to=(), peer=peer, helo=sender, received_at=at)
    assert OwnCheck(Names())(envelope, b"DKIM-Signature: v=1; " + raw).result in {"pass", "fail", "none"}


def test_a_stored_mail_is_checked_outside_of_any_transaction(engine, envelope, mail, now, names):
    """The connection is back in the pool while the name system is asked."""
    with transaction(engine) as session:
        accepted = door.accept(session, envelope(SENDER), mail(), now)

    def check(said, raw):
        assert engine.pool.checkedout() == 0
        return OwnCheck(names)(said, raw)

    assert mailauth.of_stored(engine, accepted, check).result == "pass"
    assert mailauth.of_stored(engine, accepted, None) is None


def test_a_missing_extra_is_a_clear_line(monkeypatch):
    """The setting and what to install are named."""
    real: Callable[..., object] = importlib.import_module

    def without(name: str, *rest: str) -> object:
        if name == "dkim":
            raise ImportError(name=name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(Misconfigured, match=r"SWITCHBOARD_CHECK_AUTHENTICATION.*mailauth"):
        OwnCheck()


def test_the_systems_resolver_is_used_where_none_is_given(monkeypatch):
    """An absent name is no error; a broken resolver is a temporary one."""
    lookup = mailauth._resolving(dns.resolver)
    for raised, expected in ((dns.resolver.NXDOMAIN(), []), (dns.resolver.NoNameservers(), TimeoutError)):

        def resolve(*_: object, error: Exception = raised, **__: object) -> None:
            raise error

        monkeypatch.setattr(dns.resolver, "resolve", resolve)
        if expected == []:
            assert lookup("nordhandel.example", "TXT", 1.0) == []
        else:
            with pytest.raises(expected):
                lookup("nordhandel.example", "TXT", 1.0)
