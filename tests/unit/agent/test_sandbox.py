"""The sandbox, on every rung this machine has: what cannot be read, what cannot be changed, what
still works."""

import json
import os
import socket
import subprocess
from glob import glob

import pytest
from plainmind.agent.bash import Shell, ShellOptions
from plainmind.agent.sandbox import autorun, bounds, landlock, seatbelt
from plainmind.ground import files
from plainmind.ground.errors import Misconfigured, NotPermitted
from plainmind.ground.paths import Home
from plainmind.truth.work import journal as work_journal
from rungs import SANDBOXES
from scene import ROOT
from scripted import CONTEXT, call, calls

DEAD = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True).stdout.strip()
CANARIES = [f"canary-{number}-7c1f" for number in range(8)]


@pytest.fixture(params=SANDBOXES)
def rung(request):
    return request.param


@pytest.fixture
def shell(home, unsynced, rung):
    os.makedirs(home.path("logs/a/b"))
    write(home.path("logs/a/b/20260101T000000Z.md"), "# a/b 20260101T000000Z\n\n")
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung)) as opened:
        yield opened


def write(path: str, text: str, mode: int = 0o644) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def content(path: str) -> str:
    with open(path) as file:
        return file.read()


# --- secrets

SEARCH = """
env; set; export -p
cat /proc/*/environ /proc/*/cmdline /proc/self/task/*/environ 2>/dev/null | tr '\\0' '\\n'
for pid in 1 2 $PPID $$
do cat /proc/$pid/environ /proc/$pid/cmdline 2>/dev/null | tr '\\0' '\\n'; done
ps auxewww 2>/dev/null
cat "$MIND_HOME"/.env* "$MIND_HOME"/*.env* "$MIND_HOME"/.*.env* 2>/dev/null
cat "$HOME"/secret "$HOME"/.ssh/id "$HOME"/.bash_history ~/.netrc 2>/dev/null
cat /etc/shadow /etc/sudoers 2>/dev/null
find /etc /home /root /var /run /tmp "$MIND_HOME/.." -xdev -size -2 -type f \\
  \\( -name secret -o -name id -o -name '*env*' \\) -exec cat {} + 2>/dev/null | grep canary
echo searched
"""


def test_no_secret_can_be_read(world, model, rung):
    """In the caller's environment, its arguments, `.env` and its copies, the person's own
    folder."""
    home = world.home
    for number, name in enumerate([".env", ".env~", ".#.env", "#.env#"]):
        write(home.path(name), f"CANARY_KEY={CANARIES[number]}\n", 0o644)
    write(world.path("secret"), CANARIES[4])
    write(world.path(".ssh/id"), CANARIES[4])
    model.then(calls(call(SEARCH, timeout=300)), "Searched.")
    world.turn(
        "go " + CANARIES[5],
        GEMINI_API_KEY=CANARIES[6],
        PLAIN=CANARIES[7],
        MIND_TURN_SANDBOX=rung,
        MIND_TURN_TIMEOUT="100",
    )
    told = world.events()[1]
    whole = told.content + (content(home.path(told.meta["full"])) if "full" in told.meta else "")
    assert whole.rstrip().endswith("searched") and told.meta["sandbox"] == rung
    assert [name for name in CANARIES if name in whole] == []
    for number, request in enumerate(model.requests):  # the message itself is the model's to read
        assert [
            name
            for name in CANARIES
            if name in json.dumps(request).replace("go " + CANARIES[5], "")
        ] == [], number


def test_the_search_finds_them_without_a_sandbox(world, model):
    """The control: the same search, and nothing between.

    What is known to be secret is masked even then.
    """
    write(world.home.path(".env"), f"CANARY_KEY={CANARIES[0]}\n", 0o600)
    write(world.path("secret"), CANARIES[4])
    model.then(calls(call(SEARCH.replace("find /", "true /"))), "Searched.")
    # a process of its own: what /proc shows of a forked one is not its environment
    more = {"PLAIN": CANARIES[7], "MIND_TURN_SANDBOX": "none"}
    world.start("--context", CONTEXT, "go " + CANARIES[5], **more).communicate()
    event = world.events()[1]
    told = event.content + (
        content(world.home.path(event.meta["full"])) if "full" in event.meta else ""
    )
    assert all(CANARIES[number] in told for number in (4, 5, 7)) and CANARIES[0] not in told
    assert "CANARY_KEY=***" in told


