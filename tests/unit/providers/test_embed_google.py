"""The real google-genai against a loopback server that speaks its wire format."""

import subprocess
import sys

import pytest
from plainmind.ground.errors import BadData, Misconfigured, Unavailable
from plainmind.providers.embed_google import GoogleEmbedder
from provider_servers import dribbles, hangs, resets, says

MODELS = ["gemini-embedding-2", "gemini-embedding-001"]


def vectors(seen):
    """One vector a request of the batch: its place, and the length asked for."""
    asked = seen.body["requests"]
    return {
        "embeddings": [
            {"values": [float(n + 1)] + [0.5] * (r.get("outputDimensionality", 2) - 1)}
            for n, r in enumerate(asked)
        ]
    }


@pytest.fixture
def google(env, settings, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "canary-key-1234567")
    settings.override("embed.dimensions", 4)

    def start(server, name="gemini-embedding-2"):
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        return GoogleEmbedder(name, env, settings)

    return start


@pytest.mark.parametrize("name", MODELS)
def test_one_vector_a_text(serve, google, name):
    server = serve(says(vectors))
    made = google(server, name).passages([f"text {n}" for n in range(100)])
    assert len(made) == 100
    assert len(server.seen) == 1
    assert all(abs(sum(x * x for x in vector) - 1) < 1e-6 for vector in made)
    assert made[0][0] < made[1][0] < made[99][0]
    assert [len(r["content"]["parts"]) for r in server.seen[0].body["requests"]] == [1] * 100


def test_what_a_text_is_for_is_told_each_model_in_its_way(serve, google):
    server = serve(says(vectors))
    for name in MODELS:
        embedder = google(server, name)
        embedder.passages(["a\0b \udc80"])
        embedder.query("why?")
    asked = [
        (
            s.body["requests"][0]["content"]["parts"][0]["text"],
            s.body["requests"][0].get("taskType"),
        )
        for s in server.seen
    ]
    assert asked == [
        ("title: none | text: a b ?", None),
        ("task: search result | query: why?", None),
        ("a b ?", "RETRIEVAL_DOCUMENT"),
        ("why?", "RETRIEVAL_QUERY"),
    ]


@pytest.mark.parametrize("version", ["", "beta", "v1alpha"])
@pytest.mark.parametrize("name", MODELS)
def test_a_query_through_requests_is_the_request_of_the_client(
    serve, google, name, version, monkeypatch
):
    monkeypatch.setenv("GOOGLE_GENAI_API_VERSION", version)
    server = serve(says(vectors))
    embedder = google(server, name)
    ours = embedder.query("how do I restart pm2? ü")
    # the client's own, for the same purpose
    monkeypatch.setattr(embedder, "_task", lambda query, known=embedder._task: known(query=True))
    monkeypatch.setattr(
        embedder, "_told", lambda text, query, known=embedder._told: known(text, query=True)
    )
    theirs = embedder.passages(["how do I restart pm2? ü"])[0]
    mine, clients = server.seen
    assert (mine.method, mine.path, mine.body) == (clients.method, clients.path, clients.body)
    assert list(mine.body["requests"][0]) == list(clients.body["requests"][0])
    for header in ("x-goog-api-key", "content-type"):
        assert mine.headers[header] == clients.headers[header]
    assert "canary" not in mine.path
    assert ours == theirs


def test_a_query_does_not_import_the_client(serve):
    server = serve(says({"embeddings": [{"values": [1.0] * 768}]}))
    code = """
import sys
from plainmind.ground.settings import Settings
from plainmind.ground.environment import Environment
from plainmind.providers import registry
registry.open_embedder("google", Environment(), Settings("", "", lambda name: "")).query("hello")
print("\\n".join(sys.modules))
"""
    given = {"PYTHONPATH": "lib", "GOOGLE_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": server.url}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=given)
    assert ended.returncode == 0, ended.stderr
    assert {"google", "google.genai", "numpy"} & set(ended.stdout.split()) == set()
    assert len(server.seen) == 1


def test_a_model_that_makes_one_vector_of_many_texts_is_asked_text_by_text(serve, google):
    """As gemini-embedding-2 does where a batch's texts are taken for parts of one content."""
    server = serve(
        says(lambda seen: {"embeddings": [{"values": [float(len(server.seen)), 0, 0, 1]}]})
    )
    made = google(server).passages(["a", "b", "c"])
    assert len(server.seen) == 4
    assert len({tuple(vector) for vector in made}) == 3


@pytest.mark.parametrize(
    "answer",
    [
        {"embeddings": []},
        {},
        {"embeddings": [{"values": []}]},
        {"embeddings": [{"values": [0.0] * 4}]},
        {"embeddings": [{"values": [1.0] * 5}]},
        b"<html>",
        {"embeddings": 7},
        [1],
        {"embeddings": [{"values": ["x"] * 4}]},
    ],
)
def test_wrong_answers(serve, google, answer):
    embedder = google(serve(says(answer)))
    for ask in (lambda: embedder.query("x"), lambda: embedder.passages(["x"])):
        with pytest.raises(Unavailable, match="Google"):
            ask()


def error(status, message):
    return says(
        {"error": {"code": status, "message": message, "status": "X"}}, status, Retry_After="9"
    )


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (429, "slow down", Unavailable),
        (500, "oops", Unavailable),
        (503, "overloaded", Unavailable),
        (400, "text too long", BadData),
        (400, "API key not valid. Please pass a valid API key.", Misconfigured),
        (401, "who?", Misconfigured),
        (403, "denied", Misconfigured),
        (404, "models/x is not found", Misconfigured),
    ],
)
def test_errors_are_the_same_both_ways(serve, google, status, message, kind):
    server = serve(error(status, message + " canary-key-1234567"))
    embedder = google(server)
    for ask in (lambda: embedder.query("x"), lambda: embedder.passages(["x", "y"])):
        with pytest.raises(kind, match=f"Google answered {status}") as caught:
            ask()
        assert "canary" not in str(caught.value)
        assert message[:8] in str(caught.value)
        assert getattr(caught.value, "retry_after", 9) == 9
    assert len(server.seen) == 2  # nobody retries behind our back


@pytest.mark.parametrize(
    "answer", [hangs, resets, dribbles(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")]
)
def test_faults_are_bounded(serve, google, settings, answer):
    settings.override("embed.timeout", 0.4)
    embedder = google(serve(answer))
    for ask in (lambda: embedder.query("x"), lambda: embedder.passages(["x"])):
        with pytest.raises(Unavailable):
            ask()


def test_vertex_settings_of_the_owner_send_nothing_elsewhere(serve, google, monkeypatch):
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    server = serve(says(vectors))
    google(server).passages(["x"])
    assert server.seen[0].path == "/v1/models/gemini-embedding-2:batchEmbedContents"


def test_the_version_is_the_clients_own_default(serve, google, env):
    """When an update of google-genai changes it, this says so."""
    from google.genai import Client

    server = serve(says(vectors))
    embedder = google(server)
    embedder.query("x")
    client = Client(api_key="k", vertexai=False)  # held, or it closes itself
    client.models.embed_content(model="gemini-embedding-2", contents="x")
    assert server.seen[0].path == server.seen[1].path
