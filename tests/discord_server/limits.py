"""Rate limits: so many requests of a kind to a channel in so many seconds, and their headers."""

import hashlib
import time


class Limits:
    def __init__(self, requests: int = 50, seconds: float = 1.0) -> None:
        self.requests = requests
        self.seconds = seconds
        self.windows: dict[tuple[str, str], tuple[float, int]] = {}

    def spend(self, kind: str, major: str) -> tuple[dict[str, str], float]:
        """The headers of an answer, and how long the caller has to wait if it asked too often."""
        moment = time.monotonic()
        end, used = self.windows.get((kind, major), (0.0, 0))
        if moment >= end:
            end, used = moment + self.seconds, 0
        over = used >= self.requests
        used += not over
        self.windows[kind, major] = end, used
        left = end - moment
        headers = {
            "X-RateLimit-Limit": str(self.requests),
            "X-RateLimit-Remaining": str(self.requests - used),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(kind.encode()).hexdigest()[:32],
        }
        return headers, left if over else 0.0
