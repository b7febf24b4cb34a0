"""Numbers, times and sizes as people read them: filters of the templates. Pure, but for the
setting `zone`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from markupsafe import Markup, escape

from ..formats import words
from ..ground import clock, zone
from ..work.report import tell_duration

#: what is about a word rather than of it
_AROUND = ".,;:!?…()[]{}<>\"'“”‘’*_`-–—"
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000


def number(value: float | None, digits: int = 0) -> str:
    """`12,345`; an en dash for what is not known."""
    return "–" if value is None else f"{value:,.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    return "–" if share is None else f"{share:.{digits}%}"


def money(dollars: float | None) -> str:
    """`$1,204.50`; of less than a dollar as many digits as tell something."""
    if dollars is None:
        return "–"
    if dollars == 0 or dollars >= 1:
        return f"${dollars:,.2f}"
    return f"${dollars:.4f}" if dollars >= 0.0001 else "under $0.0001"


def size(count: int | None) -> str:
    """Bytes: `3.4 MB`."""
    if count is None:
        return "–"
    value, unit = float(count), "bytes"
    for following in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, following
    return f"{value:,.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"


def duration(seconds: float | None) -> str:
    return "–" if seconds is None else tell_duration(seconds)


def plural(count: int, noun: str, several: str = "") -> str:
    """`1 page`, `2 pages`."""
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"


def to_instant(value: Any) -> int | None:
    """ms since the epoch of an instant, or of a time as files have it; None for neither."""
    if isinstance(value, str) and value:
        return clock.parse(value)
    return value if isinstance(value, int) and value > 0 else None


def time(value: Any, now: int | None) -> Markup | str:
    """When something was, as a `time` element: `14:03`, `yesterday 14:03`, `3 May 14:03`, with the
    whole time where the pointer rests. Of no `now`, `3 May 2026 14:03`."""
    instant = to_instant(value)
    if instant is None:
        return "–"
    instant = min(instant, zone.last_instant())
    local, today = zone.to_local(instant), None if now is None else zone.to_day(now)
    clock_time = f"{local:%H:%M}"
    if today is None:
        text = f"{local.day} {local:%b %Y} {clock_time}"
    elif local.date() == today:
        text = clock_time
    elif local.date() in (today - timedelta(days=1), today + timedelta(days=1)):
        text = f"{'yesterday' if local.date() < today else 'tomorrow'} {clock_time}"
    else:
        year = "" if local.year == today.year else f" {local.year}"
        text = f"{local.day} {local:%b}{year} {clock_time}"
    whole = f"{local:%A}, {local.day} {local:%B %Y, %H:%M:%S}"
    told = escape(clock.to_text(instant))
    return Markup(f'<time datetime="{told}" title="{escape(whole)}">{escape(text)}</time>')


def ago(value: Any, now: int | None) -> Markup | str:
    """`just now`, `5 min ago`, `3 h ago`, `2 days ago`, `2 years ago`; `in 5 min`
    of what is to come. Of no `now`, when that was."""
    instant = to_instant(value)
    if instant is None:
        return "never"
    if now is None:
        return time(instant, None)
    passed = abs(now - instant)
    if passed < _MINUTE:
        return "just now" if instant <= now else "now"
    if passed < _HOUR:
        text = f"{passed // _MINUTE} min"
    elif passed < 2 * _DAY:
        text = f"{passed // _HOUR} h"
    elif passed < 730 * _DAY:
        text = f"{passed // _DAY} days"
    else:
        text = f"{passed // (365 * _DAY)} years"
    return f"{text} ago" if instant <= now else f"in {text}"


def mark(text: str, terms: Sequence[str]) -> Markup:
    """A text as HTML in which the words that have these index terms are marked."""
    starts = {at for at, _ in words.sightings(text, terms)}
    found, done = Markup(), 0
    for start, end in words.pieces(text):
        if start in starts:
            inner = text[start:end]
            word = inner.strip(_AROUND) or inner
            start += inner.index(word)
            found += Markup("{}<mark>{}</mark>").format(text[done:start], word)
            done = start + len(word)
    return found + text[done:]


def moment(instant: int) -> str:
    """`30 November 2026, 02:15`."""
    local = zone.to_local(min(instant, zone.last_instant()))
    return f"{local.day} {local:%B %Y, %H:%M}"


FILTERS = {
    "number": number, "percent": percent, "money": money, "size": size, "duration": duration,
    "plural": plural, "mark": mark, "moment": moment,
}  # fmt: skip
