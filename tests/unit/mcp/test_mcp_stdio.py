"""mem-mcp as a process: the official client talks to it, and it ends with whoever started it."""

import json
import os
import signal
import subprocess

import pytest
from plainmind.ground import files
from plainmind.truth.log import reader
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, PATIENCE, ROOT, TIME

PROGRAM = os.path.join(ROOT, "bin", "mem-mcp")
WHO = {"name": "t", "version": ""}
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": WHO}
READ, GROW = (True, False, True, False), (False, False, False, False)
HINTS = {
    "recall": READ, "knowledge": READ, "show": READ, "log": READ, "append": GROW,
    "note": (False, True, True, False), "pin": (False, False, True, False),
    "remind": (False, False, False, True),
}  # fmt: skip


def environment(home, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_NOW": TIME, **more}


def test_the_official_client_uses_all_of_it(home):
    """It holds every answer against the schema of its tool."""
    # here, as they take each process of the pool most of a second
    import anyio
    from mcp import ClientSession
    from mcp.client.stdio import StdioServerParameters, stdio_client
    from mcp.shared.exceptions import MCPError

    async def call(client, name, **arguments):
        told = await client.call_tool(name, arguments)
        assert not told.is_error, told.content
        assert json.loads(told.content[0].text) == told.structured_content
        return told.structured_content["results"]

    async def talk(client):
        hello = await client.initialize()
        assert hello.server_info.name == "plainmind" and "data" in hello.instructions
        listed = (await client.list_tools()).tools
        hints = {one.name: tuple(one.annotations.model_dump().values())[1:] for one in listed}
        assert hints == HINTS
        said = {"context": "note/home", "role": "user", "content": "The key is under the fern."}
        (event,) = await call(client, "append", **said)
        (page,) = await call(client, "note", type="user", body="The fern is green.")
        assert await call(client, "pin", refs=[event["ref"]]) == [event]
        (due,) = await call(client, "remind", message="water it", **{"in": "2h"})
        assert due["next"] == "2026-01-30T16:24"
        (found,) = await call(client, "recall", query="where is the key")
        assert (found["ref"], found["pinned"]) == (event["ref"], True)
        assert (await call(client, "knowledge", query="fern"))[0]["path"] in page["ref"]
        (shown,) = await call(client, "show", refs=[event["ref"]])
        assert shown["content"] == said["content"]
        assert len(await call(client, "log", n=5)) == 1
        wrong = await client.call_tool("show", {"refs": ["no-such"]})
        assert wrong.is_error and wrong.content[0].text.startswith("no page 'no-such'; see the")
        templates = (await client.list_resource_templates()).resource_templates
        assert [one.name for one in templates] == ["window", "page"]
        paths = (page["ref"].rpartition(":")[0], event["ref"].rpartition(":")[0])
        there = (await client.list_resources()).resources
        assert [one.uri for one in there] == [f"plainmind://{path}" for path in paths]
        for uri in (f"plainmind://{event['ref']}", *(one.uri for one in there)):
            (text,) = (await client.read_resource(uri)).contents
            assert "fern" in text.text
        with pytest.raises(MCPError, match="no such resource: 'plainmind://.env'"):
            await client.read_resource("plainmind://.env")
        (prompt,) = (await client.list_prompts()).prompts
        taught = (await client.get_prompt(prompt.name)).messages[0].content.text
        assert all(f"`{name}`" in taught for name in HINTS)

    async def run():
        more = {"MIND_MCP_WRITE": "all", "MIND_REMIND_CONFIRM": "none"}
        server = StdioServerParameters(command=PROGRAM, env=environment(home, **more))
        async with stdio_client(server) as streams, ClientSession(*streams) as client:
            await talk(client)

    anyio.run(run)


class Raw:
    """A server that has greeted, and a client that speaks for itself."""

    def __init__(self, home, **more: str):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [PROGRAM], env=environment(home, **more), stdin=pipe, stdout=pipe, stderr=pipe
        )
        self.send(id=1, method="initialize", params=HELLO)
        assert json.loads(self.process.stdout.readline())["id"] == 1

    def send(self, **message) -> None:
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def call(self, id: int, name: str, **arguments) -> None:
        self.send(id=id, method="tools/call", params={"name": name, "arguments": arguments})

    def close(self, name: str) -> None:
        getattr(self.process, name).close()
        setattr(self.process, name, None)

    def finish(self) -> tuple[int, list[dict], str]:
        """Its exit code, the answers that were not read, and what it said."""
        out, said = self.process.communicate(timeout=PATIENCE)
        out = out or b""
        return (
            self.process.returncode,
            [json.loads(line) for line in out.splitlines()],
            said.decode(),
        )