def test_known_secrets_are_masked_in_long_outputs_too(home, unsynced):
    with Shell(
        home,
        ROOT,
        None,
        ShellOptions(sandbox="none", mask=lambda text: text.replace("canary", "***")),
    ) as shell:
        done = shell.run(
            "for i in $(seq 8191); do printf x; done; printf canary; seq 5000; printf canary; for "
            "i in $(seq 8190); do printf x; done",
            20,
        )
    assert "cana" not in done.text and done.text.count("*") >= 2
    assert b"canary" not in files.read(home.path(done.full))


@pytest.mark.parametrize("way", ["below the system", "below a folder that is opened"])
def test_a_home_within_what_can_be_read(home, tmp_path, unsynced, rung, way, monkeypatch):
    """It is opened name by name all the same: a home may be below /opt."""
    write(home.path(".env"), CANARIES[0])
    write(home.path("knowledge/page.md"), "known")
    write(str(tmp_path / "beside"), "seen")
    more = (str(tmp_path),) if way != "below the system" else ()
    if not more:
        monkeypatch.setattr(bounds, "SYSTEM", (*bounds.SYSTEM, str(tmp_path)))
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung, readable=more)) as shell:
        done = shell.run(
            f'cat \'{tmp_path}/beside\' "$MIND_HOME/knowledge/page.md" "$MIND_HOME/.env"; echo x '
            f"> '{tmp_path}/beside'",
            20,
        )
    assert done.text.startswith("seenknown") and CANARIES[0] not in done.text
    assert content(str(tmp_path / "beside")) == "seen"


def test_keys_and_sockets_of_the_machine(shell):
    """The keyring is the user's whatever the namespace; a socket of the virtual machine's host is
    in no namespace."""
    calls = "250, 0, -3, 0" if os.uname().machine == "x86_64" else "219, 0, -3, 0"
    done = shell.run(
        f"/usr/bin/python3 -c 'import ctypes; l = ctypes.CDLL(None, use_errno=True); "
        f"print(l.syscall({calls}), ctypes.get_errno())'",
        20,
    )
    assert done.text == "-1 1"
    for family in (17, 40):  # packet, vsock
        assert (
            "PermissionError"
            in shell.run(f"/usr/bin/python3 -c 'import socket; socket.socket({family})'", 20).text
        )


# --- what cannot be changed


