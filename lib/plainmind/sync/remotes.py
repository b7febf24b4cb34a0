"""The remote of a repository: what may be its address, and what git's refusals come down to.

Refuses to know the repository, and what is sent.
"""

import os
import re
import shlex

from ..ground.errors import BadData, NoInput
from .git import GitFailed

#: how git says that somebody else pushed first
_LOST = ("[rejected]", "fetch first", "non-fast-forward", "stale info", "cannot lock ref",
         "failed to update ref", "incorrect old value", "reference already exists")  # fmt: skip
#: what it says beside why
_NO_NEWS = ("Could not read from remote repository", "and the repository exists.",
            "Please make sure you have the correct access rights")  # fmt: skip
#: what of it does not pass by itself; {ssh} is the command that goes to the remote
_CURES = {
    "dubious ownership": "let the remote be yours, or reach it by ssh as whoever owns it",
    "does not appear to be a git repository": "name another with 'mem-sync init REMOTE'",
    "' not found": "name another with 'mem-sync init REMOTE'",
    "refusing to update checked out branch": "the remote has to be bare: 'git init --bare'",
    "fsck error": "somebody pushed what no mem-sync does: set the remote's main back",
    "unable to create temporary object": "let your account write there",
    "Host key verification failed": "connect once by hand: {ssh}",
    "Permission denied (": "give that account this machine's ssh key, or load it with ssh-add",
    "cannot run ssh": "install ssh",
    "git-upload-pack: ": "install git on that machine",
    "Authentication failed": "name it with a token, https://TOKEN@HOST/PATH, or by ssh",
}
#: user, host and port of an address by ssh
_AT = re.compile(
    r"(?:[a-z+]+://)?(?:([^@/:]*)(?::[^@/]*)?@)?(\[[^]]*\]|[^:/]+)(?:(?<=...):(\d+)(?=/|\Z))?"
)


def check(address: str) -> str:
    """A remote's address as git is given it. BadData for one that git would take for an option, or
    a command."""
    if not address or address.startswith(("-", "ext::")) or "\n" in address:
        raise BadData(f"'{address}' is not a remote", cure="give a path, or user@host:path")
    if "://" in address or ":" in address.split("/", 1)[0]:
        return address
    if not os.path.isdir(address):
        cure = f"make it: git init --bare {shlex.quote(address)}"
        raise NoInput(f"no such repository: '{address}'", cure=cure)
    if not any(os.path.isdir(os.path.join(address, *at, "objects")) for at in ([], [".git"])):
        cure = f"make one in it: git init --bare {shlex.quote(address)}"
        raise BadData(f"'{address}' is not a git repository", cure=cure)
    return os.path.abspath(address)


def is_lost(failed: GitFailed) -> bool:
    """Whether a push failed because somebody else pushed first."""
    told = failed.out.decode("utf-8", "replace") + failed.said
    return any(words in told for words in _LOST)


def explain(failed: GitFailed) -> str:
    """What a remote's refusal comes down to: the lines that git marks, else the last one."""
    rows = [row.strip() for row in re.split(r"[\r\n]", failed.said)]
    rows = [row for row in rows if not any(words in row for words in _NO_NEWS)]
    rows = [row for row in rows if not re.match(r"remote:.*(?:objects:|Total) +\d", row)]
    told = [row for row in rows if row.startswith(("fatal:", "error:", "remote:", "ssh:", "!"))]
    rows = list(dict.fromkeys(told or [row for row in rows if row][-1:]))
    return "; ".join(re.sub(r"\A(?:fatal|error): |\.\Z", "", row) for row in rows) or str(failed)


def find_cure(failed: GitFailed, address: str = "") -> str:
    for words, cure in _CURES.items():
        if words in failed.said:
            return cure.format(ssh=_ssh_to(address))
    return "it will be done by the next mem-sync"


def _ssh_to(address: str) -> str:
    """The command that goes where git goes for `user@host:path` or `ssh://user@host:port/path`."""
    user, host, port = ("", "HOST", "") if not (match := _AT.match(address)) else match.groups("")
    return f"ssh {f'-p {port} ' if port else ''}{f'{user}@' if user else ''}{host.strip('[]')}"
