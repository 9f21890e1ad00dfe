"""What a hostile form may hold: markup, direction signs, NUL, other charsets, megabytes, ten thousand fields."""

import gzip
import time
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from intake.portal.throttle import Throttle
from intake.portal.wording import words
from models import store

W = words("en")
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
BIDI = "report\u202efdp.exe\u2066\u2069\u200b"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def raw_part(name: str, content: bytes, more: bytes = b"") -> bytes:
    """One part of a multipart body."""
    return b'--B\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (name.encode(), more, content)


def multipart(*parts: bytes) -> bytes:
    """A multipart body with the boundary B."""
    return b"".join(parts) + b"--B--\r\n"


def test_markup_in_every_field_stays_text(visitor):
    """Subject, body, name, file names and every answer are escaped, on the form and on the status page (B12)."""
    names = ("summary", "description", "project", "version", "phone", "name", "type", "level", "environment")
    request = visitor.mailed(
        EVIL,
        subject=EVIL,
        parsed={"attachments": [{"name": EVIL, "content_type": EVIL, "size": 3}], "signature": EVIL},
    )
    pages = [
        visitor.get_claim(request),
        visitor.post_claim(request, files=[("files", (EVIL, b"1", EVIL))], **dict.fromkeys(names, EVIL)),
        visitor.post_claim(request, name=EVIL, summary=EVIL, description=EVIL, project=EVIL, version=EVIL),
        visitor.post_new(email=EVIL, key=EVIL, policy=EVIL, **dict.fromkeys(names, EVIL)),
        visitor.browser.get("/portal/new", params={"policy": EVIL}),
        visitor.browser.get(f"/portal/claim/{EVIL}"),
        visitor.browser.get(f"/portal/nowhere{EVIL}"),
    ]
    assert [page.status_code for page in pages] == [200, 422, 200, 422, 200, 404, 404]
    for page in pages:
        assert "<script" not in page.text
        assert "<img" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "&lt;script&gt;" in pages[2].text


def test_direction_signs_change_nothing_an_engineer_reads(visitor):
    """They are taken out of what is typed, and not shown out of what was mailed (B15, B19)."""
    request = visitor.mailed(BIDI, subject=BIDI, parsed={"attachments": [{"name": BIDI, "size": 1}]})
    page = visitor.post_claim(request, summary=BIDI, project=BIDI, files=[("files", (BIDI, b"1", "text/plain"))])
    assert page.status_code == 200
    assert not set("\u202e\u2066\u2069") & set(page.text)
    raised = visitor.said(request)[1]
    assert not set("\u202e\u2066\u2069") & set(raised.subject + raised.fields["project"])
    assert visitor.uploads(request)[0][0] == "reportfdp.exe\u200b"


@pytest.mark.parametrize("sent", ["urlencoded", "multipart"])
def test_nul_and_broken_text_are_stored_clean(visitor, sent):
    """PostgreSQL takes neither NUL nor lone surrogates; what is no UTF-8 is read as well as it can be (B5)."""
    request = visitor.mailed()
    address = visitor.claim_address(request)
    given = {"type": "query", "summary": "a\0b", "project": "p"}
    if sent == "urlencoded":
        body = urlencode(given).encode() + b"&description=caf%E9%00+%ED%A0%80"
        page = visitor.browser.post(address, content=body, headers=FORM)
    else:
        parts = [raw_part(name, value.encode()) for name, value in given.items()]
        body = multipart(*parts, raw_part("description", b"caf\xe9\0 \xed\xa0\x80"))
        page = visitor.browser.post(
            address,
            content=body,
            headers={"content-type": "multipart/form-data; boundary=B; charset=raw_unicode_escape"},
        )
    assert page.status_code == 200
    raised = visitor.said(request)[1]
    assert raised.subject == "ab"
    assert raised.new_text.startswith("caf")
    assert "\0" not in raised.new_text


def test_a_codec_is_not_chosen_by_the_sender(visitor):
    """A charset parameter is a codec's name (B4): it is not looked at."""
    request = visitor.mailed()
    body = multipart(raw_part("type", b"query"), raw_part("summary", b"\\ud800x"))
    page = visitor.browser.post(
        visitor.claim_address(request),
        content=body,
        headers={"content-type": "multipart/form-data; boundary=B; charset=unicode_escape"},
    )
    assert page.status_code == 422
    assert "\\ud800x" in page.text


def test_a_megabyte_of_text_is_refused_in_words(visitor):
    """It is told, quickly, and nothing is stored."""
    request = visitor.mailed()
    begun = time.process_time()
    page = visitor.post_claim(request, description="x" * 1_000_000)
    assert page.status_code == 422
    assert W("refused_text") in page.text
    assert time.process_time() - begun < 5
    assert len(visitor.said(request)) == 1


