"""The top floor of every command: manual, shared options, streams, exit codes.

Only this module prints to standard error or ends the process. A page in bin/ reads

    @cli.command(__doc__, json=True)
    @click.option(...)
    def main(session, ...): ...
    cli.run(main)
"""

import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from .. import __version__
from ..ground import clock, stream
from ..ground.environment import Environment
from ..ground.errors import (
    BAD_DATA,
    BUG,
    BUSY,
    INPUT_OUTPUT,
    INTERRUPTED,
    USAGE,
    BadData,
    Failure,
    Misconfigured,
    NotPermitted,
)
from ..ground.paths import Home

CHECKOUT = os.path.abspath(os.path.join(os.path.dirname(os.path.realpath(__file__)), *[".."] * 3))

#: variables every command reads, for the manual
VARIABLES = {
    "MIND_HOME": "the folder that holds everything (option --home; default: data/ of the checkout)",
    "MIND_NOW": "a fixed clock (option --now)",
    "MIND_DEBUG": "1 shows tracebacks",
    "NO_COLOR": "any value: no colour",
}


#: what messages are masked with: the process's secrets, and the home's as soon as it is known
_known = Environment()


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
        global _known
        self.env = _known = Environment(self.home.root)
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
            from ..ground.config import Settings

            path = self.home.path("config.toml")
            try:
                with open(path, encoding="utf-8-sig") as file:
                    text = file.read()
            except FileNotFoundError:
                text = ""
            except UnicodeDecodeError:
                raise Misconfigured("no UTF-8", place=path, cure="save it as UTF-8") from None
            self._settings = Settings(text, path, self.env.get)
        return self._settings

    def colored(self) -> bool:
        if self._color != "auto":
            return self._color == "always"
        return stream.stdout_is_terminal() and not self.env.get("NO_COLOR")

    def say(self, text: str) -> None:
        """A remark on standard error, unless --quiet."""
        if not self.quiet:
            complain(text)

    def remark(self, text: str) -> None:
        """One more remark, with --verbose."""
        if self.verbose:
            self.say(text)

    def progress_wanted(self) -> bool:
        return sys.stderr is not None and sys.stderr.isatty() and not self.quiet

    def means(self):
        """What remembering needs of this session (agent.memory)."""
        from ..memory.moments import Means

        return Means(
            self.home,
            self.env,
            self.settings,
            lambda: self.now,
            self.say,
            self.dry_run,
            is_inside(),
        )

    def showing(self):
        """Where the text of answers goes as it comes: to a terminal, unless it is to be JSON or nothing is to happen."""
        if self.json or self.dry_run or not stream.stdout_is_terminal():
            return None
        from ..agent.showing import Showing

        def write(text: str) -> None:
            stream.write(stream.visible(text))
            stream.flush()

        return Showing(write)

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
                complain(what)
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
                    plain(str(value))
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
            line = plain(f"{each.path}:{each.line}: {each.code}: {each.message}")
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
        complain(str(failure))
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
                "nothing to read on standard input", cure=f"see '{program()} --help'", code=USAGE
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


def program() -> str:
    return os.path.basename(sys.argv[0])


def complain(text: str) -> None:
    """One line on standard error, its secrets masked, its control characters made visible."""
    _write_error(f"{program()}: {plain(_known.mask(text))}\n")


def plain(text: str) -> str:
    """A text on one line, in which nothing moves a terminal's cursor, turns its direction, or looks like another line."""
    if text.isprintable():
        return text
    unsafe = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
    return re.sub(unsafe, lambda m: f"\\x{ord(m[0]):02x}", text)


def _write_error(text: str) -> None:
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:  # nobody listens; the exit code still tells
        pass


class Manual(click.Command):
    """A command whose help is its page's docstring, with the options filled in."""

    manual = ""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(self.text(ctx))

    def text(self, ctx: click.Context) -> str:
        """The whole manual as text: what --help prints and what the manual page is made from."""
        options = "OPTIONS\n" + "\n".join(self._option_lines(ctx)) + "\n\n"
        head, mark, rest = self.manual.partition("\nENVIRONMENT\n")
        return head.rstrip() + "\n\n" + options + mark.lstrip() + rest.rstrip() + "\n"

    def _option_lines(self, ctx: click.Context) -> list[str]:
        rows = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record and isinstance(param, click.Option):  # arguments stand in the synopsis
                rows.append(f"  {record[0]}\n      {record[1]}")
        return rows


