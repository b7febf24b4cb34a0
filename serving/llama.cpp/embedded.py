"""llama.cpp's server out of this checkout's packages (xllamacpp), for a machine without
llama-server.

Started by `serve`, which sets the variables. Serves one conversation at a time, on the CPU. Fetches
nothing.
"""

import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from plainmind.ground.errors import MISCONFIGURED, Failure, Misconfigured, Unavailable
from plainmind.ground.installation import tell_missing
from plainmind.providers import openmp
from plainmind.providers.chat_embedded import THREADS, find_weights

ENDS = {signal.SIGINT, signal.SIGTERM}
CONTEXT = 4096  # tokens; what agent-turn takes for the window of a model of this name


def main() -> None:
    # before the server's threads start: they inherit it
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        server = start_server(os.environ)
    except Failure as failure:
        print(f"serve: {failure}", file=sys.stderr)
        sys.exit(failure.code)
    except ModuleNotFoundError as error:
        print(f"serve: {tell_missing(error.name or '')}", file=sys.stderr)
        sys.exit(MISCONFIGURED)
    print(f"serve: {server.listening_address}/v1", file=sys.stderr, flush=True)
    signal.sigwait(ENDS)


def start_server(env: Mapping[str, str]) -> Any:
    """A server that answers; it stops when it is collected."""
    model = env.get("LLAMA_ARG_MODEL") or find_weights()
    small = model == find_weights()
    threads = min(openmp.count_cores(), THREADS) if small else openmp.count_cores()
    with openmp.settings(threads):
        try:
            import xllamacpp
        except ModuleNotFoundError:
            raise
        except ImportError as error:  # libgomp.so.1 is the system's, and a bare system has none
            raise Unavailable(
                f"llama.cpp does not load: {error}", cure="install libgomp1"
            ) from None
        params = xllamacpp.CommonParams()
        params.model.path = model
        params.model_alias = {
            env.get("LLAMA_ARG_ALIAS") or os.path.basename(model).removesuffix(".gguf")
        }
        params.n_ctx = read_number(env, "LLAMA_ARG_CTX_SIZE", CONTEXT)
        params.n_parallel = 1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.cache_ram_mib = 0
        if small:  # left alone it goes round in circles
            sampling = params.sampling
            sampling.temp, sampling.penalty_repeat, sampling.penalty_last_n = 0, 1.15, 256
        params.hostnames = [env["LLAMA_ARG_HOST"]]
        params.port = read_number(env, "LLAMA_ARG_PORT", 8080)
        params.api_keys = read_keys(env)
        params.cors_origins = env["LLAMA_ARG_CORS_ORIGINS"]
        params.ui = params.endpoint_slots = False
        params.verbosity = 1  # errors
        try:
            return xllamacpp.Server(params)
        except RuntimeError as error:
            place = f"{params.hostnames[0]}:{params.port}"
            cure = f"is {place} taken, or is '{os.path.basename(model)}' not a GGUF file?"
            raise Unavailable(str(error).strip().rstrip("."), cure=cure) from None


def read_keys(env: Mapping[str, str]) -> list[str]:
    """The keys that open the server, as llama-server reads them.

    None opens it to everybody on the machine.
    """
    keys = env.get("LLAMA_API_KEY", "").split(",")
    if path := env.get("LLAMA_ARG_API_KEY_FILE"):
        with open(path, encoding="utf-8") as file:
            keys += [line for line in file.read().splitlines() if not line.startswith("#")]
    return [key for key in keys if key]


def read_number(env: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(env.get(name) or default)
    except ValueError:
        raise Misconfigured(f"{name} is not a number", cure="write digits, or unset it") from None


main()
