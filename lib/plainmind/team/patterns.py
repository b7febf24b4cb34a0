"""What is seen in an agent's tasks of one kind: that it does them well, or that it does not. Pure.

What is repeated is told by `commands`."""

TASKS = 5  # of one kind, completed or failed, before anything is said of them
SUCCESS, FAILURE, REPETITION = KINDS = ("success", "failure", "repetition")


def detect(completed: int, failed: int) -> str | None:
    """success when at least 90 % of an agent's tasks of a kind were completed, failure when at
    least 50 % failed; None before `TASKS` of them, or between the two."""
    all = completed + failed
    if all < TASKS:
        return None
    if 10 * completed >= 9 * all:
        return SUCCESS
    return FAILURE if 2 * failed >= all else None
