"""A client told to call us, in its own configuration, and no longer.

Owns which file that is, and what is written down so that it can be undone exactly: of a file of a
person's, only where it was empty (raw/maintenance-log/hooks.json)."""

import json
import os
import shlex
import shutil
import stat
import sys
from functools import cached_property
from shlex import quote
from typing import Any

from ..ground import clock, exchange, files, regular, stream
from ..ground.errors import BadData, Failure, NotPermitted
from ..ground.paths import CHECKOUT, IS_INSTALLED, Home, default_root, expand, find_repository
from ..truth import hook_calls
from . import configuration, extension
from .clients import CLIENTS
from .configuration import Hook, Undo

RECORD = "hooks.json"
CALLING = ("yes", "package")
#: bytes of a configuration: to change one of this size takes two seconds, and 150 MB of memory
LARGEST = 1 << 20


def carry_out(session: Any, client: str | None, mode: str, project: bool) -> int:
    """--install, --uninstall or --status, of all clients without one (session: cli.Session)."""
    if not client:
        return _tell_all(session, project)
    one = Installation(session, client, project)
    if mode == "--status":
        record = one.find_status()
        session.emit_table(record)
        return 0 if record["calls"] in CALLING else 1
    changed = one.install() if mode == "--install" else one.uninstall()
    for event in changed:
        session.emit({"path": one.path, "event": event}, f"{one.path}: {event}")
    if mode == "--install":
        stream.flush()  # first what was done
        one.tell_rest()
    elif changed:
        session.say("taken out; sessions that run already may call it until they end")
    else:
        session.say(f"{one.path}: nothing of ours is there")
    return 0


def _tell_all(session: Any, project: bool) -> int:
    """A line of each client that was ever started here. The exit code: whether one calls."""
    calling = False
    for client in CLIENTS:
        one = Installation(session, client, project)
        if not os.path.isdir(one.user):
            continue
        try:
            record = one.find_status()
        except (OSError, Failure) as failure:
            session.report(files.to_failure(failure))
            continue
        session.emit(record, "\t".join(record.values()))
        calling |= record["calls"] in CALLING
    return session.worst or (0 if calling else 1)


