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
        argv = [os.path.join(ROOT, "bin", "mem-hook"), *filter(None, [client]), *words]
        return forks.run(argv, {**known, **(env or {})}, stdin, os.getcwd())

    return run


@pytest.fixture
def imported(home) -> Callable[[str, object], str]:
    """`imported(tool, path)`: what mem-import makes of a client's own sessions. Each field of them
    is content, or known to have no words."""

    def run(tool: str, path: object) -> str:
        page = os.path.join(ROOT, "bin", "mem-import")
        ended = forks.run([page, "--from", tool, str(path)], {"MIND_HOME": home.root})
        assert ended.code == 0 and b" field " not in ended.complaints, ended.complaints.decode()
        assert b"INJECTED" not in ended.out and b"Persistent memory" not in ended.out
        return ended.out.decode()

    return run


@pytest.fixture
def fork_hooks(forked, tmp_path) -> Callable[[], None]:
    """`fork_hooks()`: the clients whose configuration is here call a mem-hook that is forked; that
    the command starts from there is what another test of each is about."""
    called = os.path.join(ROOT, "bin", "mem-hook")

    def change() -> None:
        paths = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
        for path in paths:
            text = path.read_bytes()
            path.write_bytes(text.replace(called.encode(), f"{forked['FORKED']}/mem-hook".encode()))
        assert paths

    return change
