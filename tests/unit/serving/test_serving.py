"""serving/: a server really run and asked by agent-turn, and every option of the others held
against their own lists."""

import asyncio
import json
import os
import plistlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
import yaml
from plainmind.ground import files
from scene import ROOT

SERVING = os.path.join(ROOT, "serving")
HERE = os.path.dirname(os.path.abspath(__file__))
LLAMA = os.path.join(SERVING, "llama.cpp", "serve")
VLLM = os.path.join(SERVING, "vllm", "serve")
AWKWARD = 'it\'s 100% "mine" & $HOME | \\n'
KEY = "a-key-nobody-may-see"
TOOLS = ["basename", "dirname", "grep", "ls", "realpath", "tr"]
STAND_IN = """#!/bin/sh
for argument; do printf '%s\\n' "$argument"; done > "$SEEN/arguments"
env > "$SEEN/environment"
"""


def read(*parts):
    with open(os.path.join(SERVING, *parts), encoding="utf-8") as file:
        return file.read()


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """A PATH without llama-server and vllm, whatever this machine has."""
    folder = tmp_path_factory.mktemp("tools")
    for name in TOOLS:
        os.symlink(shutil.which(name), folder / name)
    return folder


@pytest.fixture
def key_file(tmp_path):
    def make(text, mode=0o600):
        path = tmp_path / "key file"
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    return make


# --- llama.cpp, really run


class Served:
    """`serve` without llama-server: xllamacpp and the small model, on a port that the system
    chose."""

    def __init__(self, folder, tools, script=LLAMA, **env):
        self._said = open(folder / "said", "w+b")
        self.process = subprocess.Popen(
            [script], stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said,
            env={"PATH": str(tools), "HOME": str(folder), "LLAMA_ARG_PORT": "0", **env},
        )  # fmt: skip
        self.url = self._address()

    def said(self):
        with open(self._said.name, encoding="utf-8") as file:
            return file.read()

    def _address(self):
        for _ in range(1200):  # a minute; it takes a second
            if found := re.search(r"serve: (http://\S+/v1)\n", self.said()):
                return found[1]
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)
        raise AssertionError(f"it does not start: {self.said()}")

    def status(self, path, **headers):
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.url + path, headers=headers), timeout=30
            ) as answer:
                return answer.status, dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers)

    def turn(self, home, *arguments, key=None):
        """A turn with a short prompt: 1,500 tokens of persona and skills would take 15 seconds."""
        files.replace(home.path("system-prompt.md"), b"Be brief.")
        for name in os.listdir(os.path.join(ROOT, "skills")):
            hidden = f"---\nname: {name}\ndescription: x\ndisable-model-invocation: true\n---\nx\n"
            files.replace(home.path("skills", name, "SKILL.md"), hidden.encode())
        env = {
            "PATH": os.environ["PATH"],
            "MIND_HOME": home.root,
            "OPENAI_BASE_URL": self.url,
            "MIND_TURN_MAX_TOKENS": "3",
        }
        if key:
            env["OPENAI_API_KEY"] = key
        command = [os.path.join(ROOT, "bin", "agent-turn"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)

    def end(self):
        self.process.terminate()
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            self._said.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory, tools):
    server = Served(tmp_path_factory.mktemp("a server"), tools)
    yield server
    assert server.end() == 0, server.said()


@pytest.fixture(scope="module")
def locked(tmp_path_factory, tools):
    """With a key, in the file that is looked for where nothing names one; from a checkout with a
    name that breaks quoting."""
    folder = tmp_path_factory.mktemp("a locked server")
    (folder / ".config" / "plainmind").mkdir(parents=True)
    path = folder / ".config" / "plainmind" / "serving.key"
    path.write_text(f"# of the tests\n{KEY}\n")
    path.chmod(0o600)
    checkout = folder / AWKWARD
    shutil.copytree(SERVING, checkout / "serving")
    for name in (".venv", "lib"):
        os.symlink(os.path.join(ROOT, name), checkout / name)
    server = Served(folder, tools, checkout / "serving" / "llama.cpp" / "serve")
    yield server
    assert server.end() == 0, server.said()


def listens_elsewhere(port):
    """Does a server that listens at 127.0.0.1 listen at every address?"""
    try:
        socket.create_connection(("127.0.0.2", port), timeout=10).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")
def test_the_check_sees_a_server_that_listens_everywhere():
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert listens_elsewhere(server.getsockname()[1])


