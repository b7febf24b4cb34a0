"""One loopback server that is many providers, each with its rule about its own messages.

A request that breaks the rule gets a 400 in the provider's words, and is noted. What is answered
depends on the request alone: first two calls at once, then one, then the reply.
"""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback import listening

Json = dict[str, Any]
STEPS = [["echo one", "echo two"], ["echo three"]]  # the commands of each answer
THOUGHT = "SECRET THOUGHT"  # in every answer of a model that thinks


class Refused(Exception):
    pass


def need(what: Any, told: str) -> None:
    if not what:
        raise Refused(told)


def call_id(step: int, number: int) -> str:
    return f"c{step}{number}"


def after_user(messages: list[Json], role: str = "role") -> tuple[list[Json], list[Json]]:
    """(what came before the last message of the user, what comes after it)."""
    last = max(n for n, m in enumerate(messages) if m[role] == "user" and "tool_calls" not in m)
    return messages[: last + 1], messages[last + 1 :]


def openai_message(step: int, extra: Callable[[int], Json]) -> Json:
    if step == len(STEPS):
        return {"role": "assistant", "content": "Done.", **extra(step)}
    calls = [
        # spaces that no JSON of ours has: what comes back must be what was sent
        {"id": call_id(step, n), "type": "function",
         "function": {"name": "bash", "arguments": f'{{ "command" :  "{command}"}}'}}
        for n, command in enumerate(STEPS[step])
    ]  # fmt: skip
    return {"role": "assistant", "content": None, "tool_calls": calls, **extra(step)}


def openai_rule(messages: list[Json], extra: Callable[[int], Json]) -> int:
    """OpenAI's: each answer as it was, then a result for each of its calls. How many answers there
    are in the turn."""
    _, turn = after_user(messages)
    step = 0
    while turn:
        asked, turn = turn[0], turn[1:]
        sent = {k: v for k, v in openai_message(step, extra).items() if v is not None}
        came = {k: v for k, v in asked.items() if v is not None}
        need(came == sent, f"not the message that was sent: {came}")
        for call in asked["tool_calls"]:
            need(turn and turn[0]["role"] == "tool", "an assistant message with 'tool_calls' must "
                 "be followed by tool messages responding to each 'tool_call_id'")  # fmt: skip
            need(turn[0]["tool_call_id"] == call["id"], "the results are in another order")
            turn = turn[1:]
        step += 1
    return step


def plain(messages: list[Json]) -> Json:
    extra = lambda step: {}
    return openai_message(openai_rule(messages, extra), extra)


def deepseek(messages: list[Json]) -> Json:
    """`reasoning_content` in every message of the model's; of earlier turns, no thoughts."""
    extra = lambda step: {"reasoning_content": f"{THOUGHT} {step}"}
    before, _ = after_user(messages)
    for message in messages:
        need(message["role"] != "assistant" or "reasoning_content" in message,
             "Missing `reasoning_content` field in the assistant message")  # fmt: skip
    need(THOUGHT not in json.dumps(before), "thoughts of an earlier turn")
    return openai_message(openai_rule(messages, extra), extra)


def openrouter(messages: list[Json]) -> Json:
    """`reasoning_details` as they came, signature and order too."""
    extra = lambda step: {
        "reasoning": THOUGHT,
        "reasoning_details": [
            {"type": "reasoning.text", "text": THOUGHT, "signature": f"s{step}", "index": 0},
            {"type": "reasoning.encrypted", "data": "AAA=", "id": "rs_1", "index": 1},
        ],
    }
    before, _ = after_user(messages)
    need("reasoning" not in json.dumps(before), "Invalid `signature` in `thinking` block")
    return openai_message(openai_rule(messages, extra), extra)


def groq(messages: list[Json]) -> Json:
    """It thinks, but refuses its own thoughts."""
    for number, message in enumerate(messages):
        for key in set(message) - {"role", "content", "tool_calls", "tool_call_id"}:
            told = f"for 'role:assistant' the following must be satisfied[('messages.{number}'"
            raise Refused(f"{told} : property '{key}' is unsupported)]")
    step = openai_rule(messages, lambda step: {})
    return openai_message(step, lambda step: {"reasoning": THOUGHT})


