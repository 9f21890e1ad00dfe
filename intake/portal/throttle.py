"""How often a stranger may knock: counted in Redis for all processes if it answers, else in this one."""

from time import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError


class Throttle:
    """Counts what was done under a key in the last minute. Building connects to nothing."""

    def __init__(self, redis_url: str | None = None) -> None:
        self._here = MovingWindowRateLimiter(MemoryStorage())
        self._shared = MovingWindowRateLimiter(_redis(redis_url)) if redis_url else None

    def wait(self, a_minute: int, *key: str) -> int:
        """Count once; the seconds to wait before it may be done again, 0 if it may be done now."""
        item = RateLimitItemPerMinute(a_minute)
        if self._shared is not None:
            try:
                return _seconds(self._shared, item, key)
            except RedisError:
                pass  # the limit of this process is better than none, and than refusing everybody
        return _seconds(self._here, item, key)


def _seconds(limiter: MovingWindowRateLimiter, item: RateLimitItem, key: tuple[str, ...]) -> int:
    if limiter.hit(item, *key):
        return 0
    return max(1, round(limiter.get_window_stats(item, *key).reset_time - time()))


def _redis(url: str) -> RedisStorage:
    """Redis in the spelling of `limits`; a socket that hangs must not hold up a visitor."""
    spelled = url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url
    spelled = spelled.replace("redis+socket://", "redis+unix://", 1)
    return RedisStorage(spelled, socket_timeout=1, socket_connect_timeout=1)
