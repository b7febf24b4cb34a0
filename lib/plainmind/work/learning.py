"""What a team learned: experiments and what became of them, what it does well and what it does not,
what it is asked for again and again, and lessons."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..team.experiments import RUNNING
from ..team.patterns import REPETITION

if TYPE_CHECKING:
    from ..index.engine import Index


class Learned(NamedTuple):
    """Rows of mind-schema(5)."""

    experiments: list[dict[str, Any]]  # v_experiment_status: those that run, then the newest
    candidates: list[dict[str, Any]]  # automation_candidates, the most frequent first
    patterns: list[dict[str, Any]]  # the last seen first, without the candidates
    lessons: list[dict[str, Any]]  # the newest first


def read(opened: "Iterator[Index]", last: int) -> Learned:
    """Of each the `last` so many; of experiments all that run."""
    for index in opened:
        with index:
            candidates, patterns, lessons = (
                index.work_rows(name, last=last, by=by)[::-1]
                for name, by in (
                    ("automation_candidates", "count"),
                    ("patterns", "last_seen"),
                    ("lessons_learned", "at"),
                )
            )
            known = {(REPETITION, row["normal"]) for row in candidates}
            patterns = [row for row in patterns if (row["kind"], row["subject"]) not in known]
            experiments = index.work_rows("v_experiment_status")
            running = [row for row in experiments if row["status"] == RUNNING]
            ended = [row for row in experiments if row["status"] != RUNNING]
            return Learned([*running, *ended[: -last - 1 : -1]], candidates, patterns, lessons)
    return Learned([], [], [], [])
