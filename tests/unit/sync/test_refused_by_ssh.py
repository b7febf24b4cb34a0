"""A remote that is reached by ssh or https and refuses: what it said first, and what helps."""

import pytest
from plainmind.ground.errors import Unavailable
from plainmind.sync import remotes
from plainmind.sync.git import GitFailed

ADVICE = """fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists.
"""


@pytest.fixture
def refusing(machines, tmp_path, monkeypatch):
    """A machine whose ssh says this, and ends."""

    def make(said: str, address: str = "ann@server:memory.git"):
        ssh = tmp_path / "ssh"
        ssh.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit 255\n")
        ssh.chmod(0o755)
        monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
        one = machines("alpha")
        one.repository.set_remote(remotes.check(address))
        return one

    return make


@pytest.mark.parametrize(
    "said, what, cure",
    [
        (
            "No ED25519 host key is known for server and you have requested strict checking.\n"
            "Host key verification failed.",
            "Host key verification failed",
            "connect once by hand: ssh ann@server",
        ),
        (
            "ann@server: Permission denied (publickey,password).",
            "ann@server: Permission denied (publickey,password)",
            "give that account this machine's ssh key, or load it with ssh-add",
        ),
        (
            "ssh: connect to host server port 22: Connection refused",
            "ssh: connect to host server port 22: Connection refused",
            "it will be done by the next mem-sync",
        ),
        (
            "bash: line 1: git-upload-pack: command not found",
            "bash: line 1: git-upload-pack: command not found",
            "install git on that machine",
        ),
    ],
)
def test_the_reason_is_that_of_ssh(refusing, said, what, cure):
    one = refusing(said)
    one.say("one")
    unavailable = one.sync().unavailable
    assert (unavailable.what, unavailable.cure) == (what, cure)


def test_nothing_but_advice_is_said_as_it_is(refusing):
    one = refusing("")
    with pytest.raises(Unavailable, match="git fetch ended with 128: fatal: Could not read from"):
        one.repository.fetch()


@pytest.mark.parametrize(
    "address, command",
    [
        ("ann@server:memory.git", "ssh ann@server"),
        ("server:/srv/memory.git", "ssh server"),
        ("ssh://ann@server/srv/memory.git", "ssh ann@server"),
        ("ssh://ann@server:2222/srv/memory.git", "ssh -p 2222 ann@server"),
        ("ssh://[::1]:2222/srv/memory.git", "ssh -p 2222 ::1"),
        ("[::1]:memory.git", "ssh ::1"),
    ],
)
def test_the_command_goes_where_git_goes(address, command):
    failed = GitFailed(["fetch"], 128, b"", f"Host key verification failed.\r\n{ADVICE}")
    assert remotes.explain(failed) == "Host key verification failed"
    assert remotes.find_cure(failed, address) == f"connect once by hand: {command}"


@pytest.mark.parametrize(
    "said, cure",
    [
        (
            "error: cannot run ssh: No such file or directory\nfatal: unable to fork\n",
            "install ssh",
        ),
        (
            "fatal: Authentication failed for 'https://server/memory.git/'\n",
            "name it with a token, https://TOKEN@HOST/PATH, or by ssh",
        ),
        (
            "fatal: repository 'https://server/memory.git/' not found\n",
            "name another with 'mem-sync init REMOTE'",
        ),
        (
            "error: remote unpack failed: unable to create temporary object directory\n",
            "let your account write there",
        ),
    ],
)
def test_what_does_not_pass_by_itself_has_a_cure(said, cure):
    assert remotes.find_cure(GitFailed(["fetch"], 128, b"", said), "server:x") == cure