def checkout() -> dict[str, tuple[int, int]]:
    """The suite's own files, by size and time."""
    found = [
        f"{ROOT}/README.md",
        *glob(f"{ROOT}/bin/*"),
        *glob(f"{ROOT}/lib/**/*.py", recursive=True),
    ]
    return {path: (os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in found}


@pytest.mark.parametrize(
    "command",
    [
        'echo x >> "$MIND_HOME/logs/a/b/20260101T000000Z.md"',
        'truncate -s 0 "$MIND_HOME"/logs/a/b/*', 'rm -f "$MIND_HOME"/logs/a/b/*',
        'mv "$MIND_HOME/logs" "$MIND_HOME/logz"', 'ln -sf /etc "$MIND_HOME/knowledge"',
        'echo x > "$MIND_HOME/.env"',
        'mkdir "$MIND_HOME/skills"', 'echo x > "$MIND_HOME/config.toml"',
        'rmdir "$MIND_HOME/workspace"; mv "$MIND_HOME/workspace" "$MIND_HOME/w"',
        'ln "$MIND_HOME"/logs/a/b/* link && echo x >> link',
        'mount -t tmpfs none "$MIND_HOME/logs"; mount -o remount,rw /',
        'echo x >> /etc/passwd', 'echo x > /etc/cron.d/x', 'echo "* * * * * x" | crontab -',
        'echo x > /usr/bin/x', "touch /var/spool/cron/x",
        f"echo x >> '{ROOT}/bin/mem-show'", f"echo x > '{ROOT}/lib/plainmind/x.py'",
        f"rm '{ROOT}/README.md'",
        "python3 - << E\nimport os\nfor n in range(3, 64):\n  try: os.write(n, b'x')\n  except "
        "OSError: pass\nE",
    ],
)  # fmt: skip
def test_the_home_and_the_system_stay_as_they_are(shell, home, command, tmp_path):
    """Nor the suite's own folder. What a command writes into its own world is gone with it."""
    files.make_folder(home.workspace)
    before = everything(home.root)
    own = checkout()
    passwd = files.read("/etc/passwd")
    shell.run(command, 20)
    assert everything(home.root) == before
    assert files.read("/etc/passwd") == passwd and not os.path.exists("/etc/cron.d/x")
    assert not os.path.exists("/usr/bin/x")
    assert checkout() == own


def everything(root: str) -> dict[str, bytes]:
    """Every file, folder and link but those of the workspace."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if os.path.join(folder, name) != os.path.join(root, "workspace")
            and name != ".changes"  # of the turn's own, as long as it lasts
        ]
        for name in [*folders, *names]:
            path = os.path.join(folder, name)
            found[path] = (
                os.readlink(path).encode()
                if os.path.islink(path)
                else files.read(path)
                if name in names
                else b""
            )
    assert os.path.isdir(os.path.join(root, "workspace"))
    return found


def test_the_home_can_be_read(shell, home):
    write(home.path("knowledge/page.md"), "known\n")
    assert shell.run(
        'cat "$MIND_HOME/knowledge/page.md" && ls "$MIND_HOME" && head -1 '
        '"$MIND_HOME"/logs/*/*/*.md',
        20,
    ).text.startswith("known\n")


def test_what_is_linked_from_the_home_can_be_read(tmp_path, unsynced, rung):
    """A home that is reached by a link, with logs on another disk."""
    (tmp_path / "disk" / "a").mkdir(parents=True)
    (tmp_path / "disk" / "a" / "file").write_text("there")
    (tmp_path / "real").mkdir()
    (tmp_path / "linked home").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "logs").symlink_to(tmp_path / "disk")
    with Shell(
        Home(str(tmp_path / "linked home")), ROOT, None, ShellOptions(sandbox=rung)
    ) as shell:
        done = shell.run(
            'cat "$MIND_HOME/logs/a/file" && echo hi > file && cat "$MIND_HOME/workspace/file"; '
            'echo x > "$MIND_HOME/logs/a/file"',
            20,
        )
    assert done.text.startswith("therehi\n")
    assert (tmp_path / "disk" / "a" / "file").read_text() == "there"


def test_more_folders_can_be_read(home, tmp_path, unsynced, rung):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "file").write_text("readable")
    (tmp_path / "other").write_text("hidden")
    with Shell(
        home, ROOT, None, ShellOptions(sandbox=rung, readable=(str(tmp_path / "more"),))
    ) as shell:
        done = shell.run(
            f"cat '{tmp_path}/more/file'; cat '{tmp_path}/other'; echo x > '{tmp_path}/more/file'",
            20,
        )
    assert done.text.startswith("readable") and "hidden" not in done.text
    assert (tmp_path / "more" / "file").read_text() == "readable"


def test_tmp_lasts_a_turn_and_is_its_own(home, unsynced, rung):
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung)) as shell:
        shell.run('echo hi > "$TMPDIR/note"', 20)
        assert shell.run('cat "$TMPDIR/note"', 20).text == "hi"
        place = os.path.dirname(shell.sandbox._temporary)
        assert os.path.isdir(place)
    assert not os.path.exists(place)


def test_tmp_goes_whatever_is_in_it_and_after_a_killed_turn(home, tmp_path, unsynced, monkeypatch):
    """The next turn sweeps it. What a command closed is no hold, and what it linked to stays."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    write(str(tmp_path / "tmp" / "kept"), "x", 0o604)
    with Shell(home, ROOT, None, ShellOptions(sandbox="none")) as shell:
        place = os.path.dirname(shell.sandbox._temporary)
        shell.run(
            f'mkdir "$TMPDIR"/d; ln -s {tmp_path}/tmp/kept "$TMPDIR"/d/link; chmod 0 "$TMPDIR"/d',
            20,
        )
        left = place.replace(f"mind-{os.getpid()}", f"mind-{DEAD}")
        subprocess.run(["cp", "-a", place, left])
    with Shell(home, ROOT, None, ShellOptions(sandbox="none")) as shell:
        _ = shell.sandbox
        assert not os.path.exists(place) and not os.path.exists(left)
    assert os.listdir(tmp_path / "tmp") == ["kept"]
    assert os.stat(tmp_path / "tmp" / "kept").st_mode & 0o777 == 0o604


@pytest.mark.parametrize("what", ["home", "above", "logs", "suite", "person"])
def test_folders_that_hold_too_much(home, tmp_path, rung, what, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    files.make_folder(home.path("logs"))
    places = {
        "home": home.root, "above": str(tmp_path), "logs": home.path("logs"), "suite": ROOT,
        "person": str(tmp_path / "person"),
    }  # fmt: skip
    with pytest.raises(NotPermitted):
        Shell(home, ROOT, places[what], ShellOptions(sandbox=rung))


# --- network


def reached(shell: Shell) -> bool:
    """Whether a command reaches a server of this machine: the kernel answers for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return shell.run(
            f"(exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]}) && echo reached", 20
        ).text.endswith("reached")


def test_no_network_unless_it_is_allowed(home, unsynced, rung):
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung)) as shell:
        assert not reached(shell)
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung, network=True)) as shell:
        assert reached(shell)


def test_services_of_the_machine_are_not_reached(home, tmp_path, unsynced, rung):
    """A socket of a service, like D-Bus or Docker, would do what the sandbox does not."""
    path = os.path.join("/tmp", f"plainmind-test-{os.getpid()}")
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(path)
        try:
            service.listen()
            for network in (False, True):
                with Shell(
                    home,
                    ROOT,
                    None,
                    ShellOptions(
                        sandbox=rung,
                        network=network,
                        readable=(path,) if rung == "landlock" else (),
                    ),
                ) as shell:
                    done = shell.run(
                        f"/usr/bin/python3 -c 'import socket; "
                        f'socket.socket(socket.AF_UNIX).connect("{path}"); print("re" + "ached")\'',
                        20,
                    )
                    assert "reached" not in done.text and done.exit != 0
        finally:
            os.unlink(path)


def test_other_processes_are_out_of_reach(shell):
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            done = shell.run(
                f"kill -9 {other.pid} {os.getpid()}; cat /proc/{other.pid}/environ "
                f"/proc/{other.pid}/mem",
                20,
            )
            assert other.poll() is None and done.exit != 0
        finally:
            other.kill()


# --- things that run later


@pytest.fixture
def project(tmp_path):
    """A repository of the person's own, where commands may write."""
    folder = tmp_path / "a project"
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    write(str(folder / ".git/hooks/pre-commit"), "#!/bin/sh\n", 0o755)
    write(str(folder / ".bashrc"), "mine\n")
    write(str(folder / "vault/.obsidian/plugins/x/main.js"), "mine\n")
    write(str(folder / "sub/.vscode/tasks.json"), "{}\n")
    (folder / "dotfiles").mkdir()
    (folder / "free").mkdir()
    write(str(folder / "dotfiles/zshrc"), "mine\n")
    (folder / ".zshrc").symlink_to("dotfiles/zshrc")
    write(str(folder / "tools/hooks/pre-commit"), "#!/bin/sh\n", 0o755)
    write(str(folder / "dev/gitcfg"), "[alias]\n\tx = !true\n")
    for name, value in (
        ("core.hooksPath", "tools/hooks"),
        ("include.path", "../dev/gitcfg"),
        ("alias.y", "!./dev/missing"),
    ):
        subprocess.run(["git", "-C", str(folder), "config", name, value], check=True)
    write(str(folder / ".git/worktrees/tree/HEAD"), "ref: refs/heads/tree\n")
    write(str(folder / ".git/worktrees/tree/commondir"), "../..\n")
    return folder


def armed(folder) -> dict[str, str]:
    """What would run later, and what is in it."""
    found = {}
    for path in autorun.find((str(folder),)):
        if not os.path.lexists(path):  # named by a configuration, and not there
            continue
        if os.path.islink(path):
            found[path] = "-> " + os.readlink(path)
        elif os.path.isdir(path):
            found |= {
                os.path.join(top, name): content(os.path.join(top, name))
                for top, _, names in os.walk(path)
                for name in names
            }
        else:
            found[path] = content(path)
    return found


@pytest.mark.parametrize(
    "command",
    [
        "echo evil > .git/hooks/pre-commit",
        "echo evil > .git/hooks/post-commit; chmod +x .git/hooks/post-commit",
        "git config core.fsmonitor evil", "printf '[core]\\n\\tpager = evil\\n' >> .git/config",
        "rm -rf .git/hooks; mkdir -p .git/hooks; echo evil > .git/hooks/x",
        "mv .git .git2; mkdir -p .git/hooks; cp -r .git2/. .git/; "
            "echo evil > .git/hooks/pre-commit",
        "echo evil >> .bashrc", "mv .bashrc b; echo evil > .bashrc",
        "rm -rf vault; mkdir -p vault/.obsidian; echo evil > vault/.obsidian/x",
        "echo evil > vault/.obsidian/plugins/x/main.js",
        "mv vault v2; mkdir -p vault/.obsidian; echo evil > vault/.obsidian/x",
        "echo evil > sub/.vscode/tasks.json", "echo evil >> .zshrc",
        "rm .zshrc; echo evil > .zshrc", "ln -sf /tmp/evil .zshrc",
        "mv dotfiles d2; mkdir dotfiles; echo evil > dotfiles/zshrc",
        "echo evil > .profile", "echo evil > .envrc",
        "mkdir -p .config/systemd/user; echo evil > .config/systemd/user/x.service",
        "mkdir -p new/.git/hooks; echo evil > new/.git/hooks/pre-commit",
        "git init -q new && echo evil > new/.git/hooks/pre-commit",
        "git init -q new && git -C new config core.sshCommand evil",
        "git init -q --bare b && git -C b config core.fsmonitor evil",
        "git init -q new; git -C new config core.fsmonitor evil; chmod 311 new",
        "mkdir -p new/.git/hooks; echo evil > new/.git/hooks/x; chmod 555 new/.git; chmod 311 "
        "new/.git/hooks",
        "mkdir -p new/.git; { printf '%60000s' ''; echo evil; } > new/.git/config",
        "git init -q new && printf '[include]\\n path = x\\n' >> new/.git/config",
        "git init -q new && printf '[core] fsmonitor = evil\\n' >> new/.git/config",
        "mkdir x; ln -s ../evil x/.git; mkdir -p evil/hooks evil/objects evil/refs; echo x > "
        "evil/HEAD; echo evil > evil/hooks/post-checkout",
        "mkdir -p a/.git; : > a/.git/hooks; git init -q z; git -C z config core.fsmonitor evil",
        "mkdir -p .git/modules/x/hooks; echo evil > .git/modules/x/hooks/y",
        "echo evil > .git/worktrees/tree/commondir",
        "echo evil > .git/worktrees/tree/config.worktree",
        "mkdir -p r/.git; mkfifo r/.git/config; echo evil > .profile",
        "echo evil > tools/hooks/pre-commit", "echo evil > dev/gitcfg",
        "mv tools t2; mkdir -p tools/hooks; echo evil > tools/hooks/pre-commit",
        "echo evil > dev/missing",
        "mkdir b c c/objects c/refs; echo ref: refs/heads/x > b/HEAD; echo ../c > b/commondir; "
        "printf '[core]\\n\\tfsmonitor = evil\\n' > c/config",
        "mkdir -p .OBSIDIAN && echo evil > .OBSIDIAN/x",
        "mkdir -p Library/LaunchAgents; echo evil > Library/LaunchAgents/x.plist",
        "echo evil > .git/commondir",
        "echo evil > .vimrc; mkfifo .bash_login",
    ],
)  # fmt: skip
def test_nothing_is_planted(home, unsynced, rung, project, command):
    """Neither in what is there nor as something new; and what was made is still there, under
    another name."""
    before = armed(project)
    with Shell(home, ROOT, str(project), ShellOptions(sandbox=rung)) as shell:
        done = shell.run(command, 20)
        after = armed(project)
        for path, text in before.items():
            assert after.get(path) == text, path
        for path, text in after.items():
            assert path in before or "evil" not in text, path
        if (
            done.exit == 0
            and "evil"
            in subprocess.run(
                ["grep", "-rhs", "evil", str(project)], capture_output=True, text=True
            ).stdout
        ):
            assert autorun.SUFFIX in done.text, "the model is told"
        shell.run("true", 20)
    assert armed(project).items() >= before.items()


def test_a_folder_too_large_to_look_through(home, unsynced, rung, project, monkeypatch):
    """Nothing is run there: what a command plants could not be told from what is the person's."""
    monkeypatch.setattr(autorun, "MOST", 60)
    with Shell(home, ROOT, str(project), ShellOptions(sandbox=rung)) as shell:
        assert (
            shell.run(
                "mkdir -p free/q/$(seq -s / 1 70) && echo evil > free/q/.bashrc", 20
            ).text.count(autorun.SUFFIX)
            == 1
        )
        done = shell.run("echo evil > .git/config", 20)
    assert done.text.startswith("not run: more than 60 folders below") and done.exit == 127
    assert "evil" not in content(str(project / ".git/config"))


def test_many_repositories(home, unsynced, rung):
    """More than a rung takes one by one: whole folders are kept as they are then, and the others
    can be written."""
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung)) as shell:
        shell.run(
            "for i in $(seq 900); do mkdir -p many/$i/.git; : > many/$i/.git/config; done", 60
        )
        done = shell.run(
            "echo evil > many/7/.git/config; mkdir -p other && echo hi > other/file && cat "
            "other/file",
            60,
        )
    assert done.text.endswith("hi") or rung == "landlock"
    assert content(os.path.join(home.workspace, "many/7/.git/config")) == ""