def command(
    manual: str | None,
    *,
    json: bool = False,
    dry_run: bool = False,
    inside: bool | tuple[str, ...] = False,
) -> Callable:
    """Make a page's function a command with the suite's shared options; it gets a Session first.

    `inside` is for commands that the agent may use from inside its sandbox, where the broker runs them outside of it; it
    names options that are a person's even so.
    """

    def wrap(function: Callable) -> click.Command:
        params = list(getattr(function, "__click_params__", []))[::-1]
        shared = _shared_options(json, dry_run)
        own = {name for p in params for name in p.opts}
        made = Manual(
            name=program(),
            callback=lambda **given: _call(function, _permitted(made, inside, given)),
            params=params + [p for p in shared if not own & set(p.opts)],
            context_settings={"help_option_names": ["--help", "-h"]},
            add_help_option=True,
        )
        made.manual = (manual or "").strip("\n")
        return made

    return wrap


def _shared_options(json: bool, dry_run: bool) -> list[click.Option]:
    options = [click.Option(["--home"], metavar="DIR", help="The home, instead of MIND_HOME.")]
    if json:
        options.append(click.Option(["--json", "as_json"], is_flag=True, help="Print JSON Lines."))
    if dry_run:
        options.append(
            click.Option(
                ["--dry-run", "dry_run"], is_flag=True, help="Say what would be done; do nothing."
            )
        )
    return options + [
        click.Option(
            ["--now"], metavar="TIME", help="Take TIME (RFC 3339) for the present moment."
        ),
        click.Option(
            ["--quiet", "-q"],
            is_flag=True,
            help="No remarks on standard error; failures still are reported.",
        ),
        click.Option(["--verbose", "-v"], is_flag=True, help="More remarks on standard error."),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            metavar="WHEN",
            help="Colour: auto, always or never.",
        ),
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_print_version,
            help="Print the version and end.",
        ),
    ]


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        stream.write(f"{program()} (plainmind) {__version__}\n")
        ctx.exit(0)


def _permitted(
    made: click.Command, inside: bool | tuple[str, ...], given: dict[str, Any]
) -> dict[str, Any]:
    """What was given. NotPermitted for what the broker is not asked: this command, or an option that names a file or sets the clock."""
    if is_inside():
        named = inside if isinstance(inside, tuple) else ()
        personal = [
            p.opts[0]
            for p in made.params
            if p.metavar in ("FILE", "DIR") or p.name == "now" or p.opts[0] in named
        ]
        used = [p.opts[0] for p in made.params if p.opts[0] in personal and given.get(p.name or "")]
        if not inside or used:
            what = (
                f"'{used[0]}' is for a person" if inside else f"'{program()}' is not for the agent"
            )
            raise NotPermitted(
                f"refused from inside the sandbox: {what}", cure="ask the user to run it"
            )
    return given


def is_inside() -> bool:
    """Whether the broker of a sandbox runs this command for the agent."""
    return bool(os.environ.get("MIND_INSIDE"))


def _call(function: Callable, given: dict[str, Any]) -> int:
    session = Session(
        given.pop("home"), given.pop("now"), given.pop("quiet"), given.pop("verbose"), given.pop("color"),
        given.pop("as_json", False), given.pop("dry_run", False),
    )  # fmt: skip
    try:
        return max(function(session, **given) or 0, session.worst)
    except BrokenPipeError as error:  # of a child or a server; click would take it for our output's
        raise Failure("the other end was closed", code=INPUT_OUTPUT) from error


def run(main: click.Command) -> NoReturn:
    """Run a command and end the process: the one place where failures become exit codes."""
    code = BUG
    try:
        stream.fill()
        code = _outcome(main)
        stream.flush()
    except stream.ReaderLeft:
        code = 0
    except Failure as failure:  # a full disk behind standard output
        complain(str(failure))
        code = failure.code
    # nothing is left to clean up, and tearing the interpreter down takes milliseconds
    os._exit(code)


def _outcome(main: click.Command) -> int:
    try:
        return main.main(standalone_mode=False, prog_name=program()) or 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        said = error.format_message().rstrip(".")
        complain(f"{said[:1].lower()}{said[1:]}; see '{program()} --help'")
        return USAGE
    except Failure as failure:
        _maybe_traceback()
        complain(str(failure))
        return failure.code
    except stream.ReaderLeft:
        raise
    except SystemExit:  # how click ends when it printed the help and nobody read it
        raise stream.ReaderLeft from None
    except OSError as error:
        from ..ground.files import to_failure as as_failure

        _maybe_traceback()
        known = as_failure(error)
        complain(str(known))
        return known.code
    except UnicodeError as error:
        _maybe_traceback()
        complain(f"text that cannot be encoded: {error}")
        return BAD_DATA
    except Exception as error:
        _maybe_traceback()
        complain(f"a bug of ours: {type(error).__name__}: {error}; MIND_DEBUG=1 shows where")
        return BUG


def _maybe_traceback() -> None:
    if os.environ.get("MIND_DEBUG") == "1":
        import traceback

        _write_error(_known.mask(traceback.format_exc()))
