"""Histories as the tools write them: small, and with something of everything that is in real
ones."""

import json
import os
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

INJECTED = (
    'INJECTED_CONTEXT_RELEVANT_MEMORIES\n{"budget_tokens_est":1000,'
    '"memories":[{"path":"logs/a/b.md","line":3,"excerpt":"pm2"}]}\n'
)
SESSION = "019aa4f2-7c1e-7f00-8a00-0123456789ab"
CHAT = "67a1c0de-0000-8000-9000-000000000001"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def jsonl(path: Path, *lines: Any) -> Path:
    return write(
        path,
        "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines),
    )


def zipped(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for top, _, names in os.walk(folder):
            for name in names:
                full = os.path.join(top, name)
                archive.write(full, os.path.relpath(full, folder))
    return path


def part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


# --- pi, and what speaks its format


def header(id: str = SESSION, hour: int = 9, cwd: str = "/srv/app", **more: Any) -> dict[str, Any]:
    return {
        "type": "session", "version": 3, "id": id, "timestamp": f"2026-01-30T{hour:02}:00:00.000Z",
        "cwd": cwd, **more,
    }  # fmt: skip


def entry(
    number: int, role: str, content: Any = None, hour: int = 9, **more: Any
) -> dict[str, Any]:
    message = {"role": role, "timestamp": 1_769_763_600_000 + number, **more}
    if content is not None:
        message["content"] = content
    time = f"2026-01-30T{hour:02}:00:{number:02}.000Z"
    return {
        "type": "message", "id": f"{hour:02x}{number:06x}", "parentId": None, "timestamp": time,
        "message": message,
    }  # fmt: skip


def pi_entries(hour: int = 9) -> list[dict[str, Any]]:
    call = {
        "type": "toolCall", "id": "c1", "name": "bash",
        "arguments": {"command": "pm2 ls", "text": "x" * 1999 + "𝄞𝄞", "n": 1},
    }  # fmt: skip
    told = {
        "provider": "anthropic", "model": "claude-sonnet-4-5", "usage": {}, "stopReason": "toolUse",
    }  # fmt: skip
    return [
        {
            "type": "model_change", "id": "m", "timestamp": "2026-01-30T09:00:00.000Z",
            "provider": "anthropic", "modelId": "x",
        },
        entry(1, "user", [part("How do I restart pm2?"), {"type": "image", "data": "…"}], hour),
        entry(
            2, "assistant", [{"type": "thinking", "thinking": "Hm."}, part("I look."), call], hour,
            **told,
        ),
        entry(
            3, "toolResult", [part("no processes")], hour, toolCallId="c1", toolName="bash",
            isError=False,
        ),
        entry(4, "assistant", [part("None run."), part("Start one.")], hour, **told),
        entry(
            5, "bashExecution", hour=hour, command="ls -la", output="total 48\n", exitCode=0,
            cancelled=False,
        ),
        entry(
            6, "bashExecution", hour=hour, command="env", output="SECRET", exitCode=0,
            excludeFromContext=True,
        ),
        {
            "type": "compaction", "id": "k", "timestamp": "2026-01-30T09:00:07.000Z",
            "summary": "They spoke of pm2.",
        },
        entry(8, "user", f"{INJECTED}And logs?", hour), entry(9, "user", INJECTED, hour),
        entry(
            10, "toolResult", "it failed\u2028\x1b[2J", hour, toolCallId="c9", toolName="read",
            isError=True,
        ),
        entry(11, "custom", "from an extension", hour, customType="x", display=False),
    ]  # fmt: skip


PI = [
    ("user", "How do I restart pm2?"), ("agent", "I look."), ("tool", "no processes"),
    ("agent", "None run.\nStart one."), ("tool", "total 48\n"), ("user", "And logs?"),
    ("tool", "it failed\u2028\x1b[2J"),
]  # fmt: skip


def pi(folder: Path, *broken: str) -> Path:
    jsonl(
        folder / "--srv-app--" / f"2026-01-30T09-00-00-000Z_{SESSION}.jsonl", header(), *broken,
        *pi_entries(),
    )  # fmt: skip
    return folder


def openclaw(folder: Path, *broken: str) -> Path:
    mirror = {"provider": "openclaw", "model": "delivery-mirror"}
    internal = entry(
        22, "user", "The other session is done.",
        provenance={"kind": "inter_session", "sourceSessionKey": "agent:x:main"},
    )  # fmt: skip
    sessions = folder / "agents" / "main" / "sessions"
    jsonl(
        sessions / f"{SESSION}.jsonl", header(), *broken, *pi_entries(),
        entry(20, "user", [part("Hello\n[message_id: 2302]")]),
        entry(21, "assistant", [part("Hi!")], provider="anthropic", model="claude-opus-4-5"),
        entry(23, "assistant", [part("Hi!")], **mirror),
        entry(24, "assistant", [part("Sent elsewhere.")], **mirror),
        entry(25, "user", [part("Read HEARTBEAT.md if it exists (workspace context).")]),
        entry(
            26, "assistant", [part("HEARTBEAT_OK")], provider="anthropic", model="claude-opus-4-5",
        ),
        internal,
    )  # fmt: skip
    write(sessions / "sessions.json", json.dumps({"agent:main:main": {"sessionId": SESSION}}))
    jsonl(
        sessions / f"{SESSION}.checkpoint.0f0f0f0f-1111-4222-8333-444444444444.jsonl",
        header(),
        *pi_entries(),
    )
    jsonl(
        sessions / "old.jsonl.reset.2026-01-29T09-00-00.000Z",
        header("old", 8),
        entry(1, "user", "Before /new", 8),
    )
    jsonl(
        sessions / "gone.jsonl.deleted.2026-01-29T09-00-00.000Z",
        header("gone", 7),
        entry(1, "user", "Deleted", 7),
    )
    return folder


OPENCLAW = [
    *PI, ("user", "Hello"), ("agent", "Hi!"), ("agent", "Sent elsewhere."), ("user", "Before /new"),
]  # fmt: skip


def mom(folder: Path, *broken: str) -> Path:
    def said(ts: int, text: str, **more: Any) -> dict[str, Any]:
        message = {
            "date": f"2026-01-30T09:00:{ts:02}.500Z", "ts": f"17697636{ts:02}.123456", "user": "U1",
            "userName": "ann",
        }  # fmt: skip
        return {
            **message, "displayName": "Ann", "text": text, "attachments": [], "isBot": False,
            **more,
        }  # fmt: skip

    channel = folder / "C0ABCDEF"
    jsonl(
        channel / "log.jsonl", *broken,
        said(
            1, "How do I restart pm2?",
            attachments=[{"original": "ps.png", "local": "C0ABCDEF/attachments/1_ps.png"}],
        ),
        said(4, "None run.\nStart one.", user="bot", userName=None, displayName=None, isBot=True),
        said(6, f"{INJECTED}And logs?"),
        said(7, "", attachments=[{"original": "only.png", "local": "x"}]), said(8, INJECTED),
    )  # fmt: skip
    jsonl(channel / "context.jsonl", header(), *pi_entries())
    write(folder / "MEMORY.md", "not history")
    return folder


MOM = [
    ("user", "How do I restart pm2?"), ("tool", "no processes"), ("agent", "None run.\nStart one."),
    ("tool", "total 48\n"), ("user", "And logs?"), ("user", ""), ("tool", "it failed\u2028\x1b[2J"),
]  # fmt: skip


# --- Claude Code


def claude_line(number: int, kind: str, content: Any = None, **more: Any) -> dict[str, Any]:
    line = {
        "parentUuid": None, "isSidechain": False, "userType": "external", "cwd": "/srv/app",
        "sessionId": SESSION, "version": "2.1.251", "gitBranch": "main", "type": kind,
        "uuid": f"00000000-0000-4000-8000-{number:012d}",
        "timestamp": f"2026-01-30T09:00:{number:02}.000Z",
    }  # fmt: skip
    if content is not None:
        message = {"role": kind, "content": content}
        line["message"] = (
            {**message, "id": "msg_1", "model": "claude-opus-4-5"}
            if kind == "assistant"
            else message
        )
    return {**line, **more}


def claude_lines() -> list[Any]:
    use = {
        "type": "tool_use", "id": "toolu_1", "name": "Bash",
        "input": {"command": "pm2 ls", "text": "y" * 2001},
    }  # fmt: skip
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [part("no processes")]}
    reminded = [
        part("And the logs?"),
        part("<system-reminder>\nTodos are empty.\n</system-reminder>"),
    ]
    return [
        {"type": "summary", "summary": "pm2", "leafUuid": "x"},
        {"type": "file-history-snapshot", "messageId": "x", "snapshot": {}},
        claude_line(
            1, "user", "<local-command-caveat>Caveat: …</local-command-caveat>", isMeta=True
        ),
        claude_line(2, "user", "How do I restart pm2?"),
        claude_line(3, "assistant", [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]),
        claude_line(4, "assistant", [part("I look.")]),
        claude_line(5, "assistant", [use]),
        claude_line(6, "user", [result], toolUseResult={"stdout": "no processes"}),
        claude_line(7, "assistant", [part("None run.")]),
        claude_line(
            8,
            "user",
            "<command-name>/review</command-name>\n<command-message>review</command-message>\n"
            "<command-args>HEAD~1</command-args>",
        ),
        claude_line(9, "user", "<local-command-stdout>done</local-command-stdout>"),
        claude_line(10, "user", "<bash-input>git status</bash-input>"),
        claude_line(11, "user", "<bash-stdout>clean</bash-stdout><bash-stderr></bash-stderr>"),
        claude_line(12, "system", subtype="compact_boundary", content="Conversation compacted"),
        claude_line(
            13,
            "user",
            "This session is being continued…",
            isCompactSummary=True,
            isVisibleInTranscriptOnly=True,
        ),
        claude_line(14, "user", reminded),
        claude_line(15, "user", INJECTED),
        claude_line(16, "user", [part("[Request interrupted by user]")]),
        claude_line(17, "assistant", [part("API Error: 529")], isApiErrorMessage=True),
        claude_line(
            18,
            "attachment",
            attachment={"type": "queued_command", "prompt": "and hurry", "commandMode": "prompt"},
        ),
        claude_line(19, "attachment", attachment={"type": "total_tokens_reminder"}),
        claude_line(
            20,
            "user",
            "<task-notification>done</task-notification>",
            origin={"kind": "task-notification"},
        ),
    ]


