"""Failures as values: what is wrong, where, the cure, and the exit code.

Owns the suite's exit codes. Refuses to know how a failure is printed (cli does that)."""

NO_MATCH = 1
USAGE = 2
BAD_DATA = 65
NO_INPUT = 66
UNAVAILABLE = 69
BUG = 70
INPUT_OUTPUT = 74
BUSY = 75
NOT_PERMITTED = 77
MISCONFIGURED = 78
INTERRUPTED = 130

#: exit code -> what it means; the manual pages are checked against this table.
EXIT_CODES = {
    0: "done, or found",
    NO_MATCH: "the answer is no: no match, findings",
    USAGE: "wrong use of options or arguments",
    BAD_DATA: "bad data in the input",
    NO_INPUT: "no such input",
    UNAVAILABLE: "a provider or the network is unavailable; try again",
    BUG: "internal error",
    INPUT_OUTPUT: "reading or writing failed",
    BUSY: "busy; try again",
    NOT_PERMITTED: "not permitted",
    MISCONFIGURED: "a setting is missing or wrong",
    INTERRUPTED: "interrupted",
}


class Failure(Exception):
    """Something a command reports and ends with: `place: what; cure` and a code."""

    code = BUG
    undone = False  # what was asked of somebody was surely not done: asking again repeats nothing

    def __init__(self, what: str, *, cure: str = "", place: str = "", code: int | None = None):
        super().__init__(what)
        self.what, self.cure, self.place = what, cure, place
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        text = f"{self.place}: {self.what}" if self.place else self.what
        return f"{text}; {self.cure}" if self.cure else text


class Usage(Failure):
    code = USAGE


class BadData(Failure):
    code = BAD_DATA


class NoInput(Failure):
    code = NO_INPUT


class Unavailable(Failure):
    """A provider or the network failed. `retry_after` is in seconds, None when not told."""

    code = UNAVAILABLE

    def __init__(
        self, what: str, *, retry_after: float | None = None, undone: bool = False, **more
    ):
        super().__init__(what, **more)
        self.retry_after, self.undone = retry_after, undone


class InputOutput(Failure):
    code = INPUT_OUTPUT


class Busy(Failure):
    code = BUSY


class NotPermitted(Failure):
    code = NOT_PERMITTED


class Misconfigured(Failure):
    code = MISCONFIGURED
