"""The protocol on standard input and output, by the official SDK: what is listed, called and read.

Its low-level server: the other one answers wrong arguments in words that are not ours. One call is
done at a time, in a thread: whoever leaves meanwhile is noticed.
"""

import logging
import signal
import threading
from collections.abc import Callable
from typing import Any

import anyio
import mcp_types as types
from anyio.to_thread import run_sync
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from .. import __version__
from ..ground import stream
from ..ground.errors import NoInput, Usage
from . import resources, tools
from .incoming import ReadableMessages
from .teaching import BRIEF, PROMPT
from .tools import Tool

MARKDOWN = "text/markdown"
Tell = Callable[[Exception], str]

#: JSON types of keys that are not texts
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("line", "end_line", "rank", "windows", "events", "repeats"), "integer"),
    **dict.fromkeys(("score", "sim", "relevance", "recency", "penalty", "rel", "lex"), "number"),
    **dict.fromkeys(("truncated", "pinned"), "boolean"),
    **dict.fromkeys(("next", "next_utc", "id"), ["string", "null"]),
    "den": ["number", "null"],
    "meta": "object",
    "tags": "array",
}


def serve(open_session: Callable, tell: Tell, leave: Callable[[], None]) -> None:
    """Serve until the client leaves. `open_session(hear)` is cli.Session.again; `tell` says what a
    command says of an error; `leave` ends the process. ReaderLeft when the client closed our
    output."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: leave())
    log = logging.getLogger("mcp")
    log.addHandler(logging.NullHandler())  # what it would say of calls has seen no mask
    log.propagate = False
    try:
        anyio.run(_serve, make(open_session, tell), leave)
    except BaseExceptionGroup as group:
        if group.split(BrokenPipeError)[1] is None:
            raise stream.ReaderLeft from None
        raise


async def _serve(server: Server, leave: Callable[[], None]) -> None:
    async with stdio_server() as (read, write):
        try:
            incoming: Any = ReadableMessages(read, write)
            await server.run(incoming, write, server.create_initialization_options())
        except anyio.get_cancelled_exc_class():
            # by a write that nobody reads; a thread that waits for the next line cannot be ended
            leave()
            raise


def make(open_session: Callable, tell: Tell) -> Server:
    """The server, for whatever carries its messages."""
    asked = _Asked(open_session, tell)
    return Server(
        "plainmind",
        version=__version__,
        title="Plainmind",
        instructions=BRIEF,
        on_list_tools=asked.list_tools,
        on_call_tool=asked.call_tool,
        on_list_resources=asked.list_resources,
        on_list_resource_templates=_list_templates,
        on_read_resource=asked.read_resource,
        on_list_prompts=_list_prompts,
        on_get_prompt=_get_prompt,
    )


class _Asked:
    """What is asked of the memory folder, one thing at a time."""

    def __init__(self, open_session: Callable, tell: Tell):
        self._open, self._tell = open_session, tell
        #: in the order of asking; and after a call that nobody waits for any more
        self._order, self._turn = anyio.Lock(), threading.Lock()

    async def list_tools(self, ctx: Any, params: Any) -> types.ListToolsResult:
        write = await self._answer(lambda session: session.settings["mcp.write"])
        return types.ListToolsResult(tools=[_describe(tool) for tool in tools.allowed(write)])

    async def call_tool(
        self, ctx: Any, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        name, given = params.name, params.arguments or {}
        answer = lambda: tools.call(name, given, self._open, self._tell)
        return _tell(await self._wait(answer))

    async def list_resources(
        self, ctx: Any, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        after = params and params.cursor or ""
        listed, rest = await self._answer(lambda session: resources.list_page(session, after))
        return types.ListResourcesResult(
            resources=[_describe_resource(one) for one in listed], next_cursor=rest or None
        )

    async def read_resource(
        self, ctx: Any, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = str(params.uri)
        text = await self._answer(lambda session: resources.read(session, uri))
        content = types.TextResourceContents(uri=uri, mime_type=MARKDOWN, text=text)
        return types.ReadResourceResult(contents=[content])

    async def _answer(self, what: Callable[[Any], Any]) -> Any:
        """What `what` gives of a session, or the protocol's error, in our words."""

        def answer() -> Any:
            try:
                return what(self._open())
            except Exception as error:
                missing = isinstance(error, (NoInput, Usage, FileNotFoundError))
                code = types.INVALID_PARAMS if missing else types.INTERNAL_ERROR
                raise MCPError(code, self._tell(error)) from None

        return await self._wait(answer)

    async def _wait(self, what: Callable[[], Any]) -> Any:
        def work() -> Any:
            with self._turn:
                return what()

        async with self._order:
            return await run_sync(work, abandon_on_cancel=True)


# --- tools


def _describe(tool: Tool) -> types.Tool:
    schema = tool.arguments.model_json_schema()
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=schema,
        output_schema=describe_output(tool),
        annotations=types.ToolAnnotations(
            read_only_hint=not tool.needs,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.idempotent or not tool.needs,
            open_world_hint=tool.open_world,
        ),
    )


def describe_output(tool: Tool) -> dict[str, Any]:
    """The JSON schema of a tool's answer. More keys may come."""
    shapes = [
        {
            "type": "object",
            "properties": {key.rstrip("?"): _describe_key(key.rstrip("?")) for key in keys},
            "required": [key for key in keys if not key.endswith("?")],
        }
        for keys in tool.keys
    ]
    records = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    texts = {"type": "array", "items": {"type": "string"}}
    properties = {"results": {"type": "array", "items": records}, "remarks": texts}
    return {"type": "object", "properties": properties, "required": ["results"]}


def _describe_key(key: str) -> dict[str, Any]:
    return {"type": _TYPES.get(key, "string")}


def _tell(answer: tools.ToolAnswer) -> types.CallToolResult:
    results, remarks, failed = answer
    if failed:
        content = [types.TextContent(type="text", text="\n".join(remarks))]
        return types.CallToolResult(content=list(content), is_error=True)
    value = {"results": results, **({"remarks": remarks} if remarks else {})}
    content = [types.TextContent(type="text", text=stream.json_line(value))]
    return types.CallToolResult(content=list(content), structured_content=value)


# --- resources and the prompt


def _describe_resource(one: resources.Listed) -> types.Resource:
    changed = types.Annotations(last_modified=one.changed)
    return types.Resource(
        uri=one.uri, name=one.name, mime_type=MARKDOWN, size=one.size, annotations=changed
    )


async def _list_templates(ctx: Any, params: Any) -> types.ListResourceTemplatesResult:
    made = [
        types.ResourceTemplate(name=name, uri_template=uri, description=told, mime_type=MARKDOWN)
        for name, uri, told in resources.TEMPLATES
    ]
    return types.ListResourceTemplatesResult(resource_templates=made)


async def _list_prompts(ctx: Any, params: Any) -> types.ListPromptsResult:
    prompt = types.Prompt(name="memory", title="Use the memory", description="How to use it")
    return types.ListPromptsResult(prompts=[prompt])


async def _get_prompt(ctx: Any, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    if params.name != "memory":
        raise MCPError(types.INVALID_PARAMS, f"no such prompt: '{params.name}'; use 'memory'")
    text = types.TextContent(type="text", text=PROMPT)
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=text)])