class Installation:
    def __init__(self, session: Any, client: str, project: bool):
        self.session, self.client, self.place = session, client, CLIENTS[client].place
        if project and self.place.project_todo:
            self.place = self.place._replace(todo=self.place.project_todo, trusted=False)
        place, known = self.place, session.env.get(self.place.variable)
        if known and place.below:
            known = os.path.join(known, place.below)
        self.user = known or expand(os.path.join("~", place.folder))
        self.path = os.path.join(self.user, place.file)
        if project:
            top = find_repository(os.getcwd())
            folder = place.project_folder or place.folder
            self.path = os.path.join(top, folder, place.project_file)
        self.way: Any = extension if place.extension else configuration

    def hooks(self) -> list[Hook]:
        """What is to be there. The client gives up a second after we would have."""
        timeout = (int(self.session.settings["hook.timeout"]) + 3) * self.place.second
        command = f"{quote(_find_command())} {self.client}{self._name_home()}"
        if self.place.extension:
            path = os.path.join(CHECKOUT, "integrations", self.place.extension)
            return [Hook(path, command, timeout)]
        longest = self.place.longest
        return [
            Hook(event, command, min(timeout, longest.get(event, timeout)), matcher)
            for event, matcher in self.place.hooks
        ]

    def install(self) -> list[str]:
        """The events whose hooks were written."""
        try:
            return self._install()
        except FileExistsError:  # a person made it in this moment
            return self._install()

    def _install(self) -> list[str]:
        hooks, known = self.hooks(), self._recall_undo()
        missing = not os.path.lexists(self.path)
        before = self._read()
        wanted, undo = self._judge(lambda: self.way.add(before, hooks, self.client, known))
        if wanted == before and not missing:
            return []
        self._record(undo, missing)
        with files.lock(self.session.home.knowledge_lock):
            if missing:
                files.create(self.path, wanted)
            else:
                self._check_writable()
                change = lambda old: self.way.add(old, hooks, self.client, known)[0]
                self._exchange(change)
        return [*self.way.describe(hooks, self.client)]

    def uninstall(self) -> list[str]:
        """The events whose hooks were taken out."""
        before, record = self._read(), self._find_record()
        found = self._judge(lambda: self.way.find(before, self.client))
        if not found and not record:  # else a removal was killed, or a person took them out
            return []
        # an empty file of ours alone would be an extension that cannot be loaded
        undo = self._recall_undo()
        made = record.get("created", bool(self.place.extension))
        with files.lock(self.session.home.knowledge_lock):
            if found:
                self._check_writable()
                self._exchange(lambda old: self.way.remove(old, self.client, undo))
            exchange.recover(self.path)
            left = self._read()
            if made and not left.strip():
                if os.path.lexists(self.path):
                    exchange.remove(exchange.in_real_folder(self.path), left)
                self._remove_folders()
        self._record(None, False)
        return [*found]

    def find_status(self) -> dict[str, str]:
        """Whether the client calls us, and when it last did; what is to be done is said."""
        found = self._judge(lambda: self.way.find(self._read(), self.client))
        wanted = self.way.describe(self.hooks(), self.client)
        last = hook_calls.find_last(self.session.home, self.client)
        calls = "yes" if found == wanted else "otherwise" if found else "no"
        if calls == "yes" and not self.place.trusted and last <= str(self._find_record().get("at")):
            calls = "not yet"
            self.session.say(self.place.todo)
        package = self._find_package()
        if calls == "no" and package:
            calls = "package"
        elif found and package:
            self._warn_of_both(package)
        if calls == "otherwise" and not self.place.extension:
            for command in configuration.list_commands(found, self.client):
                self.session.say(f"what stands there: {command}")
        return {"client": self.client, "path": self.path, "calls": calls, "last": last or "never"}

    def tell_rest(self) -> None:
        """What is left to do, and how the client's own sessions are imported."""
        if self.place.todo:
            self.session.say(self.place.todo)
        if package := self._find_package():
            self._warn_of_both(package)
        if self.place.notify:
            words = [*shlex.split(self.hooks()[0].command), "--notify"]
            line = f"{self.place.notify} = {json.dumps(words, ensure_ascii=False)}"
            where = os.path.join(self.user, "config.toml")
            self.session.say(f"where you cannot, this line in {where} keeps what is said: {line}")
        sessions = os.path.join(self.user, expand(self.place.sessions))
        if data := self.session.env.get("XDG_DATA_HOME"):
            sessions = sessions.replace(os.path.expanduser("~/.local/share"), data, 1)
        if not os.path.exists(sessions):
            return
        home, tool = self._name_home(), self.place.tool
        line = f"{_name('mem-import')} --from {tool}{home} {quote(sessions)}"
        line += f" | {_name('mem-append')} --jsonl{home}"
        self.session.say(f"to import the sessions it has kept: {line}")
        if stream.stdin_is_terminal() and stream.stdout_is_terminal():
            self.session.say("import them now? [y/N]")
            if sys.stdin.readline().strip().lower() in ("y", "yes"):
                import subprocess

                subprocess.run(["sh", "-c", f"{line} >/dev/null"], check=False)

    def _name_home(self) -> str:
        """The option that names the memory folder, where it is not the default one."""
        root = self.session.home.root
        own = root == default_root(self.session.env.get("XDG_DATA_HOME"))
        return "" if own else f" --home {quote(root)}"

    def _find_package(self) -> str:
        """The command that takes out the client's package of ours; '' if it has none."""
        if not self.place.find_package:
            return ""
        try:
            with regular.open_file(os.path.join(self.user, "settings.json")) as file:
                settings = json.loads(file.read().decode("utf-8-sig"))
        except (OSError, Failure, ValueError, RecursionError):
            return ""  # without settings, or what it would not read either
        some = isinstance(settings, dict)
        name = self.place.find_package(settings, self.user) if some else ""
        if name.startswith("."):
            name = os.path.normpath(os.path.join(self.user, name))
        return name and f"{self.place.take_out} {quote(name)}"

    def _warn_of_both(self, package: str) -> None:
        ours = f"mem-hook {self.client} --uninstall"
        self.session.say(
            f"a package calls it too, so all is given twice; run: {package}, or {ours}"
        )

    # --- the file

    def _read(self) -> bytes:
        """The configuration; b'' where there is none. A link that leads nowhere is refused."""
        try:
            with regular.open_file(self.path) as file:
                data = file.read(LARGEST + 1)
        except FileNotFoundError:
            if os.path.islink(self.path):
                cure = "remove it, or make the file"
                raise BadData("a link that leads nowhere", place=self.path, cure=cure) from None
            return b""
        if len(data) > LARGEST:
            cure = "is it the right file?"
            raise BadData(f"more than {LARGEST} bytes", place=self.path, cure=cure)
        return data

    def _check_writable(self) -> None:
        """NotPermitted for a file that its owner made read-only: an exchange would not ask."""
        if not os.stat(self.path).st_mode & stat.S_IWUSR:
            raise NotPermitted("read-only", place=self.path, cure="make it writable")

    def _exchange(self, change: Any) -> None:
        exchange.recover(self.path)
        done = exchange.edit(self.path, lambda old: self._judge(lambda: change(old)))
        self.session.tell_conflicts(done.conflicts)

    def _judge(self, work: Any) -> Any:
        """What `work` makes of the configuration; a failure says which file it is."""
        try:
            return work()
        except BadData as failure:
            failure.place = f"{self.path}:{failure.place}".rstrip(":")
            raise

    # --- what was written down

    @cached_property
    def _homes(self) -> list[Home]:
        """The memory folder, and those that the hooks that stand there name, which may be others:
        what was written down is where they were installed from."""
        try:
            found = self.way.find(self._read(), self.client)
        except (OSError, Failure):
            found = {}
        here, commands = self.session.home, self.way.list_commands(found, self.client)
        default = default_root(self.session.env.get("XDG_DATA_HOME"))
        roots = {configuration.find_home(command) or default for command in commands}
        return [here, *(Home(root) for root in sorted(roots) if root != here.root)]

    def _find_record(self) -> dict[str, Any]:
        name = os.path.realpath(self.path)
        known = (hook_calls.read(home, RECORD).get(name) for home in self._homes)
        return next((value for value in known if isinstance(value, dict)), {})

    def _find_missing(self) -> list[str]:
        """The folders that are to be made for the configuration, the innermost first."""
        folder, missing = os.path.dirname(self.path), []
        while not os.path.lexists(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        return missing

    def _remove_folders(self) -> None:
        """Those that were made for it, and have nothing in them."""
        known = self._find_record().get("folders")
        for folder in known if isinstance(known, list) else ():
            if not isinstance(folder, str) or not self.path.startswith(f"{folder}{os.sep}"):
                break
            try:
                os.rmdir(folder)
            except FileNotFoundError:  # by a removal that was killed
                continue
            except OSError:
                break

    def _recall_undo(self) -> Undo:
        value = self._find_record()
        blank, inner = value.get("blank"), value.get("inner")
        known = inner.items() if isinstance(inner, dict) else ()
        spaces = {name: gap for name, gap in known if isinstance(gap, str) and not gap.strip()}
        plain = isinstance(blank, str) and not blank.strip()
        return Undo(blank if plain else None, spaces)

    def _record(self, undo: Undo | None, created: bool) -> None:
        """Write down how a file's hooks are taken out; None: they are."""
        name, before, made = os.path.realpath(self.path), self._find_record(), None
        if undo:
            missing, earlier = self._find_missing(), before.get("folders")
            some = earlier if isinstance(earlier, list) else []  # one that was killed made them
            folders = [*missing, *(folder for folder in some if folder not in missing)]
            about = {"created": created or bool(before.get("created")), "folders": folders}
            made = {"at": clock.to_text(self.session.now), **about, **undo._asdict()}
        for home in self._homes:
            known = hook_calls.read(home, RECORD)
            kept = known.pop(name, None)
            if made or kept:
                hook_calls.write(home, RECORD, {**known, **({name: made} if made else {})})
            made = None  # in no other one


def _find_command() -> str:
    """mem-hook as it is on the path, which survives an upgrade; else as it was called."""
    here = os.path.abspath(sys.argv[0])
    if IS_INSTALLED:  # the page is the package's, the program beside its Python
        here = os.path.join(os.path.dirname(sys.executable), "mem-hook")
    known = shutil.which("mem-hook")
    return known if known and os.path.realpath(known) == os.path.realpath(here) else here


def _name(program: str) -> str:
    """A program beside mem-hook as a person types it: by its name, if that is enough."""
    path = os.path.join(os.path.dirname(_find_command()), program)
    return program if shutil.which(program) == path else quote(path)
