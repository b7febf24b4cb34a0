"""Exports as the tools write them, with all that is in their folders: each word that starts with
`say` is a person's or a model's and must be content, each that starts with `left` is counted."""

import json
from typing import Any

import histories

ID = "0199a213-81c0-7800-8aa1-bbab2a035a53"


def _ai_message(id: str, sender: str, *content: Any, **more: Any) -> dict[str, Any]:
    base = {"uuid": id, "text": "", "sender": sender, "created_at": "2026-03-01T10:00:01Z"}
    return {**base, "content": list(content), "attachments": [], "files": [], **more}


def _call(call: str, tool: str, result: Any, **given: Any) -> list[Any]:
    used = {"type": "tool_use", "id": call, "name": tool, "input": given, "display_content": None}
    got = {"type": "tool_result", "tool_use_id": call, "name": tool, "content": result}
    return [used, got] if result is not None else [used]


def claude_ai() -> dict[str, Any]:
    site = {"type": "knowledge", "title": "leftTitle", "url": "https://b.org", "text": "sayFound"}
    draft = {"kind": "email", "variants": [{"label": "sayLabel", "body": "Dear sayPlumber"}]}
    asked = {"questions": [{"question": "Which sayTap?", "options": ["sayLeft", "sayRight"]}]}
    answer = [
        {"type": "thinking", "thinking": "leftThought", "summaries": [{"summary": "leftSum"}]},
        *_call("t1", "web_search", [site], query="boiler"),
        {"type": "text", "text": "sayAnswer", "citations": [{"details": {"url": "https://b.org"}}]},
        *_call("t2", "artifacts", [histories.part("OK")], id="a", type="text/markdown",
               title="sayArtifact", content="Open the saySteps", command="create"),
        *_call("t3", "create_file", [histories.part("done")], path="/p.md", description="sayFile",
               file_text="Buy a sayKey"),
        *_call("t4", "ask_user_input_v0", [histories.part("sayRight")], **asked),
        *_call("t5", "message_compose_v1", None, **draft),
        {"type": "voice_note", "title": "sayVoice", "text": "saySpoken"},
    ]  # fmt: skip
    manual = {"file_name": "manual.pdf", "file_type": "pdf", "extracted_content": "Fill saySome"}
    chat = {
        "uuid": ID, "name": "Boiler sayName", "summary": "leftSummary",
        "created_at": "2026-03-01T10:00:00Z", "account": {"uuid": "x"}, "project_uuid": "p",
        "chat_messages": [
            _ai_message("m1", "human", histories.part("My sayBoiler 4711"), attachments=[manual]),
            _ai_message("m2", "assistant", *answer, feedback={"reason": "leftFeedback"}),
        ],
    }  # fmt: skip
    doc = {"uuid": "d", "filename": "sayPolicy.txt", "content": "Ends in sayJune"}
    project = {
        "uuid": "p", "name": "sayHouse", "description": "All on sayIt", "docs": [doc],
        "prompt_template": "leftTemplate", "created_at": "2026-02-01T10:00:00Z",
    }  # fmt: skip
    starter = {**project, "name": "leftStarter", "docs": [], "is_starter_project": True}
    starter |= {"description": "leftIt", "uuid": "s"}
    memories = {"conversations_memory": "leftBath", "project_memories": {"p": "leftVaillant"}}
    return {
        "conversations.json": [chat], f"projects/{ID}.json": project, "memories.json": [memories],
        "projects.json": [starter], "users.json": [{"uuid": "x", "full_name": "Ann"}],
    }  # fmt: skip


def chatgpt() -> dict[str, Any]:
    marked = (
        "sayAnswer \ue200cite\ue202turn0search0\ue202turn1view2\ue201 \ue200filecite"
        "\ue202turn0file1\ue202L1-L5\ue201 "
        "\ue200url\ue202sayPage\ue202https://n.org/sayLink\ue201 by \ue200entity"
        '\ue202["people","Ana \\"sayBell\\"","nurse"]\ue201 \ue200entity\ue202saySister\ue201 '
        "\ue200navlist\ue202sayRecent\ue202turn0news1,turn0news2\ue201 \ue200image_group\ue202"
        '{"query":["cats"]}\ue201 \ue200video\ue202sayVideo\ue202turn0video3\ue201'
    )
    spoken = {"content_type": "multimodal_text", "parts": [
        {"content_type": "audio_transcription", "text": "sayHeard", "direction": "in"},
        {"content_type": "image_asset_pointer", "asset_pointer": "sediment://f",
         "metadata": {"dalle": {"prompt": "leftPrompt"}}}, "and sayTyped"]}  # fmt: skip
    profile = {"content_type": "user_editable_context", "user_profile": "leftNurse"}
    node = histories.node
    nodes = [
        node("s", None, "user", profile, None, metadata={"is_user_system_message": True}),
        node("u", "s", "user", spoken, 1769763600.0, metadata={"targeted_reply": "leftTarget"}),
        node("d", "u", "assistant", marked, 1769763604.0),
        node("e", "d", "assistant", '{"name":"sayRota","content":"sayEarly"}', 1769763605.0,
             recipient="canmore.create_textdoc"),
        node("f", "e", "tool", "ok", 1769763606.0, name="canmore.create_textdoc"),
    ]  # fmt: skip
    chat = {"title": "sayTitle", "conversation_id": ID, "current_node": "f", "create_time": 1.7e9}
    return {
        "conversations-000.json": [{**chat, "mapping": {one["id"]: one for one in nodes}}],
        "message_feedback.json": [{"content": "wrong day"}], "chat.html": "<html></html>",
    }  # fmt: skip


