"""The rung of macOS: sandbox-exec. Its profile language is undocumented; this uses what Apple's
own profiles use."""

import os
import shutil
import sys

from . import bounds
from .bounds import Bounds

_SYSTEM = (
    "/bin /sbin /usr /System /Library/Developer /Library/Frameworks /opt /private/var/select"
).split()
_SETTINGS = (
    "passwd group hosts resolv.conf ssl localtime services protocols shells profile bashrc"
).split()


def explain_missing() -> str:
    """Why this rung cannot be had, '' when it can."""
    if sys.platform != "darwin":
        return "this is not macOS"
    return "" if shutil.which("sandbox-exec") else "sandbox-exec is not there"


def build_command(limits: Bounds, protected: list[str], argv: list[str]) -> list[str]:
    """The command line that runs `argv` within bounds."""
    return ["sandbox-exec", "-p", render_profile(limits, protected), *argv]


def render_profile(limits: Bounds, protected: list[str]) -> str:
    """The profile. A later rule beats an earlier one."""
    settings = [f"/private/etc/{name}" for name in _SETTINGS]
    # nor may a folder above what is protected be renamed, and another put in its place
    above = bounds.list_between(limits.writable, protected)
    inner = [one for one in protected if any(bounds.holds(m, one) for m in limits.memories)]
    rules = (
        ("allow file-read*", "subpath", [*_SYSTEM, *settings, *limits.readable]),
        ("allow file-read* file-write*", "subpath", [*limits.writable, limits.temporary]),
        ("deny file-write*", "subpath", protected),
        ("allow file-read* file-write*", "subpath", limits.memories),
        ("deny file-write*", "subpath", inner),
        ("deny file-write-unlink", "literal", above),
    )
    lines = [
        "(version 1)",
        "(deny default)",
        "(allow process-exec process-fork)",
        "(allow signal process-info* (target same-sandbox))",
        "(allow sysctl-read)",
        '(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))',
        "(allow file-read-metadata)",
        '(allow file-read* file-write-data (literal "/dev/null") (literal "/dev/zero"))',
        '(allow file-read* (literal "/") (literal "/dev/random") (literal "/dev/urandom")'
        ' (subpath "/dev/fd"))',
        *(f"({rule} ({kind} {_quoted(path)}))" for rule, kind, paths in rules for path in paths),
        *(["(allow network*)"] if limits.network else []),
    ]
    return "\n".join(lines)


def _quoted(path: str) -> str:
    """A path as the kernel sees it (/tmp is /private/tmp), as a string of the profile's
    language."""
    return '"' + os.path.realpath(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