def test_the_url_is_all_a_turn_needs(served, home):
    turn = served.turn(home, "--json", "What is the capital of France?")
    assert turn.returncode == 0, turn.stderr
    answer = json.loads(turn.stdout)
    assert answer["reply"].strip() and answer["model"] == "openai:SmolLM2-135M-Instruct.Q4_1"


def test_it_listens_to_this_machine_only(served):
    assert re.match(r"http://127\.0\.0\.1:\d+/v1$", served.url)
    assert served.status("/models")[0] == 200
    assert not listens_elsewhere(int(served.url.split(":")[2].split("/")[0]))


def test_it_says_what_it_is(served):
    assert "a small model that calls no tools" in served.said()


def test_a_web_page_of_elsewhere_cannot_read_it(served):
    assert (
        "Access-Control-Allow-Origin"
        not in served.status("/models", Origin="https://elsewhere.example")[1]
    )
    assert (
        served.status("/models", Origin="http://localhost:3000")[1]["Access-Control-Allow-Origin"]
        == "http://localhost:3000"
    )


def test_the_key_opens_it_and_a_turn_with_history_is_logged_with_its_model(locked, home):
    turn = locked.turn(home, "--context", "test/1", "Hello.", key=KEY)
    assert turn.returncode == 0 and turn.stdout.strip(), turn.stderr
    with open(home.path(home.current_window("test/1")), encoding="utf-8") as file:
        assert "SmolLM2-135M-Instruct.Q4_1" in file.read()


@pytest.mark.parametrize("key", [None, "a-wrong-key"])
def test_without_the_key_a_turn_ends_with_78(locked, home, key):
    turn = locked.turn(home, "Hello.", key=key)
    assert turn.returncode == 78 and "401" in turn.stderr and "check the key" in turn.stderr
    assert turn.stdout == "" and KEY not in turn.stderr and "a-wrong-key" not in turn.stderr


def test_health_asks_for_no_key(locked):
    assert locked.status("/health")[0] == 200 and locked.status("/models")[0] == 401


def test_the_key_is_in_no_argument_and_in_no_output(locked):
    listed = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(locked.process.pid)], capture_output=True, text=True
    )
    assert "embedded.py" in listed.stdout and KEY not in listed.stdout
    assert KEY not in locked.said()


def test_a_port_that_is_taken(served, tools, tmp_path):
    port = served.url.split(":")[2].split("/")[0]
    ended = subprocess.run(
        [LLAMA], capture_output=True, text=True, timeout=60,
        env={"PATH": str(tools), "HOME": str(tmp_path), "LLAMA_ARG_PORT": port},
    )  # fmt: skip
    assert ended.returncode == 69 and f"127.0.0.1:{port} taken" in ended.stderr


# --- the scripts, with something that stands in for the server


class Stage:
    """A checkout's serving/ in a folder with a name that breaks quoting, and programs that write
    down what they were given."""

    def __init__(self, folder, tools):
        self.serving = folder / AWKWARD / "serving"
        shutil.copytree(SERVING, self.serving)
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.home = folder / "home"
        self.home.mkdir()
        self._seen, self._tools = folder, tools

    def has(self, program):
        (self.programs / program).write_text(STAND_IN)
        (self.programs / program).chmod(0o755)
        return self

    def run(self, script, *arguments, **env):
        path = (
            f"{self.programs}:{self._tools}:{os.path.dirname(shutil.which('env'))}"
            if os.listdir(self.programs)
            else str(self._tools)
        )
        return subprocess.run(
            [self.serving / script, *arguments], capture_output=True, text=True, timeout=60,
            env={"PATH": path, "HOME": str(self.home), "SEEN": str(self._seen), **env},
        )  # fmt: skip

    def arguments(self):
        return (self._seen / "arguments").read_text().splitlines()

    def environment(self):
        return dict(
            line.split("=", 1)
            for line in (self._seen / "environment").read_text().splitlines()
            if "=" in line
        )

    def started(self):
        return (self._seen / "arguments").exists()


@pytest.fixture
def stage(tmp_path, tools):
    return Stage(tmp_path, tools)


def test_llama_server_is_given_its_settings_by_the_environment(stage):
    assert stage.has("llama-server").run("llama.cpp/serve", LLAMA_API_KEY=KEY).returncode == 0
    assert stage.arguments() == ["--jinja"]
    given = stage.environment()
    assert given["LLAMA_ARG_HOST"] == "127.0.0.1" and given["LLAMA_ARG_PORT"] == "8080"
    assert given["LLAMA_API_KEY"] == KEY
    assert given["LLAMA_ARG_HF_REPO"] and "LLAMA_ARG_MODEL" not in given


