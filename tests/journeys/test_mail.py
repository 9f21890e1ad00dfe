"""A mail becomes a request with a suggestion, and its sender is told once where the SLA is."""

OUTAGE = """Hello,

our production gateway answers 503 to every partner since 06:42 UTC.
A restart did not help and there is no workaround.

Marta Sample
"""


def replies_to(house, domain):
    """The replies in the outbox to anybody of a domain."""
    return [reply for reply in house.replies() if domain in str(reply["To"])]


def test_a_mail_becomes_a_suggested_request_and_one_reply(house, eventually):
    """Shortly after, the request is at the API, and the reply is in the outbox."""
    house.requests()
    message_id = house.mail("Orders fail in production", OUTAGE, sender="marta@first.example")

    def suggested():
        found = house.requests(message_id=message_id)
        return found if found and found[0].get("suggestion") else None

    (request,) = eventually(suggested)
    assert request["channel"] == "email"
    assert request["state"] == "to_confirm"
    mine = eventually(lambda: replies_to(house, "first.example"))
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
    assert len(eventually(lambda: replies_to(house, "window.example"))) == 1
    detail = house.api("GET", f"/requests/{request['reference']}").json()
    assert "window" in str(detail)


def test_automatic_mail_is_never_answered(house, eventually):
    """An out-of-office is stored with the clause that silenced us."""
    identity = house.mail("I am away", "Back on Monday.", sender="ida@away.example", Auto_Submitted="auto-replied")
    (request,) = eventually(lambda: house.requests(message_id=identity))
    detail = house.api("GET", f"/requests/{request['reference']}").json()
    assert "RFC 3834" in str(detail)
    assert not replies_to(house, "away.example")


def test_the_same_mail_again_is_one_request(house, eventually):
    """A retry after a lost 250 does not double anything."""
    for _ in range(3):
        house.mail("Twice", "The same bytes.", sender="kim@again.example", message_id="same@again.example")
    eventually(lambda: house.requests(message_id="same@again.example"))
    assert len(house.requests(message_id="same@again.example")) == 1


def test_an_answer_to_our_reply_joins_its_request_and_changes_the_suggestion(house, eventually):
    """The signed Message-ID leads there, also for a colleague; the workaround moves the priority, with its clause."""
    first = house.mail("Orders fail in production", OUTAGE, sender="marta@thread.example")
    (request,) = eventually(lambda: house.requests(message_id=first))
    (reply,) = eventually(lambda: replies_to(house, "thread.example"))
    told = "We found a workaround: with the old route it works for now."
    again = house.mail("Re: Orders fail", told, sender="jon@thread.example", In_Reply_To=reply["Message-ID"])

    def eased():
        detail = house.api("GET", f"/requests/{request['reference']}").json()
        return detail if "workaround-available" in str(detail["suggestion"]["priority"]) else None

    eventually(eased)
    assert [each["reference"] for each in house.requests(message_id=again)] == [request["reference"]]


def test_replies_are_stopped_and_allowed_while_everything_runs(house, eventually):
    """The switch holds for the next mail, and the mail says why it was not answered."""
    assert house.command("autoreply", "off").stdout.startswith("off")
    identity = house.mail("Anybody there?", "Hello", sender="kim@stopped.example")
    (request,) = eventually(lambda: house.requests(message_id=identity))
    detail = eventually(lambda: house.api("GET", f"/requests/{request['reference']}").json())
    assert "switched to off while running" in str(detail)
    assert house.command("autoreply", "on").stdout.startswith("on")
    house.mail("Anybody there now?", "Hello", sender="kim@allowed.example")
    eventually(lambda: replies_to(house, "allowed.example"))
    assert not replies_to(house, "stopped.example")


def test_a_mail_is_read_again_without_being_answered_again(house, eventually):
    """`replay` says what is read differently now: nothing."""
    house.mail("Read me twice", "Hello", sender="ada@replay.example")
    (reply,) = eventually(lambda: replies_to(house, "replay.example"))
    mail = reply["Message-ID"].split(".")[1]
    done = house.command("replay", mail)
    assert done.stdout == f"{mail}\tread as before\n", done.stderr
    assert len(replies_to(house, "replay.example")) == 1
    assert house.command("replay", "no-id").returncode == 2


def test_everything_is_accounted_for(house, eventually):
    """`reconcile` finds no mail without a request, and none without a reply or a reason."""
    house.mail("For the books", "Hello", sender="ada@books.example")
    checked = eventually(lambda: (done := house.command("reconcile")).returncode == 0 and done)
    assert "Every accepted mail" in checked.stdout