CLAUDE = [
    ("user", "How do I restart pm2?"), ("agent", "I look."), ("tool", "no processes"),
    ("agent", "None run."), ("user", "/review HEAD~1"), ("tool", "clean"),
    ("user", "And the logs?\n"), ("user", "and hurry"), ("agent", "Found three."),
]  # fmt: skip


def claude(folder: Path, *broken: str) -> Path:
    project = folder / "-srv-app"
    jsonl(project / f"{SESSION}.jsonl", *claude_lines(), *broken)
    side = {"isSidechain": True, "agentId": "a1b2c3"}
    found = claude_line(31, "assistant", [part("Found three.")], **side)
    jsonl(
        project / SESSION / "subagents" / "agent-a1b2c3.jsonl",
        claude_line(30, "user", "Count them.", **side),
        found,
    )
    write(project / "memory" / "MEMORY.md", "- [x](x.md)\n")
    return folder


def claude_memory(folder: Path) -> Path:
    memory = folder / "-srv-app" / "memory"
    write(memory / "MEMORY.md", "- [Sessions or tokens](tokens_decision.md) — tokens\n")
    head = (
        "---\nname: Sessions or tokens\ndescription: we chose tokens: because of phones\n"
        "type: project\n---\n"
    )
    write(
        memory / "tokens_decision.md",
        f"{head}Decided by [Ann](user_ann.md), see [docs](https://example.org/a.md) and "
        "[[feedback_tests]].\n",
    )
    new = (
        'name: user_ann\ndescription: "who she is"\nmetadata: \n  node_type: memory\n'
        "  type: user\n  modified: 2026-03-02T10:00:00.000Z\n"
    )
    write(memory / "user_ann.md", f"---\n{new}---\n\nAnn likes short answers.\n")
    write(memory / "feedback_tests.md", f"Run the tests first.\n\n{INJECTED}")
    write(memory / "empty.md", "---\nname: nothing\n---\n")
    os.utime(memory / "tokens_decision.md", (1_769_783_035, 1_769_783_035))
    os.utime(memory / "feedback_tests.md", (1_769_783_035, 1_769_783_035))
    return folder


