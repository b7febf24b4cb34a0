"""What every test of a provider starts from: no network, no key, and servers of its own."""

import socket
import subprocess
import sys

import pytest
from plainmind.ground.environment import Environment
from plainmind.ground.settings import Settings
from provider_servers import Server
from scene import PATIENCE

_PROVIDER_VARIABLES = (
    "OPENAI_BASE_URL", "OPENAI_MODEL", "OLLAMA_HOST", "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_API_VERSION", "http_proxy", "https_proxy",
    "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Nothing of the machine's owner, and no way out of the machine."""
    for name in _PROVIDER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    connect = socket.socket.connect

    def only_here(self, address):
        assert not isinstance(address, tuple) or address[0] in ("127.0.0.1", "::1"), (
            f"a test calls {address}"
        )
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)


@pytest.fixture
def env() -> Environment:
    return Environment()


@pytest.fixture
def settings() -> Settings:
    """The defaults, but as much patience as a loopback server needs."""
    made = Settings("", "", lambda name: "")
    made.override("embed.timeout", PATIENCE)
    made.override("turn.timeout", PATIENCE)
    return made


@pytest.fixture
def serve():
    servers: list[Server] = []

    def start(*answers) -> Server:
        servers.append(Server(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


_LLAMA = """
import os, sys
os.environ["OMP_WAIT_POLICY"] = "passive"
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.verbosity, params.warmup = sys.argv[1], -1, False
params.n_parallel, params.n_ctx = 1, 2048
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
if sys.argv[2] == "embedding":
    params.embedding = True
    params.n_batch = params.n_ubatch = 128
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
os._exit(0)
"""


def _llama(kind: str):
    from plainmind.providers.chat_embedded import find_weights

    process = subprocess.Popen(
        [sys.executable, "-c", _LLAMA, find_weights(), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin and process.stdout
    url = process.stdout.readline().decode().strip()
    assert url.startswith("http://"), "llama.cpp's server did not start"
    yield url + "/v1"
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


@pytest.fixture(scope="session")
def _llama_chatting():
    yield from _llama("chat")


@pytest.fixture(scope="session")
def _llama_embedding():
    yield from _llama("embedding")


@pytest.fixture
def llama(_llama_chatting, settings) -> str:
    """Base URL of a real llama.cpp server that chats."""
    settings.override("turn.timeout", 60.0)  # it thinks, and the machine may be busy
    return _llama_chatting


@pytest.fixture
def llama_embedding(_llama_embedding, settings) -> str:
    """Base URL of a real llama.cpp server that embeds, at most 128 tokens a text."""
    settings.override("embed.timeout", 60.0)
    return _llama_embedding
