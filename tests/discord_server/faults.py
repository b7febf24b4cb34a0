"""What shall go wrong: rules that a test wrote, each for some number of times. Only decides."""

import re
from dataclasses import dataclass, field

REST = (
    "401 403 404 429 500 502 503 504 html reset_before reset_after hang slow"
).split()  # fmt: skip
GATEWAY = (
    "refuse close_on_accept no_hello close_after_identify invalid_session no_resume reconnect "
    "no_ack malformed close_mid_stream"
).split()  # fmt: skip


@dataclass
class Rule:
    where: str
    what: str
    match: dict = field(default_factory=dict)
    #: None: until cleared
    times: int | None = 1
    #: let so many pass first
    skip: int = 0
    more: dict = field(default_factory=dict)
    used: int = 0

    def fits(self, **said: str) -> bool:
        for name, pattern in self.match.items():
            if name == "method" and pattern.upper() != said.get("method"):
                return False
            if name != "method" and not re.search(pattern, said.get(name, "")):
                return False
        return True

    def take(self) -> bool:
        if self.skip:
            self.skip -= 1
            return False
        self.used += 1
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(
        self,
        where: str,
        what: str,
        match: dict | None = None,
        times: int | None = 1,
        skip: int = 0,
        **more: object,
    ) -> None:
        if what not in {"rest": REST, "gateway": GATEWAY}.get(where, []):
            raise ValueError(f"no such fault: {where} {what}")
        for pattern in (match or {}).values():
            re.compile(pattern)
        self.rules.append(Rule(where, what, match or {}, times, skip, more))

    def take(self, where: str, *kinds: str, **said: str) -> Rule | None:
        """The first rule that fits, used once."""
        for rule in self.rules:
            if (
                rule.where == where
                and (not kinds or rule.what in kinds)
                and rule.times != 0
                and rule.fits(**said)
                and rule.take()
            ):
                return rule
        return None

    def shown(self) -> list[dict]:
        return [
            {"where": r.where, "what": r.what, "match": r.match, "left": r.times, "used": r.used}
            for r in self.rules
        ]
