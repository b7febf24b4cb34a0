"""Ollama and OpenAI-compatible embedders: loopback servers, and llama.cpp's real one."""

import math

import pytest
from plainmind.ground.errors import BadData, Misconfigured, Unavailable
from plainmind.providers.embed_http import OllamaEmbedder, OpenAIEmbedder
from provider_servers import dribbles, hangs, resets, says


@pytest.fixture
def ollama(env, settings, monkeypatch):
    def start(server, name=""):
        monkeypatch.setenv("OLLAMA_HOST", server.url.removeprefix("http://"))
        return OllamaEmbedder(name, env, settings)

    return start


@pytest.fixture
def openai(env, settings, monkeypatch):
    def start(url, name=""):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        return OpenAIEmbedder(name, env, settings)

    return start


def rows(vectors):
    return {"data": [{"index": n, "embedding": v} for n, v in enumerate(vectors)]}


def test_ollama(serve, ollama):
    server = serve(says(lambda seen: {"embeddings": [[3.0, 4.0]] * len(seen.body["input"])}))
    embedder = ollama(server)
    assert (embedder.model, embedder.dimensions) == ("ollama:nomic-embed-text", None)
    assert embedder.local
    made = embedder.passages(["a", ""])
    assert [round(x, 5) for x in made[0]] == [0.6, 0.8]
    assert embedder.dimensions == 2
    embedder.query("why?")
    assert [seen.body["input"] for seen in server.seen] == [
        ["search_document: a", "search_document:  "],
        ["search_query: why?"],
    ]
    assert server.seen[0].path == "/api/embed"
    ollama(server, "mxbai-embed-large").query("why?")
    assert server.seen[2].body["input"] == ["why?"]


def test_ollama_without_the_model(serve, ollama):
    with pytest.raises(Misconfigured, match="not found"):
        ollama(serve(says({"error": 'model "x" not found, try pulling it first'}, 404))).query("x")


def test_a_model_that_changes_its_length_is_refused(serve, ollama):
    embedder = ollama(
        serve(says({"embeddings": [[1.0, 2.0]]}), says({"embeddings": [[1.0, 2.0, 3.0]]}))
    )
    embedder.query("x")
    with pytest.raises(Unavailable, match="lengths: 2, 3"):
        embedder.query("x")


def test_openai(serve, openai, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary-1234567")
    server = serve(
        says({"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [5, 0]}]})
    )
    made = openai(server.url + "/v1/").passages(["a", "b"])
    assert [list(v) for v in made] == [[1, 0], [0, 1]]
    seen = server.seen[0]
    assert (seen.path, seen.headers["authorization"]) == ("/v1/embeddings", "Bearer canary-1234567")
    assert seen.body == {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "encoding_format": "float",
    }


WRONG = [
    b"no",
    [],
    {},
    {"data": 3},
    {"data": [{}]},
    rows([]),
    rows([[1.0]] * 2),
    rows([[math.nan]]),
    rows([[0.0]]),
    rows([["a"]]),
    rows([None]),
    {"data": [{"index": None, "embedding": [1]}, {"index": 1}]},
]


@pytest.mark.parametrize("answer", WRONG)
def test_wrong_answers(serve, openai, ollama, answer):
    with pytest.raises(Unavailable):
        openai(serve(says(answer)).url).query("x")
    theirs = (
        {"embeddings": [row.get("embedding") for row in answer["data"]]}
        if isinstance(answer, dict) and isinstance(answer.get("data"), list)
        else answer
    )
    with pytest.raises(Unavailable):
        ollama(serve(says(theirs)).url and serve(says(theirs))).query("x")


@pytest.mark.parametrize(
    "answer", [hangs, resets, dribbles(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")]
)
def test_faults_are_bounded(serve, openai, ollama, settings, answer):
    settings.override("embed.timeout", 0.3)
    for embedder in (openai(serve(answer).url), ollama(serve(answer))):
        with pytest.raises(Unavailable):
            embedder.query("x")


def test_ollama_gets_five_seconds_at_most(serve, ollama, settings):
    settings.override("embed.timeout", 60.0)
    assert ollama(serve(hangs))._timeout == 5


def test_real_llama_cpp(llama_embedding, openai):
    embedder = openai(llama_embedding, "smollm2")
    made = embedder.passages(
        ["The cat sleeps.", "A cat is sleeping.", "Interest rates rose again in March."]
    )
    assert embedder.dimensions == len(made[0]) == 576
    cosine = lambda a, b: sum(x * y for x, y in zip(a, b, strict=True))
    assert cosine(made[0], made[1]) > cosine(made[0], made[2])
    assert embedder.local


def test_real_llama_cpp_refuses_a_text_longer_than_its_batch_for_good(llama_embedding, openai):
    """It says 500; but no retry makes the text shorter."""
    with pytest.raises(BadData, match="too large"):
        openai(llama_embedding, "smollm2").passages(["word " * 400])
