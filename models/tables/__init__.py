"""Rows with their finders, a module per family. Import the modules: `tables.requests.fetch(...)`."""

from models.tables import (
    artefacts,
    base,
    calls,
    directory,
    jobs,
    lessons,
    mail,
    progress,
    reaching,
    redirections,
    requests,
)

__all__ = [
    "artefacts",
    "base",
    "calls",
    "directory",
    "jobs",
    "lessons",
    "mail",
    "progress",
    "reaching",
    "redirections",
    "requests",
]
