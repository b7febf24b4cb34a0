"""What a command was started with: home, clock, settings, environment, input, and its voice."""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..ground import clock, regular, stream, zone
from ..ground.environment import Environment
from ..ground.errors import BUSY, NO_MATCH, USAGE, BadData, Failure, Misconfigured, Usage
from ..ground.paths import Home, default_root
from . import output


def _parse_now(text: str) -> int:
    try:
        return clock.parse(text)
    except BadData:
        from ..ground import when  # a program's own time need not pay for it

        return when.read_instant(text, clock.system_now())


def open_home(option: str | None) -> Home:
    """The memory folder that --home names, else MIND_HOME, else the default one."""
    if option == "":
        raise Usage("--home is empty", cure="name the memory folder, or leave it out")
    named = option or os.environ.get("MIND_HOME")
    return Home(named or default_root(os.environ.get("XDG_DATA_HOME", "")))


class Session:
    """What a command was started with: home, clock, settings, environment, and its voice."""

    def __init__(
        self,
        home: str | None,
        now: str | None,
        quiet: bool,
        verbose: bool,
        color: str,
        as_json: bool = False,
        dry_run: bool = False,
        key: str = "",
        inside: bool = False,
        told: Collection[str] = (),
        hear: Callable[[str], None] | None = None,
    ):
        """`key` is the JSON key of a record that is a bare text. `inside`: the broker of a sandbox
        runs this command for the agent. `told`: complaints about .env that were made. `hear` is
        told what a command says, in the place of standard error."""
        self._hear = hear or output.complain
        self.home = open_home(home)
        self.env = Environment(self.home.root)
        output.speak_of(self.home, self.env)
        self.quiet, self.verbose, self.json, self.dry_run = quiet, verbose, as_json, dry_run
        self.env.say = self.say
        for complaint in self.env.complaints:
            if complaint not in told:
                self.say(complaint)
        self._color, self._key, self.inside = color, key, inside
        self._settings: Any = None
        zone.use(lambda: self.settings["zone"])
        fixed = now or self.env.get("MIND_NOW")
        try:
            self.fixed_now = _parse_now(fixed) if fixed else None
        except BadData as error:
            raise Failure(
                f"{'--now' if now else 'MIND_NOW'}: {error.what}", cure=error.cure, code=USAGE
            ) from None
        self.worst = 0

    def again(self, hear: Callable[[str], None] | None = None) -> "Session":
        """The same with .env and config.toml as they are now: for what runs for long. `hear` is
        told what is said from now on."""
        now = clock.to_text(self.fixed_now) if self.fixed_now else None
        given = (self.quiet, self.verbose, self._color, self.json, self.dry_run, self._key)
        heard = hear and (lambda text: hear(output.remark(text)))
        return Session(self.home.root, now, *given, self.inside, self.env.complaints, heard)

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
                with regular.open_file(path) as file:
                    text = file.read().decode("utf-8-sig")
            except FileNotFoundError:
                text = ""
            except UnicodeDecodeError:
                raise Misconfigured(
                    "not valid UTF-8", place=path, cure="save it as UTF-8"
                ) from None
            self._settings = Settings(text, path, self.env.all().get)
        return self._settings

    def _is_colored(self) -> bool:
        if self._color != "auto":
            return self._color == "always"
        return stream.stdout_is_terminal() and not self.env.get("NO_COLOR")

    def say(self, text: str) -> None:
        """A remark on standard error, unless --quiet."""
        if not self.quiet:
            self._hear(text)

    def remark(self, text: str) -> None:
        """One more remark, with --verbose."""
        if self.verbose:
            self.say(text)

    def shows_text(self) -> bool:
        """Whether text may be shown as it comes: on a terminal, but not as JSON or in a dry run."""
        return stream.stdout_is_terminal() and not self.json and not self.dry_run

    def progress(self, label: str) -> Callable[[int, int], None]:
        """What long work calls with (done, of); it shows on a terminal, unless --quiet."""
        return output.progress(label, wanted=not self.quiet)

    @contextmanager
    def at_most(
        self, seconds: float, note: Callable[[str], None], code: int = BUSY
    ) -> Iterator[None]:
        """End the process with `code` when the block takes longer; `note` writes down that it did,
        if that can be done at once."""
        import threading

        def end() -> None:
            what = f"a run took more than {seconds:g} s, and was ended; the next one goes on"
            try:
                output.complain(what)
                note(what)
            finally:
                os._exit(code)

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def look_for_home(self) -> None:
        """A remark when there is no memory folder: a mistyped one has nothing wrong in it."""
        if not os.path.isdir(self.home.root):
            self.say(
                f"no memory folder '{self.home.root}' yet; "
                "if that is mistyped, check MIND_HOME or --home"
            )

    def emit(self, record: Any, text: str | None = None) -> None:
        """Print a record: with --json as an object on a line, else as `text` or a line of its own.
        A record is a NamedTuple, a dict, or a text: the value of the command's only key."""
        stream.write(
            self._line(record) if self.json or text is None else f"{stream.visible(text)}\n"
        )

    def _line(self, record: Any) -> str:
        text = output.json_text(record, self._key) if self.json else output.line_text(record)
        return f"{text}\n"

    def emit_found(self, found: Any) -> int:
        """Print a recall.report.Report, its records as objects or as 'ref: excerpt' where there is
        something to read. The exit code: whether anything was found."""
        bold, plain = ("\x1b[1m", "\x1b[0m") if self._is_colored() else ("", "")
        stream.write(stream.visible(found.text))
        for record in found.records:
            ref, excerpt = map(stream.visible, (record["ref"], record["excerpt"]))
            if self.json:
                self.emit(record)
            elif excerpt:
                stream.write(f"{bold}{ref}{plain}: {excerpt}\n")
        return 0 if found.some else NO_MATCH

    def acknowledge(self, records: Iterable[Any]) -> None:
        """Print records of what is done, at once. A reader may have left: ending with 0
        says that everything was written."""
        try:
            if text := "".join(map(self._line, records)):
                stream.write(text, at_once=True)
        except stream.ReaderLeft:
            pass

    def emit_table(self, record: dict[str, Any]) -> None:
        """Print a record as one object, or as lines 'name<TAB>value'."""
        self.emit(record, "\n".join(f"{name}\t{value}" for name, value in record.items()))

    def emit_findings(self, findings: Iterable[Any]) -> int:
        """Print findings, report failures among them, and return how many findings there were."""
        count = 0
        for finding in findings:
            if isinstance(finding, Failure):
                self.report(finding)
            else:
                self.emit(finding)
                count += 1
        return count

    def tell_conflicts(self, paths: Iterable[str]) -> None:
        """Say where saves are kept that somebody made at the same moment."""
        for path in paths:
            self.say(f"what was saved at the same moment is kept in '{path}'")

    def report(self, failure: Failure, told: bool = False) -> None:
        """Report one bad input of many; the command goes on and ends with the worst code. `told`:
        an earlier run has said so, and this one does not."""
        stream.flush()  # what was printed before it, before it
        if not told:
            self._hear(output.describe(failure))
        self.worst = max(self.worst, failure.code)

    def convert_each(self, values: Iterable[str], convert: Callable[[str], Any]) -> list[Any]:
        """Each value converted; one that fails is reported, and the others are done."""
        converted = []
        for value in values:
            try:
                converted.append(convert(value))
            except Failure as failure:
                self.report(failure)
        return converted

    def text(self, words: Sequence[str]) -> str:
        """The words of an argument as a text; standard input when there are none, or '-'."""
        if words and tuple(words) != ("-",):
            return " ".join(words)
        return stream.decode(self.read_input())

    def input_lines(self, needed: str = "") -> list[str]:
        """The lines of standard input that are not blank. Usage when there are none, and some are
        `needed`: references, say."""
        lines = _lines(self.read_input())
        if needed and not lines:
            raise Usage(f"no {needed} given", cure=f"see '{output.program()} --help'")
        return lines

    def piped_lines(self) -> list[str]:
        """As input_lines; none at a terminal, and from cron's /dev/null."""
        return _lines(self.piped_input())

    def piped_input(self) -> bytes:
        """What a pipe or a file gives on standard input; nothing at a terminal or /dev/null."""
        try:
            mode = os.fstat(0).st_mode
        except OSError:
            return b""
        return b"" if stat.S_ISCHR(mode) else stream.read()

    def refuse_input(self, cure: str) -> None:
        """Usage when a pipe or a file has something on standard input that would not be read: what
        somebody wrote is not ignored in silence. Nothing of it is taken."""
        if stream.is_input_waiting():
            other = "or redirect it from /dev/null"
            raise Usage("standard input is not read here", cure=f"{cure}, {other}")

    def read_input(self) -> bytes:
        """Standard input; at a terminal, where nobody is piping, the usage."""
        _refuse_terminal()
        return stream.read()

    def read_short_lines(self, most: int) -> Iterable[bytes]:
        """The same line by line, and no more than `most` bytes and one of a line."""
        _refuse_terminal()
        return stream.read_short_lines(most)


def _refuse_terminal() -> None:
    if stream.stdin_is_terminal():
        cure = f"see '{output.program()} --help'"
        raise Usage("nothing to read on standard input", cure=cure)


def _lines(data: bytes) -> list[str]:
    return [line for line in stream.decode(data).split("\n") if line.strip()]
