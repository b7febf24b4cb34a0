"""What a command was started with: home, clock, settings, environment, input, and its voice."""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from ..ground import clock, stream
from ..ground.environment import Environment
from ..ground.errors import BUSY, USAGE, BadData, Failure, Misconfigured
from ..ground.paths import Home
from . import output

CHECKOUT = os.path.abspath(os.path.join(os.path.dirname(os.path.realpath(__file__)), *[".."] * 3))


def is_inside() -> bool:
    """Whether the broker of a sandbox runs this command for the agent."""
    return bool(os.environ.get("MIND_INSIDE"))


class Session:
    """What a command was started with: home, clock, settings, environment, and its voice."""

    def __init__(
        self,
        home: str | None,
        now: str | None,
        quiet: bool,
        verbose: bool,
        color: str,
        as_json: bool,
        dry_run: bool,
    ):
        root = home or os.environ.get("MIND_HOME") or os.path.join(CHECKOUT, "data")
        self.home = Home(root)
        self.env = Environment(self.home.root)
        output.mask_with(self.env)
        self.quiet, self.verbose, self.json, self.dry_run = quiet, verbose, as_json, dry_run
        for complaint in self.env.complaints:
            self.say(complaint)
        self._color = color
        fixed = now or self.env.get("MIND_NOW")
        try:
            self.fixed_now: int | None = clock.parse(fixed) if fixed else None
        except BadData as error:
            raise Failure(
                f"{'--now' if now else 'MIND_NOW'}: {error.what}", cure=error.cure, code=USAGE
            ) from None
        self._settings: Any = None
        self.worst = 0

    @property
    def now(self) -> int:
        """This instant, ms since the epoch; always the same one under --now."""
        return clock.system_now() if self.fixed_now is None else self.fixed_now

    @property
    def key(self) -> bytes:
        """MIND_KEY, which makes the logs' digests HMACs."""
        return stream.encode(self.env.get("MIND_KEY"))

    @property
    def settings(self):
        if self._settings is None:
            from ..ground.settings import Settings

            path = self.home.path("config.toml")
            try:
                with open(path, encoding="utf-8-sig") as file:
                    text = file.read()
            except FileNotFoundError:
                text = ""
            except UnicodeDecodeError:
                raise Misconfigured("no UTF-8", place=path, cure="save it as UTF-8") from None
            self._settings = Settings(text, path, self.env.all().get)
        return self._settings

    def colored(self) -> bool:
        if self._color != "auto":
            return self._color == "always"
        return stream.stdout_is_terminal() and not self.env.get("NO_COLOR")

    def say(self, text: str) -> None:
        """A remark on standard error, unless --quiet."""
        if not self.quiet:
            output.complain(text)

    def remark(self, text: str) -> None:
        """One more remark, with --verbose."""
        if self.verbose:
            self.say(text)

    def progress_wanted(self) -> bool:
        return sys.stderr is not None and sys.stderr.isatty() and not self.quiet

    @property
    def inside(self) -> bool:
        """Whether the agent runs this command, through the broker of its sandbox."""
        return is_inside()

    def shows_text(self) -> bool:
        """Whether text may be shown while it comes: on a terminal, and not as JSON or in a dry run."""
        return stream.stdout_is_terminal() and not self.json and not self.dry_run

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A progress bar with the time left, on a terminal; called with (done, of)."""
        if not self.progress_wanted():
            yield lambda done, of: None
            return
        bar = click.progressbar(length=1, label=what, show_pos=True, file=sys.stderr)

        def step(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        with bar:
            yield step

    @contextmanager
    def at_most(self, seconds: float, note: Callable[[str], None]) -> Iterator[None]:
        """End the process with 75 when the block takes longer; `note` writes down that it did."""
        import threading

        def end() -> None:
            what = f"a run took more than {seconds:g} s, and was ended; the next one goes on"
            try:
                note(what)
            finally:
                output.complain(what)
                os._exit(BUSY)

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def look_for_home(self) -> None:
        """A remark when there is no home: a mistyped one is not in order because nothing in it is wrong."""
        if not os.path.isdir(self.home.root):
            self.say(
                f"there is no home '{self.home.root}' yet; if it is mistyped, mend MIND_HOME or --home"
            )

    def print(self, records: Iterable[Any], keys: Sequence[str] = ()) -> None:
        """Records as JSON Lines, or as lines with tabs between the values."""
        for each in records:
            if self.json:
                line = stream.json_line(dict(zip(keys, each)) if keys else each)
            else:
                line = "\t".join(
                    output.plain(str(value))
                    for value in (each.values() if isinstance(each, dict) else each)
                ).rstrip("\t")
            stream.write(line + "\n")

    def findings(self, found: Iterable[Any]) -> int:
        """Findings (log.verify) as `path:line: code: message`, or JSON Lines; how many there were. A failure among them is reported."""
        count = 0
        for each in found:
            if isinstance(each, Failure):
                self.report(each)
                continue
            count += 1
            line = output.plain(f"{each.path}:{each.line}: {each.code}: {each.message}")
            stream.write((stream.json_line(each._asdict()) if self.json else line) + "\n")
        return count

    def wrote(self, written) -> None:
        """Print the reference of what was written (agent.notes), and say what a person should look at."""
        for kept in written.conflicts:
            self.say(
                f"you saved '{written.path}' at the same moment; a save of yours is in '{kept}'"
            )
        try:
            stream.write(
                (stream.json_line({"ref": written.ref}) if self.json else written.ref) + "\n"
            )
            stream.flush()
        except stream.ReaderLeft:  # ending with 0 says that everything was written
            pass

    def report(self, failure: Failure) -> None:
        """Report one bad input of many; the command goes on and ends with the worst code."""
        stream.flush()  # what was printed before it, before it
        output.complain(str(failure))
        self.worst = max(self.worst, failure.code)

    def each_of(self, given: Iterable[str], made: Callable[[str], Any]) -> list[Any]:
        """What is made of each argument; one that fails is reported, and the others are done."""
        found = []
        for each in given:
            try:
                found.append(made(each))
            except Failure as failure:
                self.report(failure)
        return found

    def piped_input(self) -> bytes:
        """What a pipe or a file gives on standard input; nothing at a terminal, and from cron's /dev/null."""
        try:
            mode = os.fstat(0).st_mode
        except OSError:
            return b""
        return b"" if stat.S_ISCHR(mode) else stream.read()

    def read_input(self) -> bytes:
        """Standard input; at a terminal, where nobody is piping, the usage."""
        if stream.stdin_is_terminal():
            raise Failure(
                "nothing to read on standard input",
                cure=f"see '{output.program()} --help'",
                code=USAGE,
            )
        return stream.read()


def json_object(text: str | None, option: str) -> dict[str, Any]:
    """An option's JSON object; none given is an empty one."""
    import json

    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise Failure(
            f"{option} is no JSON: {error}", cure='quote it: \'{"key": "value"}\'', code=USAGE
        ) from None
    if not isinstance(value, dict):
        raise Failure(f"{option} is no JSON object", cure='write {"key": "value"}', code=USAGE)
    return value
