"""`command:PROGRAM`: any program as the model. The request's JSON on its standard input, the reply's on its output.

The reply is {"text": …} or {"content": …}, with "tool_calls" in OpenAI's form and "usage" if there are any.
"""

import json
import os
import shlex
import signal
import subprocess
from typing import Any

from ..ground.environment import Environment
from ..ground.errors import BadData, Misconfigured, Unavailable
from .chat_openai import WINDOW, reply_from
from .chatting import Reply

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "MIND_HOME")


class Command:
    profile = "full"
    context_tokens = WINDOW

    def __init__(self, name: str, env: Environment, settings: Any):
        try:
            self._words = shlex.split(name)
        except ValueError as error:
            raise Misconfigured(f"turn.model: '{name}': {error}", cure="mend the quotes") from None
        if not self._words:
            raise Misconfigured("turn.model: no program", cure="write command:PROGRAM")
        self.name = f"command:{name}"
        self._timeout = settings["turn.timeout"]
        self._environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}

    def complete(self, request: dict[str, Any]) -> Reply:
        program = self._words[0]
        try:
            process = subprocess.Popen(
                self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environment, start_new_session=True
            )
        except OSError as error:
            raise Misconfigured(f"turn.model: '{program}': {(error.strerror or str(error)).lower()}", cure="check the path") from None
        try:
            out, _ = process.communicate(json.dumps(request).encode(), timeout=self._timeout)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"'{program}' did not answer within {self._timeout:g} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode == 65:
            raise BadData(f"'{program}' refused the request")
        if process.returncode:
            raise Unavailable(f"'{program}' ended with {process.returncode}")
        try:
            answer = json.loads(out)
            message = {"content": answer.get("text", answer.get("content")), "tool_calls": answer.get("tool_calls")}
        except (ValueError, AttributeError):
            raise Unavailable(f"'{program}' answered no JSON object") from None
        return reply_from({"choices": [{"message": message}], "usage": answer.get("usage")}, f"'{program}'")._replace(
            usage=answer.get("usage") or {}
        )
