"""PostgreSQL or Redis away: nothing accepted is lost, and everything recovers by itself."""

import os
import signal
import smtplib
import threading
import time

import httpx2
import pytest


def test_without_postgresql_mail_is_deferred_and_comes_in_afterwards(run_house, stores, eventually):
    """451 and 503 while it is away; accepted and processed once it is back, without a restart."""
    house = run_house(SWITCHBOARD_DATABASE_URL=stores.instance.database_url)
    house.api("GET", "/requests")
    stores.stop_postgres()
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        house.mail("Is anybody there?", "Hello")
    assert refused.value.smtp_code == 451
    assert httpx2.get(f"{house.url}/api/v1/requests", headers={"Authorization": "Bearer x"}).status_code == 503
    assert httpx2.get(f"{house.url}/readyz").status_code == 503
    assert httpx2.get(f"{house.url}/healthz").status_code == 200
    stores.start_postgres()

    def accepted():
        try:
            return house.mail("Is anybody there?", "Hello")
        except smtplib.SMTPException:
            return None

    identity = eventually(accepted, 40)
    eventually(lambda: house.requests(message_id=identity))


def test_without_redis_mail_is_accepted_and_processed_when_it_is_back(run_house, stores, eventually):
    """Redis only wakes: an empty new one is enough."""
    house = run_house(SWITCHBOARD_REDIS_URL=stores.instance.redis_url)
    house.api("GET", "/requests")
    stores.stop_redis()
    identities = [house.mail(f"Mail {number}", "Hello") for number in range(3)]
    time.sleep(1)
    stores.start_redis()
    for identity in identities:
        eventually(lambda identity=identity: house.requests(message_id=identity), 60)


def test_killing_any_process_loses_and_doubles_nothing(run_house, eventually):
    """Two hundred mails while each process is killed once: all are requests, each answered once."""
    house = run_house()
    house.api("GET", "/requests")
    accepted: list[str] = []
    sending = threading.Thread(target=send, args=(house, accepted, 200))
    sending.start()
    for name in ("worker", "smtp", "postgres", "redis", "web", "beat", "worker"):
        time.sleep(1.0)
        os.kill(eventually(lambda name=name: find(house, name)), signal.SIGKILL)
    sending.join(timeout=150)
    assert len(accepted) == 200
    eventually(lambda: count(house) >= 200, 120)
    eventually(lambda: len(house.replies()) >= 200, 120)
    time.sleep(3)
    assert count(house) == 200
    recipients = [str(reply["To"]) for reply in house.replies()]
    assert len(recipients) == len(set(recipients)) == 200
    done = house.command("reconcile")
    assert done.returncode == 0, done.stdout


def send(house, accepted: list[str], number: int) -> None:
    """Send mails of different senders, each again until it is accepted, as any mail server does."""
    for each in range(number):
        while True:
            try:
                identity = f"{each}@kill.example"
                house.mail(f"Mail {each}", "Hello", sender=f"p{each}@kill{each}.example", message_id=identity)
            except (smtplib.SMTPException, OSError):
                time.sleep(0.2)
            else:
                accepted.append(identity)
                break


def find(house, name: str) -> int | None:
    """The process id, or None while it is being started again."""
    try:
        return house.pid_of(name)
    except LookupError:
        return None


def count(house) -> int:
    """How many requests there are, page by page."""
    total, cursor = 0, None
    while True:
        try:
            page = house.api("GET", "/requests", params={"limit": "200", **({"cursor": cursor} if cursor else {})})
        except httpx2.HTTPError:
            return 0
        if page.status_code != 200:
            return 0
        total += len(page.json()["items"])
        cursor = page.json().get("next")
        if not cursor:
            return total
