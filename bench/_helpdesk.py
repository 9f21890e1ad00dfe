"""django-helpdesk's own ingestion, for `bench/whole_job.py`: run by the peer's Python, which has Django and not us.

Reads one JSON object a line from standard input. The first says where database, sink and files are; each
further one holds mails to ingest. Answers each with one line: the seconds it took, and how many tickets there are.
"""

import json
import logging
import sys
import time
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings
from django.core.management import call_command
from django.urls import include, path

APPS = (
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.admin",
    "django.contrib.messages",
    "django.contrib.humanize",
    "rest_framework",
    "helpdesk",
)
TEMPLATES = {
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {
        "context_processors": [
            "django.contrib.auth.context_processors.auth",
            "django.template.context_processors.request",
            "django.contrib.messages.context_processors.messages",
        ]
    },
}


def configure(database_url: str, sink: int, media: str) -> None:
    """Django with PostgreSQL and mail handed to the sink; everything else as it comes."""
    parts = urlsplit(database_url)
    settings.configure(
        SECRET_KEY="sample of the benchmark",  # noqa: S106 - signs nothing that leaves it
        INSTALLED_APPS=APPS,
        TEMPLATES=[TEMPLATES],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path.removeprefix("/"),
                "USER": parts.username,
                "HOST": parse_qs(parts.query)["host"][0],
            }
        },
        MIDDLEWARE=[],
        USE_TZ=True,
        SITE_ID=1,
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=sink,
        DEFAULT_FROM_EMAIL="support@example.com",
        MEDIA_ROOT=media,
        HELPDESK_TEAMS_MODEL="auth.User",  # these three switch teams off, as its installation guide says
        HELPDESK_TEAMS_MIGRATION_DEPENDENCIES=[],
        HELPDESK_KBITEM_TEAM_GETTER=lambda _: None,
        LOGGING_CONFIG=None,
    )
    django.setup()
    settings.ROOT_URLCONF = (path("", include("helpdesk.urls", namespace="helpdesk")),)
    logging.disable(logging.ERROR)
    call_command("migrate", verbosity=0)
    call_command("loaddata", "emailtemplate.json", verbosity=0)


def main() -> None:
    """Serve until standard input ends."""
    said = json.loads(sys.stdin.readline())
    configure(said["database_url"], said["sink"], said["media"])
    from helpdesk.email import extract_email_metadata  # noqa: PLC0415 - imports models: Django must be set up
    from helpdesk.models import Queue, Ticket  # noqa: PLC0415 - same

    queue, _ = Queue.objects.get_or_create(
        slug="support",
        defaults={"title": "Support", "email_address": "support@example.com", "allow_email_submission": True},
    )
    logger = logging.getLogger("helpdesk")
    print("ready", flush=True)
    for line in sys.stdin:
        mails = json.loads(line)
        started = time.perf_counter()
        for mail in mails:
            extract_email_metadata(mail, queue, logger)
        print(json.dumps([time.perf_counter() - started, Ticket.objects.count()]), flush=True)


if __name__ == "__main__":
    main()