def test_what_the_user_set_stays(stage):
    mine = {
        "LLAMA_ARG_HF_REPO": "me/mine",
        "LLAMA_ARG_PORT": "81",
        "LLAMA_ARG_CTX_SIZE": "1",
        "LLAMA_ARG_UI": "1",
    }
    stage.has("llama-server").run("llama.cpp/serve", **mine)
    assert mine.items() <= stage.environment().items()


def test_a_file_is_served_under_its_name(stage, tmp_path):
    model = tmp_path / "my model.gguf"
    model.touch()
    assert (
        stage.has("llama-server")
        .run("llama.cpp/serve", str(model), LLAMA_ARG_HF_REPO="me/mine")
        .returncode
        == 0
    )
    given = stage.environment()
    assert given["LLAMA_ARG_MODEL"] == str(model) and given["LLAMA_ARG_ALIAS"] == "my model"
    assert "LLAMA_ARG_HF_REPO" not in given


def test_a_named_model_is_never_replaced_by_the_small_one(stage):
    ended = stage.run("llama.cpp/serve", LLAMA_ARG_HF_REPO="me/mine")
    assert ended.returncode == 69 and "no llama-server" in ended.stderr


def test_a_checkout_that_is_not_set_up(stage):
    ended = stage.run("llama.cpp/serve")
    assert ended.returncode == 69 and "run make" in ended.stderr


@pytest.mark.parametrize("arguments, code", [(["a", "b"], 2), (["missing.gguf"], 66)])
def test_wrong_use_of_llama_serve(stage, arguments, code):
    assert stage.has("llama-server").run("llama.cpp/serve", *arguments).returncode == code
    assert not stage.started()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "127.0.0.1,0.0.0.0", "192.168.1.2"])
@pytest.mark.parametrize("key", ["", ", ,"])
def test_llama_listens_elsewhere_with_a_key_only(stage, host, key):
    ended = stage.has("llama-server").run("llama.cpp/serve", LLAMA_ARG_HOST=host, LLAMA_API_KEY=key)
    assert ended.returncode == 78 and "there is no key" in ended.stderr and not stage.started()
    assert stage.run("llama.cpp/serve", LLAMA_ARG_HOST=host, LLAMA_API_KEY=KEY).returncode == 0
    assert stage.started()


@pytest.mark.parametrize(
    "text, mode, code",
    [
        (KEY, 0o640, 77),
        (KEY, 0o604, 77),
        ("", 0o600, 78),
        ("\n# no key\n", 0o600, 78),
        (KEY, 0o600, 0),
        (KEY, 0o400, 0),
    ],
)
def test_a_file_of_keys_is_private_and_has_one(stage, key_file, text, mode, code):
    path = key_file(text, mode)
    ended = stage.has("llama-server").run("llama.cpp/serve", LLAMA_ARG_API_KEY_FILE=path)
    assert ended.returncode == code and stage.started() == (code == 0)
    assert KEY not in ended.stdout + ended.stderr


def test_a_file_of_keys_that_is_missing(stage, tmp_path):
    ended = stage.has("llama-server").run(
        "llama.cpp/serve", LLAMA_ARG_API_KEY_FILE=str(tmp_path / "none")
    )
    assert ended.returncode == 78 and not stage.started()


@pytest.mark.parametrize(
    "program, script", [("llama-server", "llama.cpp/serve"), ("vllm", "vllm/serve")]
)
def test_the_usual_file_of_keys_is_found(stage, program, script):
    path = stage.home / ".config" / "plainmind" / "serving.key"
    path.parent.mkdir(parents=True)
    path.write_text(f"# mine\n{KEY}\n")
    path.chmod(0o644)
    assert stage.has(program).run(script).returncode == 77 and not stage.started()
    path.chmod(0o600)
    assert stage.run(script).returncode == 0
    given = stage.environment()
    assert given.get("LLAMA_ARG_API_KEY_FILE") == str(path) or given.get("VLLM_API_KEY") == KEY
    assert KEY not in "".join(stage.arguments())


def test_vllm_is_given_the_file_and_the_middleware(stage):
    assert stage.has("vllm").run("vllm/serve", "--port", "8001", VLLM_API_KEY=KEY).returncode == 0
    folder = str(stage.serving / "vllm")
    assert stage.arguments() == [
        "serve", "--config", f"{folder}/vllm.yaml", "--middleware", "only_v1.OnlyV1", "--host",
        "127.0.0.1", "--port", "8001",
    ]  # fmt: skip
    assert stage.environment()["PYTHONPATH"] == folder
    assert stage.environment()["VLLM_API_KEY"] == KEY


