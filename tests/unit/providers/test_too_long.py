"""How servers say that a request is too long for their model, as public reports quote them, and
what is not that."""

import pytest
from plainmind.ground.errors import BadData, Failure, Unavailable
from plainmind.providers import http, registry
from plainmind.providers.too_long import TooLong, find_too_long
from provider_servers import asking, says, sse, streams

#: what was said, with which status, and the window it tells
SAID = [
    # OpenAI, and what speaks like it
    (400, "This model's maximum context length is 128000 tokens. However, your messages resulted "
     "in 204308 tokens. Please reduce the length of the messages.", 128_000),
    (400, "Your input exceeds the context window of this model. Please adjust your input and try "
     "again.", 0),
    (400, "Requested token count exceeds the model's maximum context length of 131072 tokens.",
     131_072),
    (429, "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit "
     "30000, Requested 40000. The input or output tokens must be reduced.", 30_000),
    # vLLM, before and after 0.8
    (400, "This model's maximum context length is 8192 tokens. However, you requested 8204 tokens "
     "(12 in the messages, 8192 in the completion). Please reduce the length of the messages or "
     "completion.", 8192),
    (400, "The prompt (total length 25938) is too long to fit into the model (context length 4096)"
     ". Make sure that `max_model_len` is no smaller than the number of text tokens", 4096),
    (400, "This model's maximum context length is 262144 tokens. However, you requested 0 output "
     "tokens and your prompt contains at least 262145 input tokens", 262_144),
    # llama.cpp: three of its forms
    (500, "the request exceeds the available context size. try increasing the context size or "
     "enable context shift", 0),
    (400, '{"error":{"code":400,"message":"request (4390 tokens) exceeds the available context '
     'size (4096 tokens), try increasing it",'
     '"type":"exceed_context_size_error","n_prompt_tokens":4390,'
     '"n_ctx":4096}}', 4096),
    (500, "Context size has been exceeded.", 0),
    # Gemini, OpenRouter, Together and SGLang, Ollama, LM Studio, Mistral, xAI, Groq, Kimi, Claude
    (400, "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).",
     1_048_576),
    (400, "This endpoint's maximum context length is 65536 tokens. However, you requested about "
     "92208 tokens (60833 of text input, 10042 of tool input, 21333 in the output).", 65_536),
    (400, "The input (400013 tokens) is longer than the model's context length (262144 tokens).",
     262_144),
    (400, "prompt too long; exceeded max context length by 120 tokens", 0),
    (400, "The number of tokens to keep from the initial prompt is greater than the context "
     "length.", 0),
    (400, "Prompt contains 40000 tokens, too large for model with 32768 maximum context length", 0),
    (400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens",
     131_072),
    (413, "Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested "
     "7012", 6000),
    (400, "Your request exceeded model token limit: 262144 (requested: 566084)", 262_144),
    (400, "prompt is too long: 213462 tokens > 200000 maximum", 0),
    (413, "<html>Request Entity Too Large</html>", 0),
    (413, f"context length is {'9' * 5000} tokens", 0),  # more digits than Python converts
]  # fmt: skip


@pytest.mark.parametrize(("status", "said", "window"), SAID)
def test_a_request_that_is_too_long(status, said, window):
    failure = http.failure_of_status("it", status, said, None)
    assert isinstance(failure, TooLong) and failure.window == window


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (429, "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000", 69),
        (429, "ThrottlingException: Too many tokens, please wait before trying again.", 69),
        (429, "Quota exceeded for metric: input token count, limit: 250000", 69),
        (400, "Invalid value for 'max_tokens'", 65),
        (400, "unknown field context_length", 65),
        (401, "context length exceeded", 78),
        (503, "overloaded", 69),
    ],
)
def test_what_is_not_that(status, said, kind):
    failure = http.failure_of_status("it", status, said, None)
    assert not isinstance(failure, TooLong) and failure.code == kind


TOLD = "the request exceeds the available context size"


@pytest.mark.parametrize(
    ("setting", "answer"),
    [
        ("openai:m", says({"error": {"message": TOLD}}, 400)),
        ("openai:m", says({"error": {"message": TOLD, "code": 500}})),
        ("openai:m", says({"error": {"code": "context_length_exceeded", "message": "no"}})),
        ("ollama:m", says({"error": TOLD}, 400)),
        ("ollama:m", says({"error": TOLD})),
        ("google:m", says({"error": {"code": 400, "message": SAID[10][1]}}, 400)),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_every_provider_says_so(setting, answer, streamed, serve, env, settings, monkeypatch):
    server = serve(answer)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
    monkeypatch.setenv("GEMINI_API_KEY", "a-key-of-mine")
    chat = registry.open_chat(setting, env, settings)
    with pytest.raises(TooLong):
        chat.complete(asking(), (lambda text: None) if streamed else None)


def test_a_stream_says_so(serve, env, settings, monkeypatch):
    server = serve(streams(sse({"error": {"message": TOLD, "code": 400}})))
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    with pytest.raises(TooLong):
        registry.open_chat("openai:m", env, settings).complete(asking(), lambda text: None)


def test_the_embedded_model_says_so(env, settings):
    settings.override("turn.timeout", 60.0)
    chat = registry.open_chat("embedded", env, settings)
    with pytest.raises(TooLong) as caught:
        chat.complete(asking("word " * 5000))
    assert caught.value.window == 4096


def test_it_is_refused_content_to_everybody_else():
    assert issubclass(TooLong, BadData) and find_too_long("x", "no") is None
    assert not issubclass(TooLong, Unavailable) and issubclass(TooLong, Failure)
