"""The twelve levels: what XP each asks for, and what reaching it adds. Pure."""

from bisect import bisect_right
from typing import NamedTuple


class Level(NamedTuple):
    number: int
    title: str
    symbol: str
    xp: int  # from which on an agent has it


LEVELS = (
    Level(1, "Rookie", "🌱", 0),
    Level(2, "Apprentice", "📚", 100),
    Level(3, "Junior", "👶", 250),
    Level(4, "Associate", "🎓", 500),
    Level(5, "Specialist", "💼", 1_000),
    Level(6, "Senior", "🎯", 2_000),
    Level(7, "Expert", "⭐", 4_000),
    Level(8, "Master", "🏆", 8_000),
    Level(9, "Grandmaster", "👑", 16_000),
    Level(10, "Legend", "🔮", 32_000),
    Level(11, "Mythic", "🌟", 64_000),
    Level(12, "Divine", "✨", 100_000),
)

_XP = [level.xp for level in LEVELS]


def level_of(xp: int) -> Level:
    """The highest level that this much XP reaches."""
    return LEVELS[bisect_right(_XP, xp) - 1]


def bonus_of(number: int) -> int:
    """XP for reaching a level, once; the first is where everybody starts."""
    return number * 10 if number > 1 else 0


def next_after(number: int) -> Level | None:
    """The level after this one; None after the last."""
    return LEVELS[number] if number < len(LEVELS) else None
