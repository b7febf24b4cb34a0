"""The one clock. Instants are integers: milliseconds since 1970-01-01T00:00:00Z.

Owns reading the clock (or `--now`), and instants to RFC 3339 text and back. Refuses to know time
zones beyond UTC and offsets (ground.zone)."""

import time
from datetime import datetime, timezone

from .errors import BadData

SECOND = 1000
DAY = 86_400 * SECOND


def system_now() -> int:
    """The system's clock, ms since the epoch."""
    return time.time_ns() // 1_000_000


def monotonic() -> float:
    """Seconds that never go back; for deadlines and durations only."""
    return time.monotonic()


def since_boot() -> int:
    """Milliseconds the machine has been up, asleep or not, which nobody can set."""
    # macOS's monotonic clock counts sleep, Linux's does not
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def boot_id() -> str:
    """What names this run of the machine; '' where the system does not say, which no two runs
    share."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return _boot_macos()


def _boot_macos() -> str:
    import ctypes

    libc = ctypes.CDLL(None)
    value, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
    if not hasattr(libc, "sysctlbyname"):
        return ""
    failed = libc.sysctlbyname(b"kern.bootsessionuuid", value, ctypes.byref(size), None, 0)
    return "" if failed else value.value.decode()


_days: dict[int, str] = {}  # since the epoch -> the text of each
_MOST_DAYS = 10_000


def to_text(instant: int) -> str:
    """`2026-01-30T14:23:55.120Z`."""
    number, ms = divmod(instant, DAY)
    day = _days.get(number)
    if day is None:
        if len(_days) >= _MOST_DAYS:
            _days.clear()
        at = time.gmtime(number * (DAY // 1000))
        day = _days[number] = f"{at.tm_year:04d}-{time.strftime('%m-%d', at)}"  # %Y does not pad
    minutes, ms = divmod(ms, 60_000)
    return f"{day}T{minutes // 60:02d}:{minutes % 60:02d}:{ms / 1000:06.3f}Z"


def parse_text(text: str) -> int:
    """The instant of a text that `to_text` wrote, in a third of the time of `parse`."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def to_stamp(instant: int) -> str:
    """`20260130T142355Z`, the name of a window that started then."""
    at = time.gmtime(instant // 1000)
    return f"{at.tm_year:04d}{time.strftime('%m%dT%H%M%SZ', at)}"


def parse(value: str) -> int:
    """RFC 3339 text, as programs write it, to an instant; what a person writes is read by
    ground.when. A time without `Z` or an offset is refused: guessing a zone would record a moment
    that never was."""
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        moment = None
    if moment is None or not value[:4].isdigit() or "W" in value or not value.isascii():
        raise BadData(f"'{value}' is not a time", cure="write it as 2026-01-30T14:23:55Z")
    if moment.tzinfo is None:
        cure = "end it with Z or an offset such as +01:00"
        raise BadData(f"'{value}' names no zone", cure=cure)
    try:
        whole = moment.replace(microsecond=0)
        instant = int(whole.timestamp()) * 1000 + moment.microsecond // 1000
        if not 0 < (whole.astimezone(timezone.utc)).year < 10_000:
            raise OverflowError
    except (OverflowError, ValueError):
        raise BadData(f"'{value}' is out of range", cure="use a year from 1 to 9999") from None
    return instant