# --- exports


def node(
    id: str, parent: str | None, role: str, content: Any, time: float | None, **more: Any
) -> dict[str, Any]:
    author = {"role": role, "name": more.pop("name", None), "metadata": {}}
    if isinstance(content, str):
        content = {"content_type": "text", "parts": [content]}
    message = {
        "id": id, "author": author, "create_time": time, "content": content, "weight": 1.0,
        "recipient": "all", "metadata": {}, **more,
    }  # fmt: skip
    return {"id": id, "parent": parent, "children": [], "message": message}


def conversation(id: str = CHAT) -> dict[str, Any]:
    code = {"content_type": "code", "language": "python", "text": "print(6 * 7)"}
    picture = {
        "content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1", "width": 1,
    }  # fmt: skip
    spoken = {"content_type": "audio_transcription", "text": "and aloud", "direction": "in"}
    model = {"model_slug": "gpt-5-2"}
    nodes = [
        {"id": "root", "message": None, "parent": None, "children": ["sys"]},
        node(
            "sys", "root", "system", "", None,
            metadata={"is_visually_hidden_from_conversation": True},
        ),
        node(
            "own", "sys", "user",
            {"content_type": "user_editable_context", "user_profile": "CNC machinist"}, None,
        ),
        node(
            "u1", "own", "user",
            {"content_type": "multimodal_text", "parts": [picture, "What is this?", spoken]},
            1769763601.25, metadata={"attachments": [{"name": "pump.jpg"}]},
        ),
        node("u1b", "own", "user", "What was that?", 1769763600.0),
        node(
            "t1", "u1", "assistant", {"content_type": "thoughts", "thoughts": [{"content": "Hm."}]},
            1769763602.0,
        ),
        node(
            "r1", "t1", "assistant",
            {"content_type": "reasoning_recap", "content": "Thought for 3 s"}, 1769763602.5,
        ),
        node("c1", "r1", "assistant", code, 1769763603.0, recipient="python"),
        node(
            "o1", "c1", "tool", {"content_type": "execution_output", "text": "42"}, 1769763604.0,
            name="python",
        ),
        node("a1", "o1", "assistant", "A pump.", 1769763605.0, metadata=model),
        node(
            "h1", "a1", "user", "hidden", 1769763606.0,
            metadata={"is_visually_hidden_from_conversation": True},
        ),
        node("i1", "h1", "user", INJECTED, 1769763607.0),
        node("u2", "i1", "user", f"{INJECTED}Thanks.", None),
        node("w1", "u2", "assistant", "ctx", 1769763608.0, weight=0.0),
    ]  # fmt: skip
    return {
        "title": "Pump",
        "create_time": 1769763600.0,
        "update_time": 1769763609.0,
        "mapping": {n["id"]: n for n in nodes},
        "current_node": "w1",
        "conversation_id": id,
        "id": id,
    }