def telegram() -> dict[str, Any]:
    sent = histories.sent
    contact = {"first_name": "Joe", "last_name": "sayJoe", "phone_number": "+44 7700 900123"}
    bill = {"title": "sayTent", "description": "for sayTwo", "amount": 4999, "currency": "EUR"}
    rows = [[{"type": "callback", "text": "sayYes", "data": "x1", "dataBase64": "eDE="},
             {"type": "url", "text": "saySite", "data": "https://e.org/sayThere"}]]  # fmt: skip
    todo = {"title": "First sayPacking", "answers": [{"text": "then sayTask", "id": 1}]}
    chat = histories.telegram_chat(
        7, "private_supergroup",
        sent(1, "", location_information={"latitude": 51.381, "longitude": -2.359}),
        sent(2, "", contact_information=contact, contact_vcard="contacts/contact_1.vcard"),
        sent(3, "", invoice_information=bill), sent(4, "sayPress", inline_bot_buttons=rows),
        sent(5, "", todo_list=todo), sent(6, "", game_title="sayChess", game_link="https://t.me/x"),
        {"id": 7, "type": "message", "from": "Ann", "date": "2026-01-30T10:00:00", "text": ""},
    )  # fmt: skip
    return {"result.json": {"chats": {"list": [{**chat, "name": "sayFamily"}]}}}


def claude() -> dict[str, Any]:
    line, part = histories.claude_line, histories.part
    use = lambda id, name, **given: {"type": "tool_use", "id": id, "name": name, "input": given}
    got = lambda id, text: [{"type": "tool_result", "tool_use_id": id, "content": text}]
    option = {"label": "saySqlite", "description": "sayFast"}
    question = {"question": "Which sayStore?", "header": "db", "options": [option]}
    source = {"type": "text", "media_type": "text/plain", "data": "sayInside"}
    document = {"type": "document", "title": "sayNotes", "context": "sayFrom", "source": source}
    opened = "<ide_opened_file>leftOpened</ide_opened_file>"
    return {f"-srv-app/{histories.SESSION}.jsonl": [
        {"type": "custom-title", "customTitle": "sayNamed", "sessionId": histories.SESSION},
        line(1, "user", [part(opened), part("fix sayReal")]),
        line(2, "user", "<ide_selection>leftChosen</ide_selection>\nwhy is sayThis"),
        line(3, "user", [part(opened)]),
        line(4, "assistant", [use("t1", "ExitPlanMode", plan=f"# sayPlan {'x ' * 2000} sayLast")]),
        line(5, "user", got("t1", "sayApproved")),
        line(6, "assistant", [use("t2", "AskUserQuestion", questions=[question])]),
        line(7, "user", got("t2", "saySqlite")), line(8, "user", [part("see"), document]),
        line(9, "user", '<teammate-message teammate_id="lead">leftTeam</teammate-message>'),
    ]}  # fmt: skip


