"""mem-hook as a client runs it: its exit code and what it says, for a home directory of its own."""

import json
import os
from collections.abc import Callable

import forks
import pytest
from scene import ROOT


@pytest.fixture
def hook(home, tmp_path) -> Callable[..., forks.Ended]:
    """`hook(*arguments)`, or `hook({an event})`; `env` is added to its environment."""

    def run(
        *given: str | dict | bytes, client: str = "claude-code", env: dict[str, str] | None = None
    ) -> forks.Ended:
        events = [each for each in given if not isinstance(each, str)]
        stdin = b"".join(e if isinstance(e, bytes) else json.dumps(e).encode() for e in events)
        words = [each for each in given if isinstance(each, str)]
        known = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MIND_HOME": home.root}
        known["MIND_HOOK_TIMEOUT"] = "60"  # a busy machine is not what is tested
        argv = [os.path.join(ROOT, "bin", "mem-hook"), client, *words]
        return forks.run(argv, {**known, **(env or {})}, stdin, os.getcwd())

    return run