@pytest.mark.parametrize("way", ["mute", "SIGTERM", "deaf", "deaf and mute"])
def test_it_ends_with_its_client_whatever_it_is_doing(home, way):
    """A client that is mute has left; one that is deaf will not read what it asked for. A call
    waits for a lock that is held; that it was not answered shows that nobody waited."""
    os.mkdir(home.root)
    raw = Raw(home)
    with files.lock(home.lock):
        raw.call(2, "append", context="a/b", role="user", content="x")
        raw.call(3, "nope")  # waits behind it
        raw.send(id=4, method="ping")
        assert json.loads(raw.process.stdout.readline())["id"] == 4
        if way == "SIGTERM":
            raw.process.send_signal(signal.SIGTERM)
        if "deaf" in way:
            raw.close("stdout")
            raw.send(id=5, method="ping")
        if "mute" in way:
            raw.close("stdin")
        raw.process.wait(PATIENCE)
        code, answers, said = raw.finish()
    assert code == 0 and not said
    assert not [one for one in answers if "result" in one], answers


def test_a_call_that_is_cancelled_is_done_whole_or_not_at_all(home):
    """The one that has begun comes to its end, before the next one begins; who waits never does."""
    os.mkdir(home.root)
    raw = Raw(home)
    with files.lock(home.lock):
        for id, text in ((2, "begun"), (3, "waiting")):
            raw.call(id, "append", context="a/b", role="user", content=text)
        raw.send(id=4, method="ping")
        assert json.loads(raw.process.stdout.readline())["id"] == 4
        for id in (3, 2, 99):
            raw.send(method="notifications/cancelled", params={"requestId": id, "reason": "x"})
        raw.call(5, "append", context="a/b", role="user", content="next")
        raw.send(id=6, method="ping")
        while json.loads(raw.process.stdout.readline())["id"] != 6:
            pass
    answer = json.loads(raw.process.stdout.readline())
    assert answer["id"] == 5 and answer["result"]["structuredContent"]["results"]
    raw.close("stdin")
    assert raw.finish() == (0, [], "")
    (path,) = reader.list_windows(home, "a/b")
    window = reader.read_window(home, path)
    assert [window.event(block).content for block in window.blocks()] == ["begun", "next"]


def test_nothing_but_the_protocol_is_on_standard_output(home):
    """Whatever is sent; remarks about the set-up are on standard error."""
    raw = Raw(home, GEMINI_API_KEY="")
    for line in (b"no JSON\n", b'{"jsonrpc":"2.0","id":7,"method":"no/such"}\n', b"\xff\xfe\n",
                 b"x" * 10_000_000 + b"\n", b'{"a":' + b"[" * 100_000 + b"\n", b"[]\n\0\n\r\n",
                 b'{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":7}}\n',
                 b'{"jsonrpc":"2.0","id":9,"method":"tools/call","params":'
                 b'{"name":"recall","arguments":{"query":"\\ud800"}}}\n',
                 b'{"jsonrpc":"2.0","id":"12","method":"tools/call","params":[1]}\n',
                 b'{"jsonrpc":"2.0","id":13,"method":"tools/call","params":{"name":"recall",'
                 b'"arguments":{"query":' + b"[" * 300 + b"]" * 300 + b"}}}\n"):  # fmt: skip
        raw.process.stdin.write(line)
    raw.call(10, "recall", query="x")
    answers = {}
    while 10 not in answers:
        answer = json.loads(raw.process.stdout.readline())
        answers[answer.get("id")] = answer
    assert all("error" in answers[id] for id in (7, 8, "12"))
    assert answers[13]["result"]["isError"]
    # JavaScript writes half a character so, where it has cut one
    assert answers[9]["result"]["structuredContent"]["results"] == []
    assert answers[10]["result"]["structuredContent"]["results"] == []
    raw.process.stdin.write(b'{"jsonrpc":"2.0","id":11,"method":"pi')  # and it dies
    raw.close("stdin")
    code, _, said = raw.finish()
    assert code == 0 and "Traceback" not in said
    assert said.startswith(f"mem-mcp: no memory folder '{home.root}' yet")


@pytest.mark.slow
def test_a_thousand_calls_leave_nothing_in_memory(home):
    """After a thousand that fill caches: SQLite's, and what Python keeps of what it had."""
    drafts = [EventDraft(NOW, "user", f"a key {number}", {}) for number in range(2000)]
    Log(home).append("a/b", drafts, NOW)
    raw, sizes = Raw(home, MIND_EMBED_MODEL="none"), []
    calls = [("recall", {"query": "key 5"}), ("log", {"n": 5}), ("show", {"refs": ["none"]}),
             ("append", {"context": "a/c", "role": "user", "content": "x"})]  # fmt: skip
    for number in range(2001):
        name, arguments = calls[number % len(calls)]
        raw.call(number + 2, name, **arguments)
        assert json.loads(raw.process.stdout.readline())["id"] == number + 2
        if number % 1000 == 0:
            size = ["ps", "-o", "rss=", "-p", str(raw.process.pid)]
            sizes.append(int(subprocess.run(size, capture_output=True, check=True).stdout))
    assert sizes[2] - sizes[1] < 1024, sizes  # KiB: one a call
    raw.close("stdin")
    raw.finish()