CHATGPT = [
    ("system", "Pump"), ("user", "What is this?\nand aloud"), ("tool", "42"),
    ("agent", "A pump."), ("user", "Thanks."),
]  # fmt: skip


def chatgpt(folder: Path, *broken: Any) -> Path:
    write(folder / "conversations.json", json.dumps([*broken, conversation()]))
    write(folder / "user.json", json.dumps({"email": "a@example.org"}))
    write(folder / "shared_conversations.json", "[]")
    return folder


def claude_chat(id: str = CHAT) -> dict[str, Any]:
    def message(number: int, sender: str, *content: Any, **more: Any) -> dict[str, Any]:
        uuid, time = (
            f"00000000-0000-4000-8000-{number:012d}",
            f"2026-01-30T09:00:{number:02}.123456Z",
        )
        base = {
            "uuid": uuid, "text": "This block is not supported", "content": list(content),
            "sender": sender, "created_at": time,
        }  # fmt: skip
        return {**base, "updated_at": time, "attachments": [], "files": [], **more}

    used = {"type": "tool_use", "id": "toolu_1", "name": "repl", "input": {"code": "6*7"}}
    result = {
        "type": "tool_result", "tool_use_id": "toolu_1", "name": "repl", "content": [part("42")],
        "is_error": False,
    }  # fmt: skip
    pasted = {"file_name": "paste.txt", "file_type": "txt", "extracted_content": "a long log"}
    document = {"file_name": "plan.pdf", "extracted_content": "not what was said"}
    thinking = {"type": "thinking", "thinking": "Hm."}
    return {
        "uuid": id, "name": "Sum", "summary": "They computed.",
        "created_at": "2026-01-30T09:00:00Z", "account": {"uuid": "x"},
        "chat_messages": [
            message(
                1, "human", part("What is six times seven?"), attachments=[pasted, document],
                files=[{"file_name": "a.png"}],
            ),
            message(
                2, "assistant", thinking, part("I compute."), used, result, part("42."),
                {"type": "token_budget"},
            ),
            message(3, "human", text="Old exports have text only.", content=[]),
            message(4, "human", part(INJECTED)), message(5, "assistant", part(f"{INJECTED}Yes.")),
        ],
    }  # fmt: skip


