"""The two servers that `bench/webhooks.py` compares: the web as it is started, and a bare endpoint with its settings.

`python bench/_webhooks_servers.py PORT` is the bare one: FastAPI and Twilio's own validator, it stores nothing.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import uvicorn
from _servers import free_port
from _webhooks_load import ACCOUNT, TOKEN
from fastapi import FastAPI, Request, Response
from twilio.request_validator import RequestValidator

from switchboard import embedded

TURNS = 6
"""Turns of a conversation with the bare endpoint: it takes as many webhooks as an ordinary call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Seconds of a core that it has used so far; 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bare(port: int) -> FastAPI:
    """One endpoint that checks the signature and answers."""
    app = FastAPI(openapi_url=None)
    validator = RequestValidator(TOKEN)
    origin = f"http://127.0.0.1:{port}"

    @app.get("/healthz")
    def alive() -> Response:
        return Response("ok\n")

    @app.post("/voice/{name}")
    async def webhook(name: str, request: Request, step: int = 0) -> Response:
        url = f"{origin}{request.url.path}{'?' + request.url.query if request.url.query else ''}"
        if not validator.validate(url, await request.form(), request.headers.get("x-twilio-signature", "")):
            return Response(status_code=403)
        if name == "status":
            return Response(status_code=204)
        gather = f'<Gather action="{origin}/voice/turn?step={step + 1}"><Say>Say it.</Say></Gather>'
        verb = "<Hangup/>" if step == TURNS else gather
        return Response(f"<Response>{verb}</Response>", media_type="text/xml")

    return app


@contextmanager
def serving_bare() -> Iterator[Server]:
    """The bare endpoint."""
    port = free_port()
    with _process(port, [sys.executable, __file__, str(port)], dict(os.environ)) as server:
        yield server


@contextmanager
def serving_web(instance: embedded.Instance, log: Path) -> Iterator[Server]:
    """`switchboard web` on a database and a Redis of its own."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWITCHBOARD_")}
    given = {
        "DATABASE_URL": instance.database_url,
        "REDIS_URL": instance.redis_url,
        "SECRET_KEY": "sample-secret-of-the-benchmark-0123456789",
        "WEB_PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "LOG_FORMAT": "json",
    }
    argv = [sys.executable, "-m", "switchboard.cli", "web"]
    with _process(port, argv, kept | {f"SWITCHBOARD_{name}": value for name, value in given.items()}, log) as server:
        yield server


@contextmanager
def serving_redis(instance: embedded.Instance) -> Iterator[None]:
    """The Redis that workers are woken through."""
    redis = subprocess.Popen(embedded.redis_command(instance), stdout=subprocess.DEVNULL)
    try:
        embedded.wait_for_redis(instance)
        yield
    finally:
        redis.terminate()
        redis.wait(30)


@contextmanager
def _process(port: int, argv: list[str], environment: dict[str, str], log: Path | None = None) -> Iterator[Server]:
    with (log or Path(os.devnull)).open("ab") as out:
        process = subprocess.Popen(argv, env=environment, cwd=Path(__file__).parents[1], stdout=out, stderr=out)
    try:
        _wait_for(port, process, log)
        yield Server(port=port, pid=process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path | None) -> None:
    """Return when it answers."""
    for _ in range(600):
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return
        except (URLError, OSError):
            if process.poll() is not None:
                raise SystemExit(log.read_text() if log else f"{process.args} ended") from None
            time.sleep(0.1)
    raise SystemExit(f"nobody answers on port {port}")


if __name__ == "__main__":
    uvicorn.run(
        bare(int(sys.argv[1])),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
