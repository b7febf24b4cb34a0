"""What changed by events that were taken in, and so which rows made of many others are to be made
again.
"""

from typing import Any

Position = tuple[int, str]  # ms, id: the order of events


class Touched:
    """What is to be made again: keys of groups of rows. `everything`: all of them."""

    def __init__(self, everything: bool):
        self.everything = everything
        self.kinds: set[tuple[str, str]] = set()  # agent, kind of task
        self.same: dict[int, str] = {}  # tasks.same -> a description that has it
        self.commands: set[str] = set()  # user_commands.normal
        self.experiments: set[str] = set()
        self.sessions: set[str] = set()
        self.team = everything
        self.agents: dict[str, Position] = {}  # and from where on they earned otherwise

    def touch_agent(self, agent: str, position: Position) -> None:
        if position < self.agents.get(agent, (1 << 62, "")):
            self.agents[agent] = position

    def touch_task(self, task: dict[str, Any]) -> None:
        if not self.everything:
            if task["kind"] is not None:
                self.kinds.add((task["agent"], task["kind"]))
            self.same[task["same"]] = task["description"]
            if task["session"] is not None:
                self.sessions.add(task["session"])