CLAUDE_AI = [
    ("system", "Sum"), ("user", "What is six times seven?\na long log"),
    ("user", "not what was said"), ("agent", "I compute."), ("tool", "42"),
    ("agent", "42."), ("user", "Old exports have text only."), ("agent", "Yes."),
]  # fmt: skip


def claude_ai(folder: Path, *broken: Any) -> Path:
    write(folder / "conversations.json", json.dumps([*broken, claude_chat()]))
    write(folder / "projects.json", "[]")
    return folder


def exported(channel: str, kind: str, *messages: dict[str, Any]) -> dict[str, Any]:
    about = {
        "id": channel, "type": kind, "categoryId": "1", "category": "Text", "name": "general",
        "topic": None,
    }  # fmt: skip
    head = {
        "guild": {"id": "1", "name": "Guild"}, "channel": about, "dateRange": {},
        "exportedAt": "2026-02-01T00:00:00+00:00",
    }  # fmt: skip
    return {**head, "messages": list(messages), "messageCount": len(messages)}


def posted(number: int, content: Any, bot: bool = False, **more: Any) -> dict[str, Any]:
    author = {
        "id": "77", "name": "ann", "discriminator": "0000", "nickname": "Ann", "isBot": bot,
        "roles": [],
    }  # fmt: skip
    time = f"2026-01-30T10:00:{number:02}.25+01:00"
    return {
        "id": str(1466730000000000000 + number), "type": "Default", "timestamp": time,
        "content": content, "author": author, "attachments": [], **more,
    }  # fmt: skip


def discord(folder: Path, *broken: Any) -> Path:
    whole = exported(
        "1334000000000000001", "GuildTextChat", *broken, posted(1, "How do I restart pm2?"),
        posted(
            2, "With pm2 restart.", bot=True, type="Reply",
            reference={"messageId": "1466730000000000001"},
        ),
        posted(3, "Ann pinned a message.", type="ChannelPinnedMessage"),
        posted(4, "", attachments=[{"id": "1", "fileName": "ps.png"}]), posted(5, ""),
        posted(6, INJECTED, bot=True), posted(7, f"{INJECTED}Thanks."),
    )  # fmt: skip
    write(folder / "Guild - general [1334000000000000001].json", json.dumps(whole, indent=2))
    write(
        folder / "Guild - a thread [1335].json",
        json.dumps(exported("1335", "GuildPublicThread", posted(9, "In a thread."))),
    )
    package = folder / "package" / "Messages"
    write(package / "index.json", json.dumps({"1336": "offtopic in Guild"}))
    write(
        package / "c13360" / "channel.json",
        json.dumps({"id": "13360", "type": "PUBLIC_THREAD", "name": "x"}),
    )
    rows = [
        {
            "ID": 1419422247004934226, "Timestamp": "2025-09-21 20:37:15", "Contents": "later",
            "Attachments": "https://cdn/1/2/a.jpg?ex=0 https://cdn/1/3/b.jpg",
        },
        {
            "ID": 897870239797215243, "Timestamp": "2021-10-13 15:35:46",
            "Contents": "my only 10/10", "Attachments": "",
        },
    ]  # fmt: skip
    write(package / "c13360" / "messages.json", json.dumps(rows))
    write(package / "c13370" / "channel.json", json.dumps({"id": "13370", "type": 0}))
    write(
        package / "c13370" / "messages.csv",
        "ID,Timestamp,Contents,Attachments\r\n897870239797215243,2021-10-13 "
        '15:35:46.000000+00:00,"two\nlines",\r\n',
    )
    write(folder / "package" / "Account" / "user.json", json.dumps({"id": "77"}))
    return folder


DISCORD = [
    ("user", "In a thread."), ("user", "How do I restart pm2?"), ("agent", "With pm2 restart."),
    ("user", ""), ("user", "Thanks."), ("user", "my only 10/10"), ("user", "later"),
    ("user", "two\nlines"),
]  # fmt: skip


