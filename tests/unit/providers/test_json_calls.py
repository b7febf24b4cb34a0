import json

import pytest
from plainmind.providers.chat import Reply
from plainmind.providers.json_calls import translate_reply, translate_request
from provider_servers import CALLED, TOOL, asking


def test_a_request_without_native_calls():
    request = asking("List the files.", *CALLED, tools=[TOOL])
    before = json.dumps(request)
    messages, schema = translate_request(request)
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]
    assert messages[0]["content"].startswith("Be brief.\n\nReply with one JSON object")
    assert "'bash'" in messages[0]["content"]
    assert messages[2] == {"role": "assistant", "content": '{"command": "ls"}'}
    assert messages[3] == {"role": "user", "content": "Result:\na.txt"}
    assert [list(form["properties"]) for form in schema["anyOf"]] == [
        ["command", "timeout"],
        ["answer"],
    ]
    assert json.dumps(request) == before


def test_a_request_without_a_tool_asks_for_plain_text():
    messages, schema = translate_request(asking("Hi.", *CALLED))
    assert schema is None
    assert messages[0]["content"] == "Be brief."


def test_a_request_without_a_system_message_gets_one():
    request = asking(tools=[TOOL])
    messages, _ = translate_request({**request, "messages": request["messages"][1:]})
    assert [m["role"] for m in messages] == ["system", "user"]


@pytest.mark.parametrize(
    ("text", "said", "command"),
    [
        ('{"answer": "Hello."}', "Hello.", None),
        ('```json\n{"answer": "Hello."}\n```', "Hello.", None),
        ('Sure! {"command": "ls -l", "timeout": 5}', "", "ls -l"),
        ('{"command": "echo {}"}{"command": "rm x"}', "", "echo {}"),
        ('{"command": "a\nb"}', "", "a\nb"),
        ("Plain words.", "Plain words.", None),
        ("Use {braces} so.", "Use {braces} so.", None),
        ('{"other": 1}', '{"other": 1}', None),
        ('{"answer": 7}', '{"answer": 7}', None),
        ("{" * 20_000, "{" * 20_000, None),
    ],
)
def test_replies(text, said, command):
    reply = translate_reply(Reply(text, [], {}), asking(tools=[TOOL]))
    assert reply.text == said
    assert [json.loads(call.arguments)["command"] for call in reply.calls] == (
        [command] if command else []
    )
    assert all(call.name == "bash" for call in reply.calls)


def test_a_command_is_no_call_where_there_is_no_tool():
    assert translate_reply(Reply('{"command": "ls"}', [], {}), asking()).calls == []


def test_calls_of_one_conversation_have_different_ids():
    first = translate_reply(Reply('{"command": "ls"}', [], {}), asking(tools=[TOOL])).calls[0]
    second = translate_reply(
        Reply('{"command": "ls"}', [], {}), asking("Hi.", *CALLED, tools=[TOOL])
    ).calls[0]
    assert first.id != second.id
