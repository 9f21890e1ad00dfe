"""Passwords, tokens and console sessions. Only digests and hashes are ever stored."""

import secrets
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from threading import BoundedSemaphore
from time import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from redis.exceptions import RedisError
from sqlalchemy import delete
from sqlalchemy.orm import Session

from models import tables

FAILURES_A_MINUTE = RateLimitItemPerMinute(10)
"""Failed sign-ins for one login from one address before we ask to wait."""
_HASHING = BoundedSemaphore(4)
"""One argon2id takes 64 MiB: at most this many at a time, whatever the number of sign-ins."""


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(),))


@cache
def _nobodys_hash() -> str:
    return hash_password(secrets.token_urlsafe())


def hash_password(password: str) -> str:
    """The argon2id hash to store, with its own salt and parameters (RFC 9106)."""
    with _HASHING:
        return _hasher().hash(password)


def verify_password(password: str, hashed: str | None) -> bool:
    """Whether the password is right; for nobody (None) it takes as long and says no."""
    against = hashed or _nobodys_hash()
    with _HASHING:
        right = _hasher().verify(password, against)
    return right and hashed is not None


def new_token() -> str:
    """A random bearer token or session id of 256 bits, to be shown once."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """What is stored for a token or session id: its SHA-256. 256 random bits need no salt."""
    return sha256(token.encode()).hexdigest()


def open_session(session: Session, engineer: tables.directory.Engineer, now: datetime, hours: int) -> str:
    """Sign an engineer in under a new id, which the cookie carries; their ended sessions are swept."""
    row = tables.directory.SignIn
    session.execute(delete(row).where(row.engineer_id == engineer.id, row.expires_at <= now))
    cookie = new_token()
    session.add(
        row(
            digest=token_digest(cookie),
            engineer_id=engineer.id,
            created_at=now,
            expires_at=now + timedelta(hours=hours),
        )
    )
    return cookie


def close_session(session: Session, cookie: str | None) -> None:
    """End the session of this cookie; without one nothing happens."""
    if cookie:
        row = tables.directory.SignIn
        session.execute(delete(row).where(row.digest == token_digest(cookie)))


class Attempts:
    """Counts sign-in attempts per login and address: in Redis if there is one and it answers, else here."""

    def __init__(self, redis_url: str | None = None) -> None:
        self._here = MovingWindowRateLimiter(MemoryStorage())
        self._shared = MovingWindowRateLimiter(_redis(redis_url)) if redis_url else None

    def wait(self, login: str, address: str) -> int:
        """Count an attempt; the seconds to wait before the next one is looked at, 0 if this one may go on."""
        for limiter in (self._shared, self._here):
            if limiter is None:
                continue
            try:
                if limiter.hit(FAILURES_A_MINUTE, login.lower(), address):
                    return 0
                reset = limiter.get_window_stats(FAILURES_A_MINUTE, login.lower(), address).reset_time
                return max(1, round(reset - time()))
            except RedisError:
                continue
        return 0

    def forget(self, login: str, address: str) -> None:
        """Start counting anew: the attempt was right."""
        for limiter in (self._shared, self._here):
            try:
                if limiter is not None:
                    limiter.clear(FAILURES_A_MINUTE, login.lower(), address)
            except RedisError:
                continue


def _redis(url: str) -> RedisStorage:
    """Redis in the spelling of `limits`; a socket that hangs must not hold up a sign-in."""
    spelled = url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url
    spelled = spelled.replace("redis+socket://", "redis+unix://", 1)
    return RedisStorage(spelled, socket_timeout=1, socket_connect_timeout=1)
