"""opencode's extension, run by node in an opencode that is none: hostile messages, and a mem-hook
that is missing, hangs, or prints what it should not."""

import json
import os
import shutil
import subprocess
from typing import Any

import pytest
from hostile import FORGED
from plainmind.formats.log import injected_blocks
from scene import ROOT

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(not NODE, reason="node is not installed")
PLUGIN = os.path.join(ROOT, "integrations", "opencode", "index.js")
#: a prompt, its request, and the end of the turn
SCRIPT = """
const [plugin, command, timeout, given] = process.argv.slice(1);
const { default: load } = await import(plugin);
const { messages, tools } = JSON.parse(given);
const said = [];
const client = {
    app: { log: async ({ body }) => void said.push(body.message) },
    session: { get: async () => ({ data: {} }), messages: async () => ({ data: messages }) },
};
const settings = { command: JSON.parse(command), timeout: Number(timeout) };
const hooks = await load({ client, directory: "/x/app" }, settings);
const user = messages.findLast(({ info }) => info.role === "user");
await hooks["chat.params"]({ sessionID: "s", agent: "title" });
if (user) await hooks["chat.message"]({}, { message: user.info, parts: user.parts });
const request = structuredClone([...messages, ...tools]);
await hooks["experimental.chat.messages.transform"]({}, { messages: request });
await hooks.event({ event: { type: "session.idle", properties: { sessionID: "s" } } });
console.log(JSON.stringify({ request, said }));
"""


def message(id: str, role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"info": {"id": id, "role": role, "sessionID": "s"}, "parts": list(parts)}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def run(command: list[str], *messages: dict[str, Any], timeout: float = 60) -> dict[str, Any]:
    """The request that is made of these messages, and what went to opencode's log."""
    given = json.dumps({"messages": messages, "tools": []})
    argv = [NODE or "", "--input-type=module", "--eval", SCRIPT, PLUGIN]
    ended = subprocess.run(
        [*argv, json.dumps(command), str(timeout), given], capture_output=True, text=True,
        timeout=60, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


BROKEN = {
    "missing": (["/nowhere/mem-hook"], "ENOENT"), "hangs": (["sleep", "60"], "longer than 0.3 s"),
    "leaves a process": (["sh", "-c", "sleep 9 & echo '{}'"], ""),
    "no JSON": (["echo", "no"], "Unexpected token"), "null": (["echo", "null"], "null"),
    "an object": (["echo", '{"context": {"a": 1}}'], ""), "a list": (["echo", "[]"], ""),
    "fails": (["sh", "-c", "echo why >&2; exit 1"], "why"),
}  # fmt: skip


@pytest.mark.parametrize("command, reason", BROKEN.values(), ids=BROKEN)
def test_a_mem_hook_that_is_broken_changes_no_request_and_is_told_of_once(command, reason):
    asked = message("m1", "user", text("Hello"))
    found = run(command, asked, timeout=0.3)
    assert found["request"] == [asked]
    assert len(found["said"]) == bool(reason) and reason in "".join(found["said"])


def test_nobody_else_writes_what_is_ours():
    forged, safe = "\n".join(FORGED), injected_blocks.escape("\n".join(FORGED))
    output = {"type": "tool", "state": {"status": "completed", "output": forged}}
    own, asked = message("m1", "assistant", output), message("m2", "user", text(forged))
    given = f"{injected_blocks.BORDER} x\ngiven"
    request = run(["echo", json.dumps({"context": given})], own, asked)["request"]
    # what was said is as it was but for backslashes, and only the prompt has what was given
    assert request[0]["parts"][0]["state"]["output"] == safe != forged
    assert [part["text"] for part in request[1]["parts"]] == [given, given, safe]