def test_a_repository_of_its_own_stays_usable(home, unsynced, rung):
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung)) as shell:
        done = shell.run(
            "git init -q r && cd r && git config user.name A && git config user.email a@b && touch "
            "x && git add x && git commit -qm m",
            30,
        )
        assert (done.text, done.exit) == ("", 0)
        assert shell.run("cd r && git log --oneline | wc -l && git status --short", 20).text == "1"


def test_what_is_set_aside_is_kept(home, unsynced, rung):
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung)) as shell:
        done = shell.run("echo one > .bashrc", 20)
        assert (
            done.text
            == f"('{home.workspace}/.bashrc' would run later, outside the sandbox: it is now "
            f"'.bashrc.set-aside')"
        )
        shell.run("echo two > .bashrc", 20)
    assert sorted(os.listdir(home.workspace)) == [".bashrc.set-aside", ".bashrc.set-aside-2"]
    assert content(os.path.join(home.workspace, ".bashrc.set-aside-2")) == "two\n"


# --- the suite's own commands


@pytest.fixture
def remembered(home, log, command):
    command(
        "mem-append",
        "--context",
        "discord-thread/9",
        "--role",
        "user",
        stdin=b"The garage code is 1234.",
        home=home,
    )
    return home


def inside(home, rung, text: str, **terms):
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung, **terms)) as shell:
        return shell.run(text, 60)


