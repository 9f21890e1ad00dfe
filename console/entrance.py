"""Signing in and out, and the theme: the pages that change nothing but who is looking and how."""

from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from console.deps import Desk, Viewer
from console.rendering import THEME_COOKIE, THEMES, render
from console.sign_in import Attempts, close_session, open_session, verify_password
from models import tables
from models.store import transaction

WRONG = "Login or password is wrong."
YEAR = 31_536_000


class Entrance:
    """The door of the console; it counts failed sign-ins."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.attempts = Attempts(desk.redis_url)

    def form(self, request: Request, next: str = "/triage") -> HTMLResponse:  # noqa: A002 - the query's word
        """The sign-in page."""
        return render(request, "sign_in.html", then=own_path(next), login="", wrong="")

    def sign_in(
        self,
        request: Request,
        login: Annotated[str, Form(max_length=200)],
        password: Annotated[str, Form(max_length=1024)],
        next: Annotated[str, Form(max_length=2000)] = "/triage",  # noqa: A002 - the form's word
    ) -> Response:
        """Sign in under a new session id; an unknown login, a disabled one and a wrong password look alike."""
        desk, then, address = self.desk, own_path(next), request.client.host if request.client else ""
        if seconds := self.attempts.wait(login, address):
            sorry = f"Too many attempts. Try again in {seconds} s."
            page = render(request, "sign_in.html", status=429, then=then, login=login, wrong=sorry)
            page.headers["Retry-After"] = str(seconds)
            return page
        with transaction(desk.engine) as session:
            engineer = tables.directory.engineer_by_login(session, login)
        known = engineer if engineer is not None and engineer.disabled_at is None else None
        if not verify_password(password, known.password_hash if known else None) or known is None:
            return render(request, "sign_in.html", status=401, then=then, login=login, wrong=WRONG)
        self.attempts.forget(login, address)
        with transaction(desk.engine) as session:
            close_session(session, request.cookies.get(desk.cookie))
            cookie = open_session(session, known, desk.clock(), desk.session_hours)
        response = RedirectResponse(then, 303)
        response.set_cookie(
            desk.cookie,
            cookie,
            max_age=desk.session_hours * 3600,
            secure=desk.secure,
            httponly=True,
            samesite="lax",
        )
        return response

    def sign_out(self, request: Request) -> Response:
        """End the sign-in for good; without one there is nothing to end."""
        with transaction(self.desk.engine) as session:
            close_session(session, request.cookies.get(self.desk.cookie))
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(self.desk.cookie, secure=self.desk.secure, httponly=True, samesite="lax")
        return response


def theme(reader: Viewer, value: Annotated[str, Form()], back: Annotated[str, Form(max_length=2000)] = "/") -> Response:
    """Remember light, dark or automatic colours in this browser."""
    del reader
    response = RedirectResponse(own_path(back), 303)
    response.set_cookie(THEME_COOKIE, value if value in THEMES else "auto", max_age=YEAR, samesite="lax")
    return response


def home(reader: Viewer) -> Response:
    """To the triage page."""
    del reader
    return RedirectResponse("/triage", 303)


def own_path(path: str) -> str:
    """The path if it leads to a page of ours, else the triage page: a sign-in link must not lead elsewhere."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if safe else "/triage"
