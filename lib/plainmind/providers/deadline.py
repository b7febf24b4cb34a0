"""Work on a thread of its own, so that a deadline holds whatever a library or a server does.

A socket's timeout starts again with every byte: a server that sends one a second, or a name server
that is silent, would hold a command for ever.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ..ground import clock
from ..ground.errors import Unavailable

#: takes what comes of work
Emit = Callable[[Any], None]


class _Abandoned(Exception):
    pass


def stream(work: Callable[[Emit], None], seconds: float, who: str) -> Iterator[Any]:
    """What `work` emits, as it comes; its exception is raised here. Unavailable when time is up.

    Work that nobody waits for any more ends at the next thing it emits, or with the process.
    """
    import queue
    import threading

    emitted: queue.SimpleQueue = queue.SimpleQueue()
    abandoned = threading.Event()

    def emit(item: Any) -> None:
        if abandoned.is_set():
            raise _Abandoned
        emitted.put((item, None))

    def work_on() -> None:
        try:
            work(emit)
        except BaseException as error:
            emitted.put((None, error))
        else:
            emitted.put((None, StopIteration()))

    end, begun = clock.monotonic() + seconds, False
    threading.Thread(target=work_on, daemon=True).start()
    try:
        while True:
            try:
                item, error = emitted.get(timeout=max(0.001, end - clock.monotonic()))
            except queue.Empty:
                did = "finish its answer" if begun else "answer"
                error = Unavailable(f"{who} did not {did} within {seconds:g} s")
            if isinstance(error, StopIteration):
                return
            if error is None and clock.monotonic() > end:
                error = Unavailable(f"{who} did not finish its answer within {seconds:g} s")
            if error is not None:
                raise error
            begun = True
            yield item
    finally:
        abandoned.set()


def run(work: Callable[[], Any], seconds: float, who: str) -> Any:
    """What `work` returns, within the time."""
    return next(stream(lambda emit: emit(work()), seconds, who))
