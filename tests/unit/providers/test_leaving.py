"""Nothing leaves the machine by surprise: which variable, where it is set, and which setting let
texts go to a server. 0.0.0.0 is answered by this machine, and not known as it: it stands for an
address elsewhere."""

import json
import os
import ssl
import subprocess
from contextlib import suppress

import pytest
from plainmind.ground.address import is_this_machine
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Failure, Misconfigured
from plainmind.providers import brave, discord, google, registry, servers
from provider_servers import says
from scene import ROOT

HERE, THERE = "http://127.0.0.1:9", "https://elsewhere.example"


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1", True), ("http://127.0.0.1:8080/v1", True), ("http://127.9.8.7", True),
        ("http://[::1]:8080/v1", True), ("https://LocalHost/v1", True),
        ("http://me@localhost", True),
        ("", False), ("127.0.0.1:8080", False), ("http://", False), ("http://[::1", False),
        ("http://0.0.0.0", False), ("http://0.0.0.0.evil.com", False), ("http://10.0.0.1", False),
        ("http://127.0.0.1.evil.com", False), ("http://localhost.evil.com", False),
        ("http://127.0.0.1@evil.com", False), ("http://evil.com/127.0.0.1", False),
        ("http://evil.com#@127.0.0.1", False), ("http://evil.com\\@127.0.0.1", False),
        ("http://evil.com\t@127.0.0.1", False), ("http://localtest.me", False),
        ("http://2130706433", False), ("http://127.1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_this_machine(url, here):
    assert is_this_machine(url) == here


def test_0_0_0_0_is_replaced_as_a_whole_only(env, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0.evil.com")
    assert servers.ollama_url(env) == "http://0.0.0.0.evil.com:11434"


#: what is exported, what is in .env, the setting; then what embeds, what chats, what is mentioned
CASES = [
    ({}, {}, "auto", "embedded", "embedded", ""),
    # a key in the shell chooses nothing
    ({"GEMINI_API_KEY": "k"}, {}, "auto", "embedded", "embedded", "GEMINI_API_KEY"),
    ({"GOOGLE_API_KEY": "k"}, {}, "auto", "embedded", "embedded", "GOOGLE_API_KEY"),
    ({"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": HERE}, {}, "auto", "embedded", "embedded",
     "GEMINI_API_KEY"),
    ({"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": THERE}, {}, "auto", "embedded", "embedded",
     "GEMINI_API_KEY, GOOGLE_GEMINI_BASE_URL"),
    # the same in .env does, and so does a setting, for which the shell's key is used
    ({}, {"GEMINI_API_KEY": "k"}, "auto", "google", "google", ""),
    ({"GEMINI_API_KEY": "k2"}, {"GOOGLE_API_KEY": "k"}, "auto", "google", "google",
     "GEMINI_API_KEY"),
    ({"GEMINI_API_KEY": "k"}, {}, "google", "google", "google", ""),
    ({"GEMINI_API_KEY": "k"}, {}, "google:x", "google", "google", ""),
    ({"GEMINI_API_KEY": "k"}, {}, "embedded", "embedded", "embedded", ""),
    # an address: of this machine, or named by .env
    ({"OPENAI_BASE_URL": THERE}, {}, "auto", "embedded", "embedded", "OPENAI_BASE_URL"),
    ({"OPENAI_BASE_URL": THERE, "OPENAI_API_KEY": "k"}, {}, "auto", "embedded", "embedded",
     "OPENAI_BASE_URL, OPENAI_API_KEY"),
    ({"OPENAI_BASE_URL": HERE, "OPENAI_API_KEY": "k"}, {}, "auto", "embedded", "openai", ""),
    ({}, {"OPENAI_BASE_URL": THERE}, "auto", "embedded", "openai", ""),
    ({"OPENAI_BASE_URL": "http://127.0.0.1.evil.com"}, {}, "auto", "embedded", "embedded",
     "OPENAI_BASE_URL"),
    ({"OPENAI_BASE_URL": THERE}, {}, "openai:x", "openai", "openai", ""),
    ({"OPENAI_API_KEY": "k"}, {}, "auto", "embedded", "embedded", "OPENAI_API_KEY"),
    ({"OPENAI_API_KEY": "k"}, {}, "openai:x", "openai", "openai", ""),
    # Ollama, Brave and Discord are no choice of auto
    ({"OLLAMA_HOST": THERE, "BRAVE_API_KEY": "k", "DISCORD_TOKEN": "t"}, {}, "auto", "embedded",
     "embedded", ""),
    ({"OLLAMA_HOST": THERE}, {}, "ollama:x", "ollama", "ollama", ""),
]  # fmt: skip


@pytest.fixture
def at_home(home, monkeypatch):
    """An environment with these exported, and these in the memory folder's .env."""

    def make(shell, file) -> tuple[Environment, list[str]]:
        os.makedirs(home.root, mode=0o700, exist_ok=True)
        with open(home.path(".env"), "w") as out:
            out.writelines(f"{name}={value}\n" for name, value in file.items())
        os.chmod(home.path(".env"), 0o600)
        for name, value in shell.items():
            monkeypatch.setenv(name, value)
        made, said = Environment(home.root), []
        made.say = said.append
        return made, said

    return make


@pytest.mark.parametrize(("shell", "file", "setting", "embeds", "chats", "left"), CASES)
def test_what_chooses_a_provider(
    at_home, settings, home, shell, file, setting, embeds, chats, left
):
    env, said = at_home(shell, file)
    for _ in range(2):
        assert registry.open_chat(setting, env, settings).name.partition(":")[0] == chats
        made = registry.open_embedder(setting, env, settings)
    assert made.model.partition(":")[0] == embeds
    mentioned = ", ".join(line.partition(": ")[2].partition(";")[0] for line in said)
    assert mentioned == left, "each is mentioned, and once"
    assert all(home.path(".env") in line and "turn.model" in line for line in said)


def test_under_auto_the_shells_key_and_address_do_not_replace_those_of_the_folder(
    at_home, settings
):
    shell = {"GEMINI_API_KEY": "shell's", "GOOGLE_GEMINI_BASE_URL": THERE}
    env, _ = at_home(shell, {"GEMINI_API_KEY": "folder's"})
    for make, setting, key, url in [
        (registry.open_chat, "auto", "folder's", servers.GOOGLE),
        (registry.open_embedder, "auto", "folder's", servers.GOOGLE),
        (registry.open_chat, "google", "shell's", THERE),
    ]:
        made = make(setting, env, settings)
        assert (made._key, made._url) == (key, url)


def test_vectors_that_there_are_name_no_provider(at_home, settings):
    env, said = at_home({"GEMINI_API_KEY": "k"}, {})
    with pytest.raises(Misconfigured):
        registry.open_embedder_of("google:gemini-embedding-2/768", env, settings)
    assert len(said) == 1 and "GEMINI_API_KEY" in said[0]
    made = registry.open_embedder_of("ollama:x", at_home({"OLLAMA_HOST": THERE}, {})[0], settings)
    assert made.local
    settings.override("embed.model", "google")
    assert not registry.open_embedder_of("google:gemini-embedding-2/768", env, settings).local


@pytest.mark.parametrize(
    ("shell", "file", "found"),
    [
        ({"DISCORD_WEBHOOK_URL": THERE}, {}, False),
        ({"DISCORD_TOKEN": "t", "DISCORD_CHANNEL_ID": "1"}, {}, False),
        ({"DISCORD_WEBHOOK_URL": HERE}, {}, True),
        ({"DISCORD_TOKEN": "t", "DISCORD_CHANNEL_ID": "1", "DISCORD_API_BASE": HERE}, {}, True),
        ({}, {"DISCORD_WEBHOOK_URL": THERE}, True),
        ({"DISCORD_CHANNEL_ID": "1"}, {"DISCORD_TOKEN": "t"}, True),
    ],
)
def test_reminders_go_where_the_folder_says(at_home, home, shell, file, found):
    env, said = at_home(shell, file)
    assert (discord.open_deliverer_of_home(env, home) is not None) == found
    assert bool(said) == (not found)


def test_what_is_elsewhere_is_not_local(at_home, settings):
    env, _ = at_home({"OLLAMA_HOST": THERE, "OPENAI_BASE_URL": "http://localhost.evil.com"}, {})
    for setting in ("ollama", "openai:x", "google"):
        with suppress(Misconfigured):
            assert not registry.open_embedder(setting, env, settings).local


# --- servers that listen


def ask(url: str, kind: str) -> None:
    client = google.make_client("k", url, "v1", 5)
    ways = {
        "models": lambda: client.models.embed_content(model="m", contents="a secret"),
        "chat": lambda: client.models.generate_content(model="m", contents="a secret"),
    }
    with suppress(Failure):
        google.call(ways[kind], "k")


@pytest.mark.parametrize(("url", "times"), [("https://example.org", 1), ("http://127.0.0.1", 0)])
def test_certificates_are_loaded_for_what_is_asked_alone(monkeypatch, url, times):
    """The library has three ways to ask, of which one is used."""
    loaded, load = [], ssl.SSLContext.load_verify_locations
    counting = lambda *given, **more: loaded.append(load(*given, **more))
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counting)
    google.make_client("k", url, "v1", 5)
    assert len(loaded) == times


@pytest.mark.parametrize("kind", ["models", "chat"])
def test_google_is_not_followed_to_another_host(serve, kind):
    other = serve(says({}))
    first = serve(says(b"", 307, Location=f"{other.url}/v1/models/m:x"))
    ask(first.url, kind)
    assert len(first.seen) == 1 and other.seen == []


@pytest.mark.parametrize("kind", ["models", "chat"])
def test_no_proxy_hears_what_google_is_asked_on_this_machine(serve, monkeypatch, kind):
    proxy, first = serve(says({})), serve(says({}))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    ask(first.url, kind)
    assert len(first.seen) == 1 and proxy.seen == []


class Shell:
    """Commands as a shell, cron or the relay starts them."""

    def __init__(self, home):
        self.home, self.said = home, ""

    def run(self, name: str, *arguments: str, **variables: str) -> int:
        ended = subprocess.run(
            [os.path.join(ROOT, name), *arguments],
            input=b"",
            capture_output=True,
            env={
                "PATH": os.environ["PATH"], "MIND_HOME": self.home.root, "MIND_BACKOFF": "0",
                "MIND_EMBED_DIMENSIONS": "2", **variables,
            },
        )  # fmt: skip
        self.said = ended.stderr.decode()
        return ended.returncode


@pytest.fixture
def shell(home, log):
    from plainmind.truth.log.writer import EventDraft

    log.append("test/1", [EventDraft(1_700_000_000_000, "user", "The door code is 4711.", {})], 0)
    return Shell(home)


def vectors(seen) -> dict:
    return {"embeddings": [{"values": [1.0, 0.5]} for _ in seen.body["requests"]]}


def elsewhere(server) -> str:
    return server.url.replace("127.0.0.1", "0.0.0.0")


def test_a_key_that_lies_in_the_shell_sends_nothing(shell, serve, at_home):
    server = serve(says(vectors))
    exported = {"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": elsewhere(server)}
    assert shell.run("bin/mem-embed", **exported) == 0
    assert shell.said.count("\n") == 1 and "left alone: GEMINI_API_KEY, GOOGLE_GEM" in shell.said
    assert shell.run("bin/mem-recall", "door", **exported) == 0 and server.seen == []
    # named by an option, a variable or the file, it is used
    assert shell.run("bin/mem-embed", "--model", "google", **exported) == 0 and shell.said == ""
    assert len(server.seen) == 1
    # and no vectors of that time make the next question go there
    for command in ("bin/mem-recall", "bin/mem-embed"):
        shell.run(command, "door"[: 4 * (command == "bin/mem-recall")] or "--quiet", **exported)
        assert len(server.seen) == 1
    assert shell.run("bin/mem-recall", "door", MIND_EMBED_MODEL="google", **exported) == 0
    at_home({}, {**exported})
    assert shell.run("bin/mem-recall", "door") == 0 and shell.said == "", "cron's bare environment"


@pytest.mark.parametrize(
    ("exported", "arguments", "heard"),
    [
        ({"OPENAI_BASE_URL": "there", "OPENAI_MODEL": "m"}, (), 0),
        ({"OPENAI_BASE_URL": "here", "OPENAI_MODEL": "m"}, (), 1),
        ({"OPENAI_BASE_URL": "there"}, ("--model", "openai:m"), 1),
        ({"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": "there"}, (), 0),
        ({"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": "here"}, (), 0),
    ],
)
def test_a_turn_goes_where_it_is_named(shell, serve, exported, arguments, heard):
    server = serve(says({"choices": [{"message": {"content": "Yes."}}]}))
    where = {"there": elsewhere(server), "here": server.url}
    exported = {name: where.get(value, value) for name, value in exported.items()}
    assert shell.run("bin/agent-turn", *arguments, "Say yes.", **exported) == 0
    assert len(server.seen) == heard
    assert ("left alone: " in shell.said) == (heard == 0)


@pytest.mark.parametrize(("inside", "heard"), [({}, 1), ({"MIND_INSIDE": "1"}, 0)])
def test_the_agents_searches_need_a_key_in_the_folder(shell, serve, at_home, inside, heard):
    """Whoever types brave-search names Brave; the agent may not."""
    server = serve(says({"web": {"results": []}}))
    exported = {"BRAVE_API_KEY": "k", "BRAVE_BASE_URL": server.url, **inside}
    command = "skills/brave-search/brave-search"
    assert shell.run(command, "door code", **exported) == (1 if heard else 78)
    assert len(server.seen) == heard
    at_home({}, {"BRAVE_API_KEY": "k"})
    assert shell.run(command, "door code", **exported) == 1


def test_the_page_on_privacy_lists_every_server():
    with open(os.path.join(ROOT, "docs/privacy.md")) as file:
        page = file.read()
    names = {*registry.EMBEDDERS, *registry.CHATS} - {"embedded"}
    modules = {"google": google, "brave": brave, "discord": discord}
    for name in {*names, *modules, "turn.network"}:
        assert f"`{name}" in page.lower(), json.dumps(name)