def test_recall_pin_and_show(remembered, rung):
    done = inside(
        remembered,
        rung,
        "mem-recall --lexical garage code | mem-show; mem-pin $(mem-recall --lexical garage code | "
        "sed 's/: .*//'); mem-pin --list",
    )
    assert "> The garage code is 1234." in done.text and done.exit == 0
    assert "logs/discord-thread/9/" in content(remembered.pins)


def test_streams_and_exit_codes_are_the_commands_own(remembered, rung):
    done = inside(
        remembered,
        rung,
        "mem-recall --lexical xyzzy; echo $?; mem-show nowhere:1 2>/dev/null; echo $?; echo "
        "'garage' | mem-recall --lexical - 2>&1 | wc -l",
    )
    assert done.text == "1\n66\n1"


@pytest.mark.parametrize(
    "text",
    [
        "echo hi | mem-append --context a/b --role user", "mem-new a/b",
        "agent-turn --model embedded hi", "mem-embed",
        "mem-recall --home /tmp hi", "mem-recall --trace /tmp/x hi",
        "mem-recall --replay /etc/passwd", "mem-pin --home=/tmp --list",
        "mem-pin --text 'Yes, do it'", "mem-recall --now 2999-01-01T00:00:00Z hi",
        f"'{ROOT}/skills/skill-author/skill-add' .",
        f"'{ROOT}/skills/skill-author/skill-check' /etc",
    ],
)  # fmt: skip
def test_what_is_not_for_the_agent(remembered, rung, text):
    before = everything_logged(remembered)
    done = inside(remembered, rung, text)
    assert done.exit == 77 and "refused from inside the sandbox" in done.text
    assert everything_logged(remembered) == before