def gemini_parts(step: int) -> list[Json]:
    signature = base64.b64encode(f"gemini {step}".encode()).decode()
    if step == len(STEPS):
        return [{"text": "Done.", "thoughtSignature": signature}]
    parts: list[Json] = [
        {"functionCall": {"name": "bash", "args": {"command": command}}} for command in STEPS[step]
    ]
    parts[0]["thoughtSignature"] = signature  # of parallel calls, the first has one
    return [{"text": THOUGHT, "thought": True}, *parts]


def gemini(contents: list[Json]) -> Json:
    """Calls in one content with their signature, then all of their results in one."""
    known = {part.get("thoughtSignature") for step in range(3) for part in gemini_parts(step)}
    is_message = lambda c: c["role"] == "user" and "text" in c["parts"][-1]
    last = max(n for n, content in enumerate(contents) if is_message(content))
    need(THOUGHT not in json.dumps(contents[: last + 1]), "thoughts of an earlier turn")
    for content in contents:
        for part in content["parts"]:
            signature = part.get("thoughtSignature")
            need(signature is None or signature in known, "Corrupted thought signature.")
    turn, step = contents[last + 1 :], 0
    for asked, results in zip(turn[::2], turn[1::2], strict=True):
        calls = [part for part in asked["parts"] if "functionCall" in part]
        need(calls and "thoughtSignature" in calls[0],
             "Function call is missing a thought_signature in functionCall parts.")  # fmt: skip
        came = [{**part, "functionCall": {k: v for k, v in part["functionCall"].items() if v}}
                if "functionCall" in part else part for part in asked["parts"]]  # fmt: skip
        need(came == gemini_parts(step), f"not the content that was sent: {came}")
        answered = [part for part in results["parts"] if "functionResponse" in part]
        need(
            len(answered) == len(calls),
            "Please ensure that the number of function response parts is equal to the number of "
            "function call parts of the function call turn.",
        )
        step += 1
    return {
        "candidates": [
            {"content": {"role": "model", "parts": gemini_parts(step)}, "finishReason": "STOP"}
        ]
    }


def ollama_message(step: int) -> Json:
    if step == len(STEPS):
        return {"role": "assistant", "content": "Done.", "thinking": THOUGHT}
    calls = [{"function": {"name": "bash", "arguments": {"command": c}}} for c in STEPS[step]]
    return {
        "role": "assistant",
        "content": "",
        "thinking": f"{THOUGHT} {step}",
        "tool_calls": calls,
    }


def ollama(messages: list[Json]) -> Json:
    """Thoughts, text and calls in one message, then a named result each."""
    before, turn = after_user(messages)
    need(THOUGHT not in json.dumps(before), "thoughts of an earlier turn")
    step = 0
    while turn:
        asked, turn = turn[0], turn[1:]
        need(asked == ollama_message(step), f"not the message that was sent: {asked}")
        for call in asked["tool_calls"]:
            need(turn and turn[0]["role"] == "tool", "a call without a result")
            need(turn[0]["tool_name"] == call["function"]["name"], "no tool_name")
            turn = turn[1:]
        step += 1
    return {"message": ollama_message(step), "done": True, "done_reason": "stop"}


#: setting -> rule
MODELS = {
    "openai:plain": plain,
    "openai:deepseek-v4": deepseek,
    "openai:openrouter": openrouter,
    "openai:groq": groq,
    "google:gemini-3-pro": gemini,
    "ollama:gpt-oss": ollama,
}


class Ruled:
    def __init__(self) -> None:
        self.url = ""
        self.lenient = False  # what is not its own is no message it sent, and that is all right
        self.refused: list[str] = []
        self.requests: list[Json] = []

    def answer(self, path: str, body: Json) -> tuple[int, Json]:
        self.requests.append(body)
        try:
            if ":generateContent" in path:
                return 200, gemini(body["contents"])
            if path == "/api/chat":
                return 200, ollama(body["messages"])
            message = MODELS[f"openai:{body['model']}"](body["messages"])
            return 200, {"choices": [{"message": message, "finish_reason": "stop"}]}
        except Refused as refused:
            self.refused.append(str(refused))
            return 400, {"error": {"message": str(refused), "code": 400}}


@contextmanager
def ruling() -> Iterator[Ruled]:
    ruled = Ruled()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = ruled.answer(self.path, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with listening(Handler) as ruled.url:
        yield ruled
