"""Scripts and styles under names that change with their bytes, so that browsers keep them for ever."""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from fastapi import FastAPI, HTTPException, Request, Response

PATH = "/assets"
OWN = ("console.css", "keys.js", "live.js", "theme.js", "times.js", "favicon.svg")
HTMX = ("js_lib_htmx", "static/htmx/htmx.min.js")
TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file as it is served; `packed` is the same gzipped."""

    name: str
    digest: str
    plain: bytes
    packed: bytes

    @property
    def url(self) -> str:
        """The path that stays valid as long as the bytes do."""
        return f"{PATH}/{self.digest[:8]}/{self.name}"


@cache
def assets() -> dict[str, Asset]:
    """Every asset by name, read once."""
    sources = {name: files("console").joinpath("static", name) for name in OWN}
    sources["htmx.min.js"] = files(HTMX[0]).joinpath(HTMX[1])
    return {name: _asset(name, source.read_bytes()) for name, source in sources.items()}


def asset_url(name: str) -> str:
    """Where a page finds an asset."""
    return assets()[name].url


def mount(app: FastAPI) -> None:
    """Serve the assets of the console."""
    app.add_api_route(PATH + "/{digest}/{name}", serve, methods=["GET"], include_in_schema=False)


def serve(request: Request, digest: str, name: str) -> Response:
    """An asset, kept by browsers for a year; another digest than today's is not found."""
    asset = assets().get(name)
    if asset is None or asset.digest[:8] != digest:
        raise HTTPException(404)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    body = asset.plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = asset.packed
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type=TYPES[name.rpartition(".")[2]])


def _asset(name: str, content: bytes) -> Asset:
    return Asset(
        name=name, digest=sha256(content).hexdigest(), plain=content, packed=gzip.compress(content, 9, mtime=0)
    )