LOGGED = """
work-log task description=mine duration_s=1
work-log lesson lesson=learned agent=backend; echo "own $?"
MIND_AGENT=orchestrator work-log praise agent=backend; echo "praise $?"
MIND_AGENT=frontend work-log task description=theirs; echo "other name $?"
work-log task agent=frontend description=theirs; echo "other field $?"
work-log task description=x id=e0; echo "id $?"
MIND_AGENT= MIND_TURN= MIND_TURN_AGENT= work-log award agent=backend amount=9 reason=x
echo "award $?"
printf '{"type":"pr_merged"}\\n{"type":"void","of":"e0","reason":"x"}\\n' | work-log -
echo "lines $?"
{ echo x > "$MIND_HOME/work/events.jsonl"; } 2> /dev/null; echo "by hand $?"
"""


@pytest.mark.parametrize("agent", ["backend", ""])
def test_a_turn_logs_itself(home, command, rung, monkeypatch, agent):
    """As the agent that it was started as, whatever its commands say of themselves."""
    command("work-log", "praise", "agent=frontend", "id=e0", home=home)
    monkeypatch.setenv("MIND_AGENT", agent)
    said = inside(home, rung, LOGGED).text
    codes = dict(line.rsplit(" ", 1) for line in said.split("\n") if "work-log:" not in line)
    own, rest = ("0", "backend") if agent else ("77", "")
    assert codes == {
        "own": own, "praise": "77", "other name": own, "other field": "77", "id": "77",
        "award": "77", "lines": "77", "by hand": "1",
    }, said  # fmt: skip
    events = [row.line.fields for row in work_journal.read(home)][1:]
    made = [(event["type"], event["agent"]) for event in events]
    due = ["task", "lesson", "task", "pr_merged"] if agent else []
    assert made == [(type, rest) for type in due]