def codex() -> dict[str, Any]:
    def line(second: int, kind: str, **payload: Any) -> dict[str, Any]:
        time = f"2026-03-01T10:00:{second:02}.000Z"
        return {"timestamp": time, "type": kind, "payload": payload}

    def item(second: int, role: str, text: str) -> dict[str, Any]:
        content = [{"type": "input_text", "text": text}]
        return line(second, "response_item", type="message", role=role, content=content)

    asked = {"questions": [{"id": "q", "header": "H", "question": "sayWhich?"}]}
    typed = "<user_shell_command>\n<command>\nls leftRun\n</command>\n<result>\nsayGot\n</result>\n"
    lines = [
        line(0, "session_meta", id=ID, cwd="/srv/app"), item(1, "user", "sayFirst"),
        line(2, "response_item", type="function_call", name="request_user_input", call_id="c",
             arguments=json.dumps(asked)),
        line(3, "response_item", type="function_call_output", call_id="c", output="sayA"),
        item(4, "assistant", "sayOne"), item(5, "user", "leftWrong"),
        item(6, "assistant", "leftAnswer"), item(7, "user", "leftSteered"),
        line(8, "event_msg", type="thread_rolled_back", num_turns=2),
        item(9, "user", "sayRight"), line(9, "event_msg", type="thread_name_updated",
                                          thread_name="sayThread"),
        item(10, "user", f"{typed}</user_shell_command>"), item(11, "assistant", "sayTwo"),
        item(12, "assistant", "leftSummed"), line(12, "compacted", message="As told:\nleftSummed"),
    ]  # fmt: skip
    name = f"rollout-2026-03-01T10-00-00-{ID}"
    return {f"{name}.jsonl": lines, f"{name} 2.jsonl": lines[:8]}


def gemini() -> dict[str, Any]:
    """Resumed, taken back, and compacted: what was said stands in it several times."""
    say = histories.gemini_message
    hooked = (
        f"<hook_context>{histories.INJECTED.replace('<', '&lt;')}</hook_context>\n\n - sayAsked"
    )
    typed = {"content": [{"text": "@a leftFile"}], "displayContent": [{"text": "saySee @a"}]}
    asked = {"id": "q", "name": "ask_user_input", "args": {"question": "sayWhich?"}}
    wrong, again = say(9, "user", "leftWrong"), say(12, "user", "leftAgain")
    snapshot = "<scratchpad>leftThought</scratchpad><state_snapshot>Taxes.</state_snapshot>"
    agreed = "Got it. Thanks for the additional context!"
    anew = [
        say(13, "user", snapshot), say(14, "gemini", agreed), say(15, "user", hooked),
        say(16, "user", "sayUnknown"), {**again, "id": "copied"},
    ]  # fmt: skip
    return {"tmp/app/chats/session-2026-03-01T10-00-00000000.jsonl": [
        {"sessionId": histories.SESSION, "projectHash": "0", "memoryScratchpad": {"a": "b"}},
        say(1, "user", hooked), say(2, "gemini", "sayAnswer"), {**say(3, "user", ""), **typed},
        {"$set": {"messages": [say(2, "gemini", "sayAnswer")], "summary": "sayNamed"}},
        say(8, "gemini", "", toolCalls=[asked]), wrong, say(10, "gemini", "leftAnswer"),
        {"$rewindTo": wrong["id"]}, say(11, "user", "sayRight"), again,
        {"$set": {"messages": anew}}, {"$set": {"messages": anew}}, {"$rewindTo": "copied"},
    ], "tmp/app/chats/session-2026-02-01T10-00-00000001.json": {
        "sessionId": "old", "messages": [say(1, "user", "sayOld"), say(2, "gemini", "sayNew")],
    }}  # fmt: skip


def claude_memory() -> dict[str, Any]:
    folder = "projects/-srv-app/memory"
    index = "# Memory\n- [Auth](auth.md) \u2014 tokens\n"
    other = "projects/-srv-b/memory"
    page = "We chose sayTokens because of the phones that people have. " * 3
    return {
        f"{folder}/MEMORY.md": f"{index}- the server is sayBlue\n", f"{folder}/auth.md": page,
        f"{other}/MEMORY.md": index, f"{other}/auth.md": "sayOther", f"{folder}/auth 2.md": page,
        f"{folder}/notes.txt": "no page", f"{folder}/auth (conflicted copy 2026).md": "not this",
    }  # fmt: skip


def openclaw_memory() -> dict[str, Any]:
    return {"memory.md": "saySmall", "USER.md": "sayBob", "TOOLS.md": "cameras",
            "memory/2026-03-01.md": "saySoup"}  # fmt: skip


#: by tool: its files, and what is told of those that are not read
EXPORTS: dict[str, tuple[Any, set[str]]] = {
    "claude-ai": (claude_ai, {"file 'users.json'"}),
    "chatgpt": (chatgpt, {"file 'message_feedback.json'", "file 'chat.html'"}),
    "telegram": (telegram, set()), "claude": (claude, set()), "codex": (codex, set()),
    "gemini": (gemini, set()),
    "claude-memory": (claude_memory, {"file in 'projects'", "copy of a synchroniser", "index"}),
    "openclaw-memory": (openclaw_memory, {"file 'TOOLS.md'"}),
}  # fmt: skip
