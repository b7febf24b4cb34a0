"""What is shown of levels, XP, achievements and leaderboards. Knows no files.

A program gets columns separated by tabs, or records; people at a terminal see the same with names,
units and a bar.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ..team.achievements import ACHIEVEMENTS, BY_NAME, Achievement, Deeds
from ..team.figures import AgentFigures, BoardRow
from ..team.levels import LEVELS
from .report import OutputRow, tell_duration

#: of the JSON objects
AGENT_KEYS = (
    "agent", "team", "role", "xp", "level", "title", "next_level_xp", "tasks", "failed",
    "success_rate", "mean_s", "streak", "longest_streak", "last_day", "sessions",
    "flawless_sessions", "prs", "praises", "achievements",
)  # fmt: skip
BOARD_KEYS = BoardRow._fields
ACHIEVEMENT_KEYS = ("name", "title", "tier", "xp", "description", "count", "least", "at")
PERFORMANCE_KEYS = (
    "agent", "team", "tasks", "completed", "failed", "success_rate", "mean_s", "last_at",
    "rewards", "mean_reward",
)  # fmt: skip
AWARD_KEYS = ("id", "agent", "amount", "reason")

_BAR = 10  # characters
_NARROW = 72  # columns, from which on there is room for a bar
_LONGEST = 1000 * 60 * 60  # seconds that are told in hours; more is nobody's work


def rows_of_agents(found: Iterable[AgentFigures], people: bool, width: int) -> Iterator[OutputRow]:
    """All agents; for people those with XP, and how many have none. `width` is in columns."""
    without = 0
    some = False
    for figures in found:
        if people and not figures.xp:
            without += 1
        else:
            some = True
            yield row_of_agent(figures, people, width)
    if without:
        told = f"{without} more" if some else _count(without, "agent")
        yield OutputRow(f"{told} without XP", {})


def row_of_agent(figures: AgentFigures, people: bool, width: int = 80) -> OutputRow:
    """An agent in one line; one of less than 72 columns has no room for a bar."""
    record = _to_record(figures)
    level = figures.reached
    who = (figures.agent, level.number, level.title)
    values = (*who, figures.xp, record["streak"], record["achievements"])
    if not people:
        return OutputRow("\t".join(map(str, values)), record)
    streak = _count(record["streak"], "day") if record["streak"] else ""
    name = f"{level.number:2} {level.title}"
    bar = f"  {_bar(figures)}" if width >= _NARROW else ""
    text = f"{figures.agent:<20} {name:<14} {figures.xp:>9,} XP{bar}  {streak}"
    return OutputRow(text.rstrip(), record)


def describe_agent(figures: AgentFigures, people: bool) -> OutputRow:
    """An agent, a line a figure: its name, a tab and its value, for people in words."""
    record = _to_record(figures)
    if not people:
        lines = (f"{key}\t{'' if value is None else value}" for key, value in record.items())
        return OutputRow("\n".join(lines), record)
    level, following = figures.reached, figures.following
    after = f"{figures.missing:,} XP to {following.title}" if following else "the last"
    titles = [one.title for one in ACHIEVEMENTS if one.name in figures.achieved]
    rows = {
        "level": f"{level.number} {level.title} {level.symbol}",
        "XP": f"{figures.xp:,}  {_bar(figures)}  {after}",
        "tasks": f"{figures.tasks:,} completed, {figures.failed:,} failed"
        + (f": {record['success_rate']:.0%} success" if figures.tasks + figures.failed else ""),
        "mean time": _duration(record["mean_s"]),
        "streak": _count(record["streak"], "day") + f", the longest {figures.longest}",
        "sessions": f"{figures.sessions:,}, {figures.flawless:,} without a failed task",
        "PRs merged": f"{figures.prs:,}",
        "praised": _count(figures.praises, "time"),
        "achievements": f"{len(titles)} of {len(ACHIEVEMENTS)}"
        + (f": {', '.join(titles)}" if titles else ""),
    }
    head = ", ".join(filter(None, (figures.agent, figures.role, figures.team)))
    lines = (f"  {name:<13} {value}" for name, value in rows.items())
    return OutputRow("\n".join([head, *lines]), record)


def rows_of_board(rows: Iterable[BoardRow], people: bool) -> Iterator[OutputRow]:
    """A leaderboard, the first first."""
    for row in rows:
        success = row.board == "success"
        value = f"{row.value:.3f}" if success else f"{row.value:.0f}"
        text = "\t".join(map(str, (row.rank, row.agent, value, row.level, row.title)))
        if people:
            value = f"{row.value:.1%}" if success else f"{row.value:,.0f}"
            text = f"{row.rank:>3} {row.agent:<20} {value:>9}  {row.level:2} {row.title}"
        whole = row.value if success else int(row.value)
        yield OutputRow(text, row._replace(value=whole)._asdict())


def rows_of_performance(rows: Iterable[dict[str, Any]], people: bool) -> Iterator[OutputRow]:
    """How well and how fast agents work, as `experience.read_performance` has it; people are shown
    those that did something."""
    for row in rows:
        rate, seconds, reward = row["success_rate"], row["mean_s"], row["mean_reward"]
        record = {key: row[key] for key in PERFORMANCE_KEYS} | {
            "success_rate": None if rate is None else round(rate, 4),
            "mean_s": None if seconds is None else round(seconds, 1),
            "mean_reward": None if reward is None else round(reward, 4),
        }
        if not people:
            columns = ("" if value is None else str(value) for value in record.values())
            yield OutputRow("\t".join(columns).rstrip("\t"), record)
        elif row["tasks"] or row["rewards"]:
            share = "" if rate is None else f"{rate:.0%} success"
            mean = "" if seconds is None else _duration(seconds)
            given = f"{_count(row['rewards'], 'reward')}, {reward:+.2f}" if row["rewards"] else ""
            text = f"{row['agent']:<20} {_count(row['tasks'], 'task'):>9} {share:>12}  {mean:<14}"
            yield OutputRow(f"{text}  {given}".rstrip(), record)


def rows_of_achievements(figures: AgentFigures | None, people: bool) -> Iterator[OutputRow]:
    """Every achievement; of an agent also how far it is, or since when it has it."""
    deeds = figures.deeds if figures else None
    for one in ACHIEVEMENTS:
        count = min(getattr(deeds, one.counter), one.least) if deeds else None
        at = figures.achieved.get(one.name) if figures else None
        values = (one.name, one.title, one.tier, one.xp, one.description, count, one.least, at)
        shown = at or (tell_progress(one, deeds) if deeds else "")
        columns = (one.title, one.tier, str(one.xp), one.description, shown)
        text = "\t".join(columns).rstrip("\t")
        if people:
            shown = at[:10] if at else " ".join(shown.split()[:4])  # hours need no seconds
            width = f"{one.title:<13} {one.tier:<9} {one.xp:>4} XP  {one.description:<30} {shown}"
            text = f"{one.symbol} {width}".rstrip()
        yield OutputRow(text, dict(zip(ACHIEVEMENT_KEYS, values)))


def tell_gain(reason: str) -> str:
    """What XP was for, of the reason as it is kept (`team.standing.Gain`), for people."""
    what, _, which = reason.partition(" ")
    if what == "achievement" and which in BY_NAME:
        return f"achievement {BY_NAME[which].title} {BY_NAME[which].symbol}"
    if what == "level":
        return f"level {which}, {LEVELS[int(which) - 1].title}"
    return {"pr_merged": "pull request merged", "quick": "quick task"}.get(reason, reason)


def tell_progress(one: Achievement, deeds: Deeds) -> str:
    """How far an agent is; where it did enough, how well it did that."""
    count = getattr(deeds, one.counter)
    if count < one.least:
        return f"{count}/{one.least}"
    return _duration(deeds.mean_seconds) if one.counter == "timed" else f"{deeds.success:.1%}"


def row_of_award(event: dict[str, Any]) -> OutputRow:
    """An award that was logged: its id, for who wants to take it back."""
    return OutputRow(event["id"], {key: event[key] for key in AWARD_KEYS})


def _to_record(figures: AgentFigures) -> dict[str, Any]:
    deeds, following = figures.deeds, figures.following
    some = figures.tasks + figures.failed
    values = (
        figures.agent, figures.team, figures.role, figures.xp, figures.level, figures.reached.title,
        following.xp if following else None, figures.tasks, figures.failed,
        round(deeds.success, 4) if some else None,
        None if deeds.mean_seconds is None else round(deeds.mean_seconds, 1),
        figures.streak, figures.longest,
        figures.last_day or None, figures.sessions, figures.flawless, figures.prs, figures.praises,
        len(figures.achieved),
    )  # fmt: skip
    return dict(zip(AGENT_KEYS, values))


def _bar(figures: AgentFigures) -> str:
    full = int(figures.share * _BAR)
    return "█" * full + "░" * (_BAR - full)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    return tell_duration(seconds) if seconds < _LONGEST else "over 1,000 h"