def test_vllm_is_given_another_file(stage, tmp_path):
    config = tmp_path / "my own.yaml"
    config.touch()
    stage.has("vllm").run("vllm/serve", str(config))
    assert stage.arguments()[:3] == ["serve", "--config", str(config)]


@pytest.mark.parametrize(
    "host", [["--host", "0.0.0.0"], ["--host=0.0.0.0"], ["--host", "127.0.0.1", "--host", "::"]]
)
def test_vllm_listens_elsewhere_with_a_key_only(stage, host):
    ended = stage.has("vllm").run("vllm/serve", *host)
    assert ended.returncode == 78 and not stage.started()
    assert stage.run("vllm/serve", *host, VLLM_API_KEY=KEY).returncode == 0
    assert stage.arguments()[-len(host) :] == host and stage.arguments().count(
        "127.0.0.1"
    ) == host.count("127.0.0.1")


@pytest.mark.parametrize(
    "arguments, code",
    [
        (["--api-key", KEY], 2),
        ([f"--api-key={KEY}"], 2),
        ([f"--api_key={KEY}"], 2),
        (["missing.yaml"], 66),
    ],
)
def test_wrong_use_of_vllm_serve(stage, arguments, code):
    ended = stage.has("vllm").run("vllm/serve", *arguments)
    assert ended.returncode == code and not stage.started() and KEY not in ended.stderr


def test_no_vllm(stage):
    assert stage.run("vllm/serve").returncode == 69


# --- what lies before vLLM


@pytest.mark.parametrize(
    "kind, path, passes",
    [
        ("lifespan", None, True), ("http", "/v1/chat/completions", True), ("http", "/health", True),
        ("websocket", "/v1/realtime", True),
        ("http", "/invocations", False), ("http", "/v1", False), ("http", "/", False),
        ("http", "/metrics", False),
        ("http", "/health/../invocations", False), ("http", "//v1/models", False),
        ("websocket", "/invocations", False),
    ],
)  # fmt: skip
def test_only_v1_is_passed_on(monkeypatch, kind, path, passes):
    monkeypatch.syspath_prepend(os.path.join(SERVING, "vllm"))
    from only_v1 import OnlyV1

    passed, sent = [], []

    async def app(scope, receive, send):
        passed.append(scope)

    async def send(event):
        sent.append(event)

    asyncio.run(OnlyV1(app)({"type": kind, "path": path}, None, send))
    assert bool(passed) == passes and bool(sent) != passes
    if kind == "http" and not passes:
        assert sent[0]["status"] == 404


# --- options, held against the servers' own lists


def strings_of_xllamacpp():
    """The words in llama.cpp's parser, as it is compiled into the package that is installed."""
    import xllamacpp

    (library,) = [
        name for name in os.listdir(os.path.dirname(xllamacpp.__file__)) if name.endswith(".so")
    ]
    with open(os.path.join(os.path.dirname(xllamacpp.__file__), library), "rb") as file:
        return file.read()


def test_llama_cpp_knows_every_variable():
    known = strings_of_xllamacpp()
    named = set(
        re.findall(r"LLAMA_A\w+", read("llama.cpp", "serve") + read("llama.cpp", "llama.service"))
    )
    named |= set(
        plistlib.loads(read("llama.cpp", "plainmind.llama.plist").encode())["EnvironmentVariables"]
    ) - {"PATH"}
    named |= set(re.findall(r"LLAMA_A\w+", read("README.md"))) | {"--jinja"}
    named.discard("LLAMA_ARG_")  # "set the rest by LLAMA_ARG_..."
    assert len(named) > 14
    assert [name for name in named if name.encode() + b"\0" not in known] == []
    assert b"LLAMA_ARG_NOSUCH\0" not in known