def telegram_chat(id: int, kind: str, *messages: Any) -> dict[str, Any]:
    return {"name": "Ann", "type": kind, "id": id, "messages": list(messages)}


def sent(number: int, text: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "type": "message", "date": f"2026-01-30T10:00:{number:02}",
        "date_unixtime": str(1769763600 + number), "from": "Ann", "from_id": "user77",
        "text": text, "text_entities": [{"type": "plain", "text": text}], **more,
    }  # fmt: skip


def telegram(folder: Path, *broken: Any) -> Path:
    pieces = ["See ", {"type": "text_link", "text": "this", "href": "https://e.org"}, "."]
    answers = [{"text": "Neither", "voters": 2, "chosen": False}]
    service = {
        "id": 3, "type": "service", "date": "2026-01-30T10:00:03", "actor": "Ann",
        "action": "pin_message", "text": "",
    }  # fmt: skip
    ann = telegram_chat(
        77, "personal_chat", *broken, sent(2, "Second", reply_to_message_id=1), sent(1, pieces),
        service, sent(4, "", poll={"question": "Tea or coffee?", "answers": answers}),
        sent(5, "", forwarded_from="Bob", file="files/a.pdf", file_name="a.pdf"),
        sent(6, f"{INJECTED}Thanks."),
        sent(7, "Buy it.\u2028\nAnn: yes", forwarded_from="Eve\nAnn", poll={"question": "Now?"}),
    )  # fmt: skip
    bot = telegram_chat(99, "bot_chat", sent(1, "Weather?"), sent(2, "Rain.", from_id="user99"))
    chats = {"about": "Here is the list", "list": [ann, bot]}
    about = {"personal_information": {"first_name": "Ann"}, "contacts": {"list": []}}
    write(folder / "all" / "result.json", json.dumps({**about, "chats": chats}))
    old = {**sent(1, "Old."), "date_unixtime": None, "date": "2020-01-30T10:00:00"}
    one = telegram_chat(5, "private_group", old)
    write(folder / "one" / "result.json", json.dumps(one, indent=1))
    return folder


TELEGRAM = [
    ("system", "Ann"), ("user", "See this (https://e.org)."), ("user", "Second"),
    ("user", "(poll) Tea or coffee?\n- Neither: 2"), ("user", "(forwarded from Bob)"),
    ("user", "Thanks."), ("user", "(forwarded from Eve Ann)\n> Buy it.\n> Ann: yes\n> (poll) Now?"),
    ("system", "Ann"), ("user", "Weather?"), ("agent", "Rain."),
    ("system", "Ann"), ("user", "Old."),
]  # fmt: skip


def codex_lines() -> list[Any]:
    def line(second: int, kind: str, **payload: Any) -> dict[str, Any]:
        time = f"2026-01-30T09:00:{second:02}.000Z"
        return {"timestamp": time, "type": kind, "payload": payload}

    def item(second: int, role: str, text: str) -> dict[str, Any]:
        content = [{"type": "output_text" if role == "assistant" else "input_text", "text": text}]
        return line(second, "response_item", type="message", role=role, content=content)

    call = {"type": "function_call", "name": "shell", "call_id": "call_1"}
    return [
        line(0, "session_meta", id=SESSION, cwd="/srv/app", cli_version="0.46.0", source="cli"),
        item(1, "user", "<environment_context>cwd</environment_context>"),
        item(2, "user", "How do I restart pm2?"),
        line(2, "event_msg", type="user_message", message="How do I restart pm2?"),
        line(3, "turn_context", model="gpt-5-codex", effort="high"),
        line(
            4, "response_item", type="reasoning", summary=[{"type": "summary_text", "text": "Hm"}]
        ),
        item(5, "assistant", "I look."),
        line(6, "response_item", **call, arguments='{"command":["pm2","ls"]}'),
        line(7, "response_item", type="function_call_output", call_id="call_1", output="none"),
        item(8, "user", INJECTED),
        line(9, "response_item", **{**call, "call_id": "call_2"}, arguments="not JSON"),
    ]


def codex(folder: Path, *broken: str) -> Path:
    name = f"rollout-2026-01-30T09-00-00-{SESSION}.jsonl"
    jsonl(folder / "2026" / "01" / "30" / name, *codex_lines(), *broken)
    return folder


CODEX = [("user", "How do I restart pm2?"), ("agent", "I look."), ("tool", "none")]