def everything_logged(home) -> list[str]:
    return sorted(os.path.join(top, name) for top, _, names in os.walk(home.logs) for name in names)


def test_the_way_out_runs_nothing_else(remembered, rung):
    """Whatever is asked of the broker: a program of its own, another file of the suite, garbage."""
    forward = os.path.join(ROOT, "lib/plainmind/agent/sandbox/forward.py")
    python = os.path.join(ROOT, ".venv/bin/python")
    ask = f"'{python}' -IS '{forward}'"
    script = "\n".join(
        [
            "printf '#!/bin/sh\\ntouch %s/escaped' \"$MIND_HOME\" > evil; chmod +x evil; mkdir -p "
            "bin; cp evil bin/mem-show",
            f"{ask} /bin/sh -c 'touch $MIND_HOME/escaped'; echo $?",
            f'{ask} "$PWD/evil"; echo $?; {ask} "$PWD/bin/mem-show"; echo $?',
            f"{ask} '{ROOT}/tests/run.sh'; echo $?; {ask} '{ROOT}/bin/../.venv/bin/python' -c "
            f'\'open("/tmp/x", "w")\'; echo $?',
            f"ln -s '{python}' bin/python; {ask} \"$PWD/bin/python\"; echo $?",
        ]
    )
    done = inside(remembered, rung, script)
    assert done.text.split("\n") == ["77"] * 6 and not os.path.exists(remembered.path("escaped"))


@pytest.mark.parametrize("how", ["relative", "through a link", "by a race"])
def test_the_way_out_runs_what_it_looked_at(remembered, rung, how):
    """A path of theirs that is the suite's when it is looked at, and leads elsewhere when it is
    run."""
    asked = r"""
import os, socket, sys
broker, program = os.environ["MIND_BROKER"], sys.argv[1]
def ask():
    if broker.isdigit():
        passing = socket.socket(fileno=os.dup(int(broker))); talk, other = socket.socketpair()
        socket.send_fds(passing, [b"."], [other.fileno()]); other.close()
    else:
        talk = socket.socket(socket.AF_UNIX); talk.connect(broker)
    words = os.fsencode("\0".join(["", "", program, "--version"]))
    socket.send_fds(talk, [b"%d\n%s" % (len(words), words)], [0, 1, 2])
    return talk
for turn in range(int(sys.argv[2])):
    os.symlink(os.path.dirname(sys.argv[3]), "fresh"); os.rename("fresh", "l")
    talk = ask()
    os.symlink("evil", "fresh"); os.rename("fresh", "l")
    talk.recv(10)
"""
    evil = f"#!/bin/sh\ntouch '{remembered.root}/escaped'\n"
    for place in ("evil/" + os.path.basename(ROOT), ROOT.lstrip("/")):
        write(os.path.join(remembered.workspace, place, "bin/mem-show"), evil, 0o755)
        write(os.path.join(remembered.workspace, place, ".venv/bin/python"), evil, 0o755)
    write(os.path.join(remembered.workspace, "asked.py"), asked)
    program = (
        "../" * 30 + f"{ROOT.lstrip('/')}/bin/mem-show"
        if how == "relative"
        else f"{remembered.workspace}/l/{os.path.basename(ROOT)}/bin/mem-show"
    )
    inside(
        remembered,
        rung,
        f"/usr/bin/python3 asked.py '{program}' {20 if how == 'by a race' else 2} '{ROOT}'",
    )
    assert not os.path.exists(remembered.path("escaped"))


def test_a_command_outside_has_limits(remembered, rung):
    done = inside(remembered, rung, "timeout 50 mem-recall --lexical < /dev/zero; echo $?")
    assert done.text.split("\n")[-1] not in ("0", "124") and done.seconds < 50