def lines(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return {line.strip() for line in file if not line.startswith("#")}


def test_vllm_knows_every_option():
    known = lines("vllm_options.txt")
    named = {f"--{key}" for key in yaml.safe_load(read("vllm", "vllm.yaml"))}
    given = "\n".join(re.findall(r"^exec vllm.*|set -- --.*", read("vllm", "serve"), re.M))
    named |= set(re.findall(r"(?<=\s)--[a-z][a-z-]+", given))
    assert {"--host", "--middleware", "--tool-call-parser"} <= named
    assert named - known == set()
    assert "--no-such-option" not in known


def fields(folder, known, where="task"):
    """Every field of a SkyPilot file that its schema does not list."""
    for key, value in folder.items():
        if key not in known[where]:
            yield f"{where}.{key}"
        inner = key if where == "task" else f"{where}.{key}"
        if inner in known and isinstance(value, dict):
            yield from fields(value, known, inner)


def test_skypilot_knows_every_field():
    with open(os.path.join(HERE, "skypilot_fields.json"), encoding="utf-8") as file:
        known = json.load(file)
    service = yaml.safe_load(read("skypilot", "service.yaml"))
    assert list(fields(service, known)) == []
    service["service"]["readiness_probe"]["port"] = 1
    assert list(fields(service, known)) == ["service.readiness_probe.port"]


def test_skypilot_starts_the_same_script_and_asks_for_a_key():
    service = yaml.safe_load(read("skypilot", "service.yaml"))
    port = yaml.safe_load(read("vllm", "vllm.yaml"))["port"]
    assert service["resources"]["ports"] == port
    assert service["secrets"] == {"VLLM_API_KEY": None}
    ((there, here),) = service["file_mounts"].items()
    assert os.path.join(ROOT, here) == SERVING
    assert os.access(
        os.path.join(SERVING, service["run"].split(f"$HOME/{there[2:]}/")[1].split('"')[0]), os.X_OK
    )
    pinned = re.search(r"vllm==([\d.]+)", service["setup"])[1]
    with open(os.path.join(HERE, "vllm_options.txt"), encoding="utf-8") as file:
        assert pinned in file.readline(), "the options are those of another version"


@pytest.mark.parametrize("shell", ["setup", "run"])
def test_skypilot_scripts_are_scripts(shell):
    text = yaml.safe_load(read("skypilot", "service.yaml"))[shell]
    assert subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True).stderr == ""


@pytest.mark.parametrize("script", ["key.sh", "fill", "llama.cpp/serve", "vllm/serve"])
def test_scripts_are_scripts(script):
    assert (
        subprocess.run(["sh", "-n", os.path.join(SERVING, script)], capture_output=True).stderr
        == b""
    )
    assert script == "key.sh" or os.access(os.path.join(SERVING, script), os.X_OK)


# --- units


def filled(stage, template):
    """A template with its paths, in the folder whose name breaks quoting."""
    path = f"{stage.programs}:{os.environ['PATH']}"
    done = subprocess.run(
        [stage.serving / "fill", stage.serving / template],
        capture_output=True,
        check=True,
        env={"PATH": path, "HOME": str(stage.home)},
    )
    assert b"@" not in done.stdout
    return done.stdout


def test_the_plist_names_the_script(stage):
    agent = plistlib.loads(filled(stage, "llama.cpp/plainmind.llama.plist"))
    assert agent["ProgramArguments"] == [str(stage.serving / "llama.cpp" / "serve")]
    assert agent["StandardErrorPath"] == f"{stage.home}/Library/Logs/plainmind.llama.log"
    assert agent["KeepAlive"] is True and agent["Umask"] == 0o077


@pytest.mark.parametrize("unit", ["llama.cpp/llama.service", "vllm/vllm.service"])
def test_a_unit_names_the_script(stage, unit):
    quoted = re.search(rb'^ExecStart=:/bin/sh "(.*)"$', filled(stage, unit), re.M)[1].decode()
    # systemd's own rules: backslashes in quotes, then specifiers; the colon says that $ is no
    # variable
    assert re.sub(r"\\(.)", r"\1", quoted).replace("%%", "%") == str(
        stage.serving / os.path.dirname(unit) / "serve"
    )
    assert "%" not in quoted.replace("%%", "")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd")
@pytest.mark.parametrize("unit", ["llama.cpp/llama.service", "vllm/vllm.service"])
def test_systemd_understands_the_unit(stage, unit, tmp_path):
    path = tmp_path / "plainmind.service"
    env = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}

    def complaints(text):
        path.write_bytes(text)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--user", path], capture_output=True, text=True, env=env
        )
        return [line for line in done.stderr.splitlines() if "plainmind.service" in line]

    assert complaints(filled(stage, unit)) == []
    assert complaints(filled(stage, unit).replace(b"UMask=", b"UMusk="))


@pytest.mark.parametrize("unit", ["llama.cpp/llama.service", "vllm/vllm.service"])
def test_a_unit_is_not_started_again_after_wrong_settings(unit):
    codes = re.search(r"^RestartPreventExitStatus=(.*)$", read(unit), re.M)[1].split()
    used = set(
        re.findall(
            r"fail .*(?<=['\"]) (\d+)", read("key.sh") + read(os.path.dirname(unit), "serve")
        )
    )
    assert used and used <= set(codes)


def test_fill_wants_a_template(stage):
    assert subprocess.run([stage.serving / "fill"], capture_output=True).returncode == 2