def gemini_message(second: int, kind: str, text: str, **more: Any) -> dict[str, Any]:
    """A line of Gemini CLI's; its id is of the second."""
    time, id = (
        f"2026-01-30T09:00:{second:02}.000Z",
        f"00000000-0000-4000-8000-0000000000{second:02}",
    )
    return {"id": id, "timestamp": time, "type": kind, "content": [{"text": text}], **more}


def gemini_lines() -> list[Any]:
    """A session with a hook's text, a call, and a resume after it, as 0.61 writes it."""
    message = gemini_message
    about = {"sessionId": SESSION, "projectHash": "b2189ae6fe689678", "kind": "main"}
    context = message(0, "user", "<session_context>\nToday is Friday.\n</session_context>")
    put_in = [{"text": "<hook_context>of a hook</hook_context>"}]
    asked = message(1, "user", "How do I restart pm2?")
    whole = {**asked, "content": asked["content"] + put_in, "displayContent": asked["content"]}
    output = {"functionResponse": {"id": "call_1", "name": "shell", "response": {"output": "none"}}}
    call = {"id": "call_1", "name": "shell", "args": {"command": ["pm2", "ls"]}, "result": [output]}
    call = {**call, "status": "success", "resultDisplay": "none", "displayName": "Shell"}
    answer = message(2, "gemini", "I look.", model="gemini-2.5-flash", thoughts=[{"subject": "Hm"}])
    return [
        about, {"$set": {"messages": [context], "lastUpdated": "2026-01-30T09:00:01.000Z"}},
        whole, {**answer, "content": "I look."}, {**answer, "toolCalls": [call]},
        {**message(3, "user", ""), "content": [output]}, message(4, "info", "Update available"),
        {"$set": {"messages": [context, whole, {**answer, "toolCalls": [call]}]}},
        message(5, "user", INJECTED),
    ]  # fmt: skip


def gemini(folder: Path, *broken: str) -> Path:
    jsonl(folder / "app" / "chats" / "session-2026-01-30T09-00-00000000.jsonl",
          *gemini_lines(), *broken)  # fmt: skip
    return folder


GEMINI = CODEX


def opencode_rows() -> dict[str, list[dict[str, Any]]]:
    """The tables of opencode's database, as 1.18 wrote them."""
    start, model = 1_769_763_600_000, {"providerID": "openai", "modelID": "gpt-5"}
    tables: dict[str, list[dict[str, Any]]] = {"session": [], "message": [], "part": []}

    def session(id: str, title: str, **more: Any) -> None:
        about = {"project_id": "global", "directory": "/srv/app", "version": "1.18.33"}
        row = {"id": id, "title": title, "parent_id": None, "revert": None, "time_created": start}
        tables["session"].append({**row, **about, **more})

    def message(role: str, *parts: dict[str, Any], of: str = "ses_1", **more: Any) -> None:
        n = len(tables["message"])
        id, time = f"msg_{n:03}", start + 1000 * (n + 1)
        name = {"model": model} if role == "user" else model
        data = {"role": role, "time": {"created": time}, "agent": "build", **name, **more}
        tables["message"].append({"id": id, "session_id": of, "time_created": time, "data": data})
        for part in parts:
            known = {"id": f"prt_{len(tables['part']):03}", "message_id": id, "session_id": of}
            tables["part"].append({**known, "data": part})

    def text(said: str, **more: Any) -> dict[str, Any]:
        return {"type": "text", "text": said, **more}

    def tool(status: str, **more: Any) -> dict[str, Any]:
        state = {"status": status, "input": {"command": "pm2 ls"}, "title": "pm2 ls", **more}
        return {"type": "tool", "callID": "call_1", "tool": "bash", "state": state}

    session("ses_1", "Restarting pm2", revert=json.dumps({"messageID": "msg_006"}))
    session("ses_2", "Look for pm2", parent_id="ses_1")
    message("user", text("How do I restart pm2?"), text("Called the Read tool", synthetic=True))
    message(
        "assistant", {"type": "step-start", "snapshot": "4a"}, {"type": "reasoning", "text": "Hm."},
        text("I look."), tool("completed", output="none", time={"end": start + 2500}),
        tool("running"), {"type": "file", "mime": "text/plain", "filename": "a.txt", "url": "x"},
    )  # fmt: skip
    message("user", text(INJECTED))
    message("user", {"type": "compaction", "auto": False})
    message("assistant", text("They spoke of pm2."), summary=True)
    message("assistant", tool("error", error="disk full"))
    message("user", text("Said, and taken back."))
    message("user", text("Find it."), of="ses_2")
    return tables


