"""A history is never in memory as a whole: 10 MB, and (slow) 100 MB, take no more than a few
conversations do."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import histories
import pytest
from scene import ROOT

MB = 1_000_000

#: a small process measures: a child's peak begins with that of the process it was forked from
MEASURE = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
print(used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak(*arguments: str | Path, home: str) -> int:
    """Bytes a command had in memory at most."""
    command = [
        sys.executable, "-S", "-c", MEASURE, os.path.join(ROOT, "bin", "mem-import"),
        *map(str, arguments),
    ]  # fmt: skip
    environment = {"PATH": os.environ["PATH"], "MIND_HOME": home}
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout)


def sized(path: Path, pieces: Iterator[str], size: int, around: tuple[str, str] = ("", "")) -> Path:
    """A file of about so many bytes."""
    with open(path, "w") as file:
        file.write(around[0])
        written = 0
        while written < size:
            written += file.write(piece := next(pieces))
            assert piece
        file.write(around[1])
    return path


def chats() -> Iterator[str]:
    for number in range(MB):
        chat = histories.conversation(f"{number:08x}-0000-8000-9000-000000000001")
        parent = "w1"
        for turn in range(40):
            role = ("user", "assistant")[turn % 2]
            chat["mapping"][f"n{turn}"] = histories.node(
                f"n{turn}", parent, role, "lorem ipsum \U0001f98a " * 100, 1769763700.0 + turn
            )
            parent = f"n{turn}"
        yield (", " if number else "") + json.dumps({**chat, "current_node": parent})


def sessions() -> Iterator[str]:
    for number in range(MB):
        used = {
            "type": "tool_use", "id": f"toolu_{number}", "name": "Bash",
            "input": {"command": "pm2 ls", "text": "x" * 3000},
        }  # fmt: skip
        result = {
            "type": "tool_result",
            "tool_use_id": f"toolu_{number}",
            "content": "no processes\n" * 300,
        }
        contents = [
            ("user", "lorem ipsum " * 100), ("assistant", [histories.part("dolor " * 100)]),
            ("assistant", [used]), ("user", [result]),
        ]  # fmt: skip
        for step, (kind, content) in enumerate(contents):
            yield (
                json.dumps(histories.claude_line(step, kind, content, uuid=f"{number}-{step}"))
                + "\n"
            )


def posts() -> Iterator[str]:
    for number in range(1, MB):
        yield (",\n" if number > 1 else "") + json.dumps(
            histories.posted(number, "lorem ipsum " * 40), indent=2
        )


@pytest.mark.parametrize("size", [10 * MB, pytest.param(100 * MB, marks=pytest.mark.slow)])
@pytest.mark.parametrize("tool", ["chatgpt", "claude", "discord"])
def test_memory_is_bounded(tool, size, tmp_path):
    if tool == "chatgpt":
        path = sized(tmp_path / "conversations.json", chats(), size, ("[", "]"))
    elif tool == "claude":
        path = sized(tmp_path / "s.jsonl", sessions(), size)
    else:
        whole = json.dumps(histories.exported("1334", "GuildTextChat"))
        head, _, rest = whole.partition('"messages": [')
        path = sized(tmp_path / "c.json", posts(), size, (f'{head}"messages": [', rest))
    assert peak("--from", tool, path, home=str(tmp_path / "home")) < 60 * MB


def test_memory_is_bounded_in_an_archive(tmp_path):
    path = sized(tmp_path / "conversations.json", chats(), 10 * MB, ("[", "]"))
    with zipfile.ZipFile(
        tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1
    ) as archive:
        archive.write(path, "conversations.json")
    assert (
        peak("--from", "chatgpt", "--dry-run", tmp_path / "export.zip", home=str(tmp_path / "home"))
        < 60 * MB
    )
