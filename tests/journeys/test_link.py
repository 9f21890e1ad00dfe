"""The reply's link: a redirected customer opens it, finds what they wrote, sends it, and the clock runs."""

import html
import re

import httpx2

OUTAGE = """Hello,

our production gateway answers 503 to every partner since 06:42 UTC.
We run API Manager 4.2.0, and there is no workaround.

Marta Sample
+49 30 5550 100
"""
ANSWERS = {
    "type": "incident",
    "level": "P1",
    "project": "Nordhandel production",
    "environment": "production",
    "version": "API Manager 4.2.0",
    "phone": "+49 30 5550 100",
    "name": "Marta Sample",
}


def test_a_mailed_request_is_raised_by_the_link_in_its_reply(house, eventually):
    """Mail, reply, link, form, status page: one request, whose clock starts when the form is sent."""
    identity = house.mail("Orders fail in production", OUTAGE, sender="marta@link.example")
    (request,) = eventually(lambda: house.requests(message_id=identity))
    link = eventually(lambda: link_to(house, "link.example"))
    assert link.startswith(house.url)
    with httpx2.Client(timeout=60, follow_redirects=True) as browser:
        form = browser.get(link)
        assert form.status_code == 200
        text = html.unescape(form.text)
        assert "our production gateway answers 503" in text
        assert "clock_started_at" not in text
        assert house.requests(message_id=identity)[0]["clock_started_at"] is None
        said = {"summary": "Orders fail in production", "description": "Restarted, no change."}
        status = browser.post(link, data=ANSWERS | said, files={"files": ("gateway.log", b"503", "text/plain")})
        assert status.status_code == 200
        assert "/portal/requests/" in str(status.url)
        assert request["reference"] in status.text
        assert "gateway.log" in status.text
        again = browser.post(link, data=ANSWERS | said)
        assert again.status_code == 200
        assert "/portal/requests/" in str(browser.get(link).url)
    raised = house.requests(message_id=identity)[0]
    assert raised["reference"] == request["reference"]
    assert raised["clock_started_at"] is not None
    detail = house.api("GET", f"/requests/{request['reference']}").json()
    assert "Restarted, no change." in str(detail)


def link_to(house, domain: str) -> str | None:
    """The portal link in the reply to a sender of this domain, or None while there is none."""
    for reply in house.replies():
        if domain in str(reply["To"]):
            for part in reply.walk():
                if part.get_content_type() == "text/plain":
                    found = re.search(r"https?://\S+/portal/claim/\S+", part.get_payload(decode=True).decode())
                    return found[0] if found else None
    return None
