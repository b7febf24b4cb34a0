"""`command:PROGRAM`: any program as the model, a request's JSON its input, a reply's its output.

The reply is {"text": …} or {"content": …}, with "tool_calls" in OpenAI's form and "usage" if there
are any; whatever else it has comes back with the message when its calls have results. The program
may end with 65 (it refuses the request), 78 (it is not set up), or anything else but 0 (try again).
"""

import os
import select
import shlex
import signal
import subprocess
import tempfile
from typing import Any

from ..ground import clock
from ..ground.environment import Environment
from ..ground.errors import BAD_DATA, MISCONFIGURED, BadData, Misconfigured, Unavailable
from . import answer_json, http
from .chat import SIZE, JsonObject, OnText, Reply, ReplyBuilder, drop_native, find_native
from .traits import traits_of

#: variables; nothing else, so that no secret reaches the program by accident
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "MIND_HOME")

MOST = 16 * 1024 * 1024  # bytes of an answer
#: what of a reply is about its message
_NO_MESSAGE = ("role", "text", "content", "usage", "model", "finish_reason")


class CommandChat:
    def __init__(self, name: str, env: Environment, settings: Any):
        try:
            self._words = shlex.split(name)
        except ValueError as error:
            what = f"turn.model: '{name}': {str(error).lower()}"
            raise Misconfigured(what, cure="fix the quotes") from None
        if not self._words:
            raise Misconfigured("turn.model: no program", cure="write command:PROGRAM")
        self.name = self.by = f"command:{name}"
        self._known = traits_of(self.name)
        self.profile, self.tools, self.context_tokens = self._known[:3]
        self._timeout = settings["turn.timeout"]
        self._environment = {key: env.get(key) for key in PASSED_ON if env.get(key)}

    def complete(self, request: JsonObject, on_text: OnText | None = None) -> Reply:
        who = f"'{self._words[0]}'"
        messages = [find_native(m, self.name) or drop_native(m) for m in request["messages"]]
        out = self._run(who, http.encode({**request, "messages": messages}))
        is_cut = len(out) > MOST
        answer = _object(answer_json.close_cut(out[:MOST]) if is_cut else out, who)
        builder = ReplyBuilder(who, request, on_text, self._known)
        builder.cure = 'have it print {"text": "…"}'
        usage = answer.get("usage")
        builder.count_tokens(usage, "prompt_tokens", "completion_tokens")
        builder.count_tokens(usage, "input_tokens", "output_tokens")
        builder.finish = SIZE if is_cut else str(answer.get("finish_reason") or "")
        builder.model = str(answer.get("model") or "")
        builder.add_calls(answer.get("tool_calls"))
        builder.add_text(text := answer.get("text") or answer.get("content"))
        builder.add_refusal(answer.get("refusal"))
        message = {key: value for key, value in answer.items() if key not in _NO_MESSAGE}
        message = {"role": "assistant", "content": text, **message}
        builder.native = {"by": self.name, "message": message}
        return builder.build()

    def _run(self, who: str, data: bytes) -> bytes:
        with tempfile.TemporaryFile() as given:
            given.write(data)
            given.seek(0)
            options: JsonObject = {"env": self._environment, "start_new_session": True}
            try:
                process = subprocess.Popen(
                    self._words, stdin=given, stdout=subprocess.PIPE, **options
                )
            except OSError as error:
                what = f"turn.model: {who}: {(error.strerror or str(error)).lower()}"
                raise Misconfigured(what, cure="check the program") from None
            try:
                out = self._output(who, process)
            finally:
                _end(process)
        if len(out) > MOST:  # it was not let end
            return out
        if process.returncode == BAD_DATA:
            raise BadData(f"{who} refused the request")
        if process.returncode == MISCONFIGURED:
            raise Misconfigured(f"{who} is not set up", cure="see what it said")
        if process.returncode:
            raise Unavailable(f"{who} ended with {process.returncode}")
        return out

    def _output(self, who: str, process: subprocess.Popen) -> bytes:
        """What it prints until it ends, or little more than MOST; what it leaves running with our
        pipe is not waited for."""
        assert process.stdout
        out, end = bytearray(), clock.monotonic() + self._timeout
        while (left := end - clock.monotonic()) > 0:
            # asked before the look: what it has printed is in the pipe then
            is_over = process.poll() is not None
            wait = 0.0 if is_over else min(left, 0.05)
            ready, _, _ = select.select([process.stdout], [], [], wait)
            piece = os.read(process.stdout.fileno(), 65536) if ready else b""
            out += piece
            if len(out) > MOST:
                return bytes(out)
            if not piece and (ready or is_over):
                try:
                    process.wait(max(left, 0.01))
                    return bytes(out)
                except subprocess.TimeoutExpired:
                    break
        raise Unavailable(f"{who} did not answer within {self._timeout:g} s")


def _end(process: subprocess.Popen) -> None:
    """End a program that is still there with all it started, which is gone when this returns."""
    if _is_there(process.pid):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        end = clock.monotonic() + 1  # not for ever: nobody may be there to bury the group's dead
        while _is_there(process.pid) and clock.monotonic() < end:
            clock.sleep(0.005)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return False
    return True


def _object(out: bytes, who: str) -> JsonObject:
    try:
        answer = answer_json.parse(out, who)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Unavailable(f"{who} did not answer with a JSON object")
    return answer
