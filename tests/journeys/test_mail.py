"""A mail becomes a request with a suggestion, and its sender is told once where the SLA is."""

OUTAGE = """Hello,

our production gateway answers 503 to every partner since 06:42 UTC.
A restart did not help and there is no workaround.

Marta Sample
"""


def test_a_mail_becomes_a_suggested_request_and_one_reply(house, eventually):
    """Within three seconds the request is at the API, and the reply is in the outbox."""
    house.requests()
    message_id = house.mail("Orders fail in production", OUTAGE, sender="marta@first.example")

    def suggested():
        found = house.requests(message_id=message_id)
        return found if found and found[0].get("suggestion") else None

    (request,) = eventually(suggested, 3.0)
    assert request["channel"] == "email"
    assert request["state"] == "to_confirm"
    mine = [reply for reply in eventually(house.replies) if "first.example" in str(reply["To"])]
    assert len(mine) == 1
    assert mine[0]["Auto-Submitted"] == "auto-replied"
    text = "".join(
        part.get_payload(decode=True).decode() for part in mine[0].walk() if part.get_content_maintype() == "text"
    )
    assert "/portal/claim/" in text
    assert request["reference"] in text


def test_a_second_mail_in_the_window_is_not_answered(house, eventually):
    """Once per window, and the reason for the silence is kept."""
    for number in (1, 2):
        identity = house.mail(f"Question {number}", "How do I rotate keys?", sender="jon@window.example")
        request = eventually(lambda identity=identity: house.requests(message_id=identity))[0]
    eventually(house.replies)
    mine = [reply for reply in house.replies() if "window.example" in str(reply["To"])]
    assert len(mine) == 1
    detail = house.api("GET", f"/requests/{request['reference']}").json()
    assert "window" in str(detail)


def test_automatic_mail_is_never_answered(house, eventually):
    """An out-of-office is stored with the clause that silenced us."""
    identity = house.mail("I am away", "Back on Monday.", sender="ida@away.example", Auto_Submitted="auto-replied")
    (request,) = eventually(lambda: house.requests(message_id=identity))
    detail = house.api("GET", f"/requests/{request['reference']}").json()
    assert "RFC 3834" in str(detail)
    assert not [reply for reply in house.replies() if "away.example" in str(reply["To"])]


def test_the_same_mail_again_is_one_request(house, eventually):
    """A retry after a lost 250 does not double anything."""
    for _ in range(3):
        house.mail("Twice", "The same bytes.", sender="kim@again.example", message_id="same@again.example")
    eventually(lambda: house.requests(message_id="same@again.example"))
    assert len(house.requests(message_id="same@again.example")) == 1


def test_everything_is_accounted_for(house, eventually):
    """`reconcile` finds no mail without a request, and none without a reply or a reason."""
    house.mail("For the books", "Hello", sender="ada@books.example")
    checked = eventually(lambda: (done := house.command("reconcile")).returncode == 0 and done, 30)
    assert "Every accepted mail" in checked.stdout