def write_opencode(path: Path, tables: dict[str, Any], *broken: str) -> Path:
    def quoted(names: Any) -> str:
        return ", ".join('"' + name.replace('"', '""') + '"' for name in names)

    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db, db:
        for table, value in tables.items():
            rows = value if isinstance(value, list) else [{"value": value}]
            names = list(dict.fromkeys(name for row in rows for name in row)) or ["id"]
            db.execute(f"CREATE TABLE {quoted([table])} ({quoted(names)})")
            for row in rows:
                plain = [row.get(name) for name in names]
                values = [json.dumps(v) if isinstance(v, dict | list) else v for v in plain]
                marks = ", ".join("?" * len(names))
                db.execute(f"INSERT INTO {quoted([table])} VALUES ({marks})", values)
        for n, data in enumerate(broken):
            known = (f"prt_broken{n}", "msg_000", "ses_1", data)
            db.execute(
                "INSERT INTO part (id, message_id, session_id, data) VALUES (?,?,?,?)", known
            )
    return path


def opencode(folder: Path, *broken: str) -> Path:
    write_opencode(folder / "opencode.db", opencode_rows(), *broken)
    return folder


OPENCODE = [
    ("system", "Restarting pm2"), ("user", "How do I restart pm2?"), ("agent", "I look."),
    ("tool", "none"), ("tool", "disk full"), ("system", "Look for pm2"), ("agent", "Find it."),
]  # fmt: skip


def openclaw_memory(folder: Path) -> Path:
    write(folder / "MEMORY.md", "# Memory\n\nWe moved the server to the cellar.\n")
    write(folder / "USER.md", "Ann likes short answers.\n")
    write(folder / "AGENTS.md", "Rules for agents, no memory.\n")
    write(folder / "memory" / "2026-01-30-move.md", "Carried boxes. See [[2026-01-31]].\n")
    write(folder / "memory" / "2026-01-31.md", f"Rested.\n\n{INJECTED}")
    write(folder / "memory" / "2026-01-31.sync-conflict-20260201-101010-ABCDEFG.md", "Or not.\n")
    return folder


def pi_mind(folder: Path) -> Path:
    knowledge, raw = folder / ".pi-mind" / "knowledge", folder / ".pi-mind" / "raw"
    said = '[["alice", "owns", "auth-service"], ["alice", "is", "tall"]]'
    head = "date: 2026-01-30T10:00:00.000Z\ntype: decision\ntags: [auth, type:user]\nmood: calm sea"
    write(
        knowledge / "tokens.md",
        f"---\n{head}\ntriples: {said}\n---\nWe chose tokens. See [[Old Design]].\n",
    )
    write(knowledge / "Old Design.md", "---\ntype: reference\ndate: 2026-01-02\n---\nSessions.\n")
    write(knowledge / "index.md", "# Wiki Index\n\nAuto-generated. 2 pages.\n")
    write(raw / "compaction" / "c1.md", "---\ndate: 2026-01-30\n---\nThey spoke of pm2.\n")
    write(raw / "observations" / "o1.md", "---\ndate: 2026-01-30\n---\nThe build is slow.\n")
    write(raw / "browser" / "b1.md", "A page was read.\n")
    jsonl(raw / "sessions" / "--srv-app--" / "s.jsonl", header(), *pi_entries())
    jsonl(raw / "maintenance-log" / "m.jsonl", {"at": 1})
    settings = {"search": {"maxInjectTokens": 3000}, "embedding": {"model": "nomic-embed-text"}}
    write(folder / ".pi-mind" / "pi-mind-config.json", json.dumps(settings))
    return folder


#: name -> (what writes its files, what is to be remembered of them)
ALL: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    "pi": (pi, PI), "claude": (claude, CLAUDE), "openclaw": (openclaw, OPENCLAW), "mom": (mom, MOM),
    "chatgpt": (chatgpt, CHATGPT), "claude-ai": (claude_ai, CLAUDE_AI),
    "discord": (discord, DISCORD), "telegram": (telegram, TELEGRAM),
    "codex": (codex, CODEX), "gemini": (gemini, GEMINI), "opencode": (opencode, OPENCODE),
}  # fmt: skip
