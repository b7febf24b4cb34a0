"""What the server was asked and by whom it was called: in order, and counted. Judges nothing."""

import time
from collections import Counter


class Record:
    def __init__(self) -> None:
        self.requests: list[dict] = []
        self.gateway: list[dict] = []
        self.counts: Counter[str] = Counter()

    def request(self, **said: object) -> dict:
        entry = {"at": time.time(), **said}
        self.requests.append(entry)
        self.counts["requests"] += 1
        return entry

    def connection(self, what: str, **said: object) -> None:
        self.counts[what] += 1
        # heartbeats are counted only: they are no news
        if what not in ("heartbeat", "unacknowledged"):
            self.gateway.append({"at": time.time(), "what": what, **said})

    def shown(self, requests_from: int = 0, gateway_from: int = 0) -> dict:
        return {
            "requests": self.requests[requests_from:],
            "gateway": self.gateway[gateway_from:],
            "counts": dict(self.counts),
        }