def test_the_way_out_outlives_abuse(remembered, rung):
    """Connections without words, with too many descriptors, with a socket that somebody else
    reads."""
    abuse = r"""
import os, socket, array
broker = os.environ["MIND_BROKER"]
def talk():
    if not broker.isdigit():
        s = socket.socket(socket.AF_UNIX); s.connect(broker); return s
    passing = socket.socket(fileno=os.dup(int(broker)))
    own, other = socket.socketpair()
    socket.send_fds(passing, [b"."], [other.fileno()])
    return own
kept = []
for data, fds in [(b"", []), (b"x", [0]), (b"5\nab", [0, 1, 2]), (b"99999999999\n", []),
                  (b"-1\nx", [0, 1, 2]), (b"3\na\0b", [0] * 3), (b"\n" * 70000, []),
                  (b"9" * 5000 + b"\n", [0, 1, 2]),
                  (b"2\n\xff\xff", [0, 1, 2]), (b"4\n" + b"a" * 50, [0, 1, 2])]:
    s = talk()
    try:
        socket.send_fds(s, [data], fds) if fds else s.sendall(data)
        for _ in range(20): socket.send_fds(s, [b"y"], [0, 1, 2])
    except OSError: pass
    kept.append(s)
    if len(kept) % 2: s.close()
if broker.isdigit():
    passing = socket.socket(fileno=os.dup(int(broker)))
    r, w = os.pipe()
    socket.send_fds(passing, [b"."], [r]); passing.send(b"."); socket.send_fds(passing, [b"."], [0])
"""
    write(os.path.join(remembered.workspace, "abuse.py"), abuse)
    done = inside(
        remembered, rung, "/usr/bin/python3 abuse.py; echo $?; mem-recall --lexical garage code"
    )
    assert done.text.startswith("0\nlogs/") and done.exit == 0 and done.seconds < 30


def test_a_command_outside_ends_with_the_one_inside(remembered, rung):
    with Shell(remembered, ROOT, None, ShellOptions(sandbox=rung)) as shell:
        done = shell.run("mem-recall - < <(sleep 60) 2> /dev/null & sleep 1; echo over", 20)
        assert done.text == "over" and done.seconds < 15
        shell.run("timeout 1 mem-recall - < <(sleep 60)", 20)
    left = subprocess.run(["pgrep", "-f", remembered.root], capture_output=True, text=True).stdout
    assert left == ""


# --- the ladder


def test_required_and_there_is_none(home, monkeypatch, world, model):
    from plainmind.agent.sandbox import rungs

    monkeypatch.setattr(rungs, "_missing", lambda name: "not here")
    assert rungs.choose("auto").rung == "none" and "not here" in rungs.choose("auto").reasons
    for setting in ("required", "landlock"):
        with pytest.raises(Misconfigured, match="not here"):
            rungs.choose(setting)
    monkeypatch.undo()
    assert (
        world.turn(
            "hi",
            code=78,
            MIND_TURN_SANDBOX="sandbox-exec" if os.uname().sysname == "Linux" else "landlock",
        )
        == ""
    )
    assert world.events() == [] and "none can be had" in world.said and not model.requests


def test_the_first_rung_there_is(monkeypatch):
    from plainmind.agent.sandbox import rungs

    monkeypatch.setattr(rungs, "_by_preference", lambda: ("bubblewrap", "landlock"))
    for missing, rung in (
        ((), "bubblewrap"),
        (("bubblewrap",), "landlock"),
        (("bubblewrap", "landlock"), "none"),
    ):
        monkeypatch.setattr(
            rungs, "_missing", lambda name, missing=missing: "no" if name in missing else ""
        )
        assert rungs.choose("auto").rung == rung


def test_no_sandbox_is_said(world, model, monkeypatch):
    model.then(calls(call("echo hi")), "Done.")
    empty = world.path("empty")
    os.makedirs(empty)
    world.turn("go", MIND_TURN_SANDBOX="none")
    assert world.events()[1].meta["sandbox"] == "none" and "no sandbox" not in world.said


def test_a_link_to_a_folder_that_is_not_open(tmp_path):
    """Landlock's grants: everything but what is protected, and nothing above it."""
    root = str(tmp_path)
    write(f"{root}/.git/hooks/x", "")
    write(f"{root}/.git/config", "")
    write(f"{root}/src/a", "")
    os.symlink("/etc", f"{root}/link")
    write_, read = landlock._split(root, [f"{root}/.git/config", f"{root}/.git/hooks"])
    assert write_ == [f"{root}/src"] and read == [root, f"{root}/.git"]


def test_the_profile_of_macos():
    """Only its text: no machine here can run it."""
    limits = bounds.Bounds("/w", ("/w",), ("/h/logs",), ("/usr",), "/h", "/t", False)
    text = seatbelt.render_profile(limits, ['/w/a"b/.git/hooks'])
    assert "(deny default)" in text and '(subpath "/w")' in text
    assert '(deny file-write* (subpath "/w/a\\"b/.git/hooks"))' in text
    assert "(allow network*)" not in text and "(allow network*)" in seatbelt.render_profile(
        limits._replace(network=True), []
    )