def test_a_megabyte_of_mail_is_cut_for_the_form_and_kept_whole(visitor):
    """The form takes 20,000 characters of it and says so; the mail keeps the rest."""
    request = visitor.mailed("word " * 200_000)
    page = visitor.get_claim(request)
    assert W("cut") in page.text
    assert len(page.text) < 60_000
    visitor.post_claim(request, description=("word " * 4_000).strip())
    mailed, raised = visitor.said(request)
    assert len(mailed.new_text) == 1_000_000
    assert raised.new_text == ""


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
def test_ten_thousand_fields_are_refused(visitor, kind):
    """A form has a hundred at most."""
    request = visitor.mailed()
    many = [(f"field{number}", "x") for number in range(10_000)]
    if kind == "urlencoded":
        body, headers = urlencode(many).encode(), FORM
    else:
        body = multipart(*(raw_part(name, b"x") for name, _ in many))
        headers = {"content-type": "multipart/form-data; boundary=B"}
    page = visitor.browser.post(visitor.claim_address(request), content=body, headers=headers)
    assert page.status_code == 422
    assert len(visitor.said(request)) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"summary": "x"}'),
        ("text/plain", b"summary=x"),
        ("", b"summary=x"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=B", b"no parts"),
        ("multipart/form-data; boundary=B", b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n"),
        ("multipart/form-data; boundary=" + "B" * 5000, b"x"),
        ("application/x-www-form-urlencoded", gzip.compress(b"summary=x")),
    ],
)
def test_what_is_no_form_is_a_clear_page(visitor, kind, body):
    """Never an error of ours, never half a request."""
    request = visitor.mailed()
    page = visitor.browser.post(visitor.claim_address(request), content=body, headers={"content-type": kind})
    assert page.status_code == 422
    assert "<h1>" in page.text
    assert len(visitor.said(request)) == 1


def test_a_form_of_another_website_is_refused(visitor):
    """A page elsewhere could let its visitors open requests here; our own pages and plain programs pass."""
    for site, status in (("cross-site", 403), ("same-origin", 200), ("none", 200)):
        visitor.browser.headers["sec-fetch-site"] = site
        assert visitor.post_new(key="1" * 32).status_code == status, site
    assert len(visitor.requests()) == 1


def test_every_answer_carries_the_house_headers(visitor):
    """Pages, refusals and redirects alike: nothing runs, nothing is kept, nothing is told to other sites."""
    request = visitor.mailed()
    answers = [
        visitor.get_claim(request),
        visitor.browser.get("/portal/claim/nonsense"),
        visitor.browser.get("/portal/new"),
        visitor.browser.post("/portal/new", content=b"x", headers={"content-type": "text/plain"}),
        visitor.browser.get("/portal/assets/portal.css"),
    ]
    visitor.post_claim(request)
    answers.append(visitor.get_claim(request, follow_redirects=False))
    for answer in answers:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        kept = answer.headers.get("Content-Type", "").startswith("text/css")
        assert answer.headers["Cache-Control"] == ("public, max-age=3600" if kept else "no-store")
    assert answers[-1].status_code == 303


def test_pages_carry_their_own_style_only(visitor):
    """No inline style, no script, nothing from elsewhere; the sheet knows the dark."""
    for page in (visitor.browser.get("/portal/new").text, visitor.get_claim(visitor.mailed()).text):
        assert " style=" not in page
        assert "<script" not in page
        assert "http://" not in page
        assert "https://" not in page
    assert "prefers-color-scheme: dark" in visitor.browser.get("/portal/assets/portal.css").text


def test_the_eleventh_request_in_a_minute_must_wait(visitor):
    """Ten for one address, whatever its letters and tags; another address goes on."""
    for number in range(10):
        assert visitor.post_new(key=f"{number:032x}").status_code == 200
    page = visitor.post_new(key="f" * 32, email="MARTA+tag@nordhandel.example")
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) >= 1
    assert visitor.post_new(key="e" * 32, email="jon@nordhandel.example").status_code == 200
    assert len(visitor.requests()) == 11


def test_the_limit_holds_without_redis():
    """A store that is away neither refuses everybody nor lets everybody in."""
    throttle = Throttle("redis://127.0.0.1:1/0")
    assert [throttle.wait(2, "somebody") for _ in range(2)] == [0, 0]
    assert throttle.wait(2, "somebody") > 0
    assert throttle.wait(2, "somebody else") == 0


def test_a_machine_on_the_net_has_ten_tries_and_a_proxy_many(visitor):
    """Behind our own proxy everybody has one address: there only the flood is stopped."""
    for host, most in (("8.8.8.8", 10), ("10.0.0.1", 300), ("::1", 300)):
        with TestClient(visitor.app, client=(host, 1)) as browser:
            answers = [browser.post("/portal/new", data={"summary": "x"}).status_code for _ in range(12)]
        assert answers.count(429) == max(0, 12 - most), host


def test_a_database_that_is_away_is_a_page_that_says_try_again(visitor):
    """503 with Retry-After, in words: the customer's text is still in the browser."""
    request = visitor.mailed()
    away = store.connect("postgresql://nobody@127.0.0.1:1/nothing")
    object.__setattr__(visitor.parts, "engine", away)
    for page in (visitor.get_claim(request), visitor.post_claim(request), visitor.post_new()):
        assert page.status_code == 503
        assert int(page.headers["Retry-After"]) > 0
        assert W("down_text") in page.text
    away.dispose()
