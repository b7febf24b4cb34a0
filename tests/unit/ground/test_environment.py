"""Secrets: where they come from, and that no text carries them."""

import os

import pytest
from plainmind.ground.environment import Environment


@pytest.fixture
def env(tmp_path, monkeypatch):
    monkeypatch.setenv("DISCORD_TOKEN", "from-the-process")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (tmp_path / ".env").write_text(
        'DISCORD_TOKEN=from-the-file\nOPENAI_API_KEY="quoted value # 1"\nEMPTY_KEY=\n'
        "export MIND_KEY=abc123$HOME # comment\n"
    )
    return Environment(str(tmp_path))


def test_the_process_beats_the_file(env):
    assert env.get("DISCORD_TOKEN") == "from-the-process"
    assert env.get("OPENAI_API_KEY") == "quoted value # 1"
    assert env.get("MIND_KEY") == "abc123$HOME"
    assert env.get("EMPTY_KEY", "default") == env.get("NOWHERE", "default") == "default"


def test_the_file_never_reaches_a_child(env):
    assert "OPENAI_API_KEY" not in os.environ


def test_a_file_that_a_backup_gave_another_name_is_read(env, tmp_path):
    os.link(tmp_path / ".env", tmp_path / "backup")
    assert Environment(str(tmp_path)).get("MIND_KEY") == "abc123$HOME"


def test_no_file(tmp_path):
    assert Environment(str(tmp_path)).get("NOWHERE") == ""
    assert Environment(None).get("NOWHERE") == ""


def test_known_secrets_are_masked(env):
    masked = env.mask("a from-the-process b quoted value # 1 c from-the-processed abc123$HOME")
    assert masked == "a *** b *** c ***ed ***"


def test_a_line_is_masked_without_looking_through_the_environment_again(env, monkeypatch):
    assert env.mask("a from-the-process b") == "a *** b"
    monkeypatch.setattr(Environment, "all", None)
    assert env.mask("a from-the-process b") == "a *** b"


@pytest.mark.parametrize("text, masked", [
    ("post to https://discord.com/api/webhooks/123/abc-DEF failed", "post to *** failed"),
    ("https://canary.discord.com/api/v10/webhooks/1/x?wait=true", "***"),
    ("https://discordapp.com/api/webhooks/1/x", "***"),
    ("key sk-abcdefghijklmnop1234 refused", "key *** refused"),
    ("ghp_0123456789abcdefghij", "***"),
    ("AIza0123456789abcdefghijklmnopqrstuvwx", "***"),
    ("GET https://host/v1?alt=sse&key=abc&x=1", "GET https://host/v1?alt=sse&key=***&x=1"),
    ("https://host/v1?key=abc", "https://host/v1?key=***"),
    ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
    ("http://ann:pass@host/", "http://***@host/"),
    ("what stays: sk-ip, a key, https://example.org/?q=1",
     "what stays: sk-ip, a key, https://example.org/?q=1"),
])  # fmt: skip
def test_what_looks_like_a_secret_is_masked(text, masked):
    assert Environment(None).mask(text) == masked
