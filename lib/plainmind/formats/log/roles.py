"""Who speaks in an event of a log."""

ROLES = ("user", "agent", "tool", "system")
