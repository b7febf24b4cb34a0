"""How a command is declared, called and ended: manual, shared options, exit codes.

Only here the process ends. A page in bin/ reads

    @cli.command(__doc__, output=("ref",), reads="recall")
    @click.option(...)
    def main(session, ...): ...
    cli.run(main)
"""

import os
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from .. import __version__
from ..ground import collector, masks, stream
from ..ground.errors import (
    BUG,
    INPUT_OUTPUT,
    INTERRUPTED,
    USAGE,
    BadData,
    Failure,
    Misconfigured,
    NotPermitted,
    Usage,
)
from .output import complain, describe, end_progress, program, remark, write_error
from .session import Session
from .values import Value

#: what a command prints as JSON: the keys of its records, from their type or by name, or a
#: sentence where they are open; several shapes have the option that prints them as their name
Shape = tuple[str, ...] | type | str


class Manual(click.Command):
    """A command whose help is its page's docstring, with what the tables say filled in."""

    manual = ""
    output: dict[str, Shape] | None = None
    reads = ""
    topic: Callable[[str], str] = staticmethod(lambda word: "")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click; the help of a word that has its own is printed where it stands first."""
        if {"--help", "-h"} & set(args) and (text := self.topic(args[0])):
            stream.write(text)
            ctx.exit()
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(self.text(ctx))

    def get_help_option(self, ctx: click.Context) -> click.Option:
        """As click's, whose text would be translated: looking for that takes a millisecond of each
        command, and it is printed nowhere."""
        if self._help_option is None:
            self._help_option = click.Option(
                [*self.get_help_option_names(ctx), "_help"], is_eager=True, expose_value=False,
                callback=_print_help, **_FLAG,
            )  # fmt: skip
        return self._help_option

    def make_parser(self, ctx: click.Context) -> Any:
        """One to which '- a bullet' is a word: no option begins with a blank."""
        parser: Any = super().make_parser(ctx)
        process = parser._process_opts

        def take(word: str, state: Any) -> None:
            if word[1:2].isspace():
                state.largs.append(word)
            else:
                process(word, state)

        parser._process_opts = take
        return parser

    def text(self, ctx: click.Context) -> str:
        """The whole manual as text: what --help prints and what the manual page is made from."""
        from . import sections

        head, mark, rest = self.manual.partition("\nFILES\n")
        if not mark:
            head, mark, rest = self.manual.partition("\nEXIT STATUS\n")
        shared = {param.opts[0] for param in shared_options()} | {"--help"}
        middle = sections.options(self.get_params(ctx), shared)
        if self.output is not None:
            middle += sections.json_keys(self.output)
        middle += sections.environment(self.reads)
        return f"{head.rstrip()}\n\n{middle}{mark.lstrip()}{rest.rstrip()}\n"


def _print_help(ctx: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def command(
    manual: str | None,
    *,
    output: Shape | dict[str, Shape] | None = None,
    reads: str = "",
    dry_run: bool = False,
    nightly: bool = False,
    inside: bool | tuple[str, ...] = False,
    topic: Callable[[str], str] | None = None,
) -> Callable:
    """Make a page's function a command with the suite's shared options; it gets a Session first.

    `output` is what it prints with --json, and `reads` names the settings, sections of them and
    variables it reads besides those of every command; the manual tells both. `nightly` is for what
    a schedule does once a night. `inside` is for
    commands that the agent may use from inside its sandbox, where the broker runs them outside of
    it; it names options that are a person's even so. `topic` gives the help of a first word that
    has its own, '' of any other.
    """

    def wrap(function: Callable) -> click.Command:
        params = list(getattr(function, "__click_params__", []))[::-1]
        page = Manual(
            name=program(),
            callback=lambda **values: _call(page, function, _permit(page, inside, values)),
            params=params
            + [click.Option(["--nightly"], help=NIGHTLY, **_FLAG)] * nightly
            + shared_options(json=output is not None, dry_run=dry_run),
            context_settings={"help_option_names": ["--help", "-h"]},
            add_help_option=True,
        )
        page.manual = (manual or "").strip("\n")
        page.output = output if isinstance(output, dict) or output is None else {"": output}
        page.reads = reads
        page.topic = topic or page.topic
        return page

    return wrap


NIGHTLY = "Do nothing if this was done since 3:00 (for a schedule that asks every hour)."


def one_of(modes: dict[str, Any], *, required: bool = False) -> str:
    """The name of the mode that is on, '' for none. Usage for several, or none if `required`."""
    names = [name for name, value in modes.items() if value]
    if len(names) > 1:
        raise Usage(f"use only one of {_and(names)}")
    if required and not names:
        raise Usage("say what to do", cure=f"use one of {_and(list(modes))}")
    return names[0] if names else ""


def _and(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def shared_options(*, json: bool = True, dry_run: bool = True) -> list[click.Parameter]:
    """The options of every command, and the two that most have; mind-options(7) tells them."""
    rows: list[tuple[list[str], str, dict[str, Any]]] = [
        (["--home"], "The memory folder, instead of MIND_HOME.", {"metavar": "DIR"}),
        (["--now"], "Use TIME as the current time; see TIMES.", {"metavar": "TIME"}),
        (["--quiet", "-q"], "No remarks on standard error; failures are reported.", _FLAG),
        (["--verbose", "-v"], "More remarks on standard error.", _FLAG),
        (
            ["--color"],
            "Colour: auto, always or never.",
            {
                "type": click.Choice(["auto", "always", "never"]),
                "default": "auto",
                "metavar": "WHEN",
            },
        ),
        (
            ["--version"],
            "Print the version.",
            {**_FLAG, "expose_value": False, "is_eager": True, "callback": _print_version},
        ),
    ]
    if dry_run:
        rows.insert(0, (["--dry-run", "dry_run"], "Say what would be done; change nothing.", _FLAG))
    if json:
        rows.insert(0, (["--json", "as_json"], "Print JSON Lines.", _FLAG))
    return [click.Option(names, help=text, **more) for names, text, more in rows]


_FLAG: dict[str, Any] = {"is_flag": True}


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        stream.write(f"{program()} (plainmind) {__version__}\n")
        ctx.exit(0)


def _is_inside() -> bool:
    """Whether the broker of a sandbox runs this command for the agent."""
    return bool(os.environ.get("MIND_INSIDE"))


def _permit(
    page: click.Command, inside: bool | tuple[str, ...], values: dict[str, Any]
) -> dict[str, Any]:
    """The values. NotPermitted for what the broker is not asked: this command, or an option that
    names a file or sets the clock."""
    if _is_inside():
        named = inside if isinstance(inside, tuple) else ()
        personal = [
            param.opts[0]
            for param in page.params
            if param.metavar in ("FILE", "DIR") or param.name == "now" or param.opts[0] in named
        ]
        used = [
            param.opts[0]
            for param in page.params
            if param.opts[0] in personal and values.get(param.name or "")
        ]
        if not inside or used:
            what = (
                f"'{used[0]}' is for a person" if inside else f"'{program()}' is not for the agent"
            )
            raise NotPermitted(
                f"refused from inside the sandbox: {what}", cure="ask the user to run it"
            )
    return values


def _call(page: Manual, function: Callable, values: dict[str, Any]) -> int:
    first = next(iter((page.output or {}).values()), ())
    names = ("home", "now", "quiet", "verbose", "color", "as_json", "dry_run")
    shared = {name: values.pop(name) for name in names if name in values}
    key = first[0] if isinstance(first, tuple) and first else ""
    session = Session(**shared, key=key, inside=_is_inside())
    for param in page.params:
        if isinstance(param.type, Value):
            # '' is what a script's empty variable gives, and as good as not given
            value, read = values[param.name or ""], param.type.read
            if isinstance(value, tuple):
                values[param.name or ""] = tuple(read(text, session) for text in value if text)
            else:
                values[param.name or ""] = read(value, session) if value else None
    try:
        if values.pop("nightly", False):
            job = " ".join([program(), *(name for name, value in values.items() if value)])
            return _call_nightly(session, job, lambda: function(session, **values) or 0)
        return max(function(session, **values) or 0, session.worst)
    except BrokenPipeError as error:  # of a child or a server; click would take it for our output's
        raise Failure("the other end was closed", code=INPUT_OUTPUT) from error


def _call_nightly(session: Session, job: str, work: Callable[[], int]) -> int:
    from ..ground.nights import Nights

    nights = Nights(session.home)
    if not nights.is_due(job, session.now):
        return 0
    code = max(work(), session.worst)
    if not session.dry_run:
        nights.note(job, session.now, code)
    return code


def is_given(*options: str) -> bool:
    """Whether the command line has one of these options."""
    return bool({*options, "--help", "--version"} & set(sys.argv[1:]))


def run(main: click.Command, *, host: bool = False, stays: bool = False) -> NoReturn:
    """Run a command and end the process: the one place where failures become exit codes. `host`:
    another program goes on from here, whatever happens: then that is 0. `stays`: for long, so that
    garbage would pile up."""
    code = BUG
    if not stays:
        collector.relax()
    try:
        stream.fill()
        code = _outcome(main)
        stream.flush()
    except stream.ReaderLeft:
        code = 0
    except Failure as failure:  # a full disk behind standard output
        complain(describe(failure))
        code = failure.code
    end_progress()
    code = 0 if host else code
    # nothing is left to clean up, and tearing the interpreter down takes milliseconds
    os._exit(code)


def leave() -> NoReturn:
    """End with 0 at once, whatever is going on: for what is there for a client that has left, and
    holds nothing that a death could leave undone."""
    os._exit(0)


def _outcome(main: click.Command) -> int:
    try:
        return main.main(standalone_mode=False, prog_name=main.name) or 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        complain(f"{_in_our_words(error)}; see '{program()} --help'")
        return USAGE
    except stream.ReaderLeft:
        raise
    except SystemExit:  # how click ends when it printed the help and nobody read it
        raise stream.ReaderLeft from None
    except Exception as error:
        _maybe_traceback()
        failure = explain(error)
        complain(describe(failure))
        return failure.code


def explain(error: Exception) -> Failure:
    """What a command says of an error, and ends with."""
    if isinstance(error, (OSError, Failure)):
        from ..ground.files import to_failure

        return to_failure(error)
    if isinstance(error, UnicodeError):
        return BadData(f"text that cannot be encoded: {error}")
    if isinstance(error, ModuleNotFoundError):
        return _explain_missing(error)
    told = f"internal error: {type(error).__name__}: {error}"
    return Failure(told, cure="MIND_DEBUG=1 shows where")


def tell(error: Exception) -> str:
    """The same in words, for somebody else to show."""
    return remark(describe(explain(error)))


def _in_our_words(error: click.ClickException) -> str:
    """What click says of wrong use, as every other message is written."""
    if isinstance(error, click.NoSuchOption):
        near = [f"'{name}'" for name in error.possibilities or () if _is_near(name, error)]
        meant = f" (did you mean {' or '.join(near)}?)" if near else ""
        return f"no such option '{error.option_name}'{meant}"
    text = error.format_message().rstrip(".")
    text = re.sub(r"\. Choose from:\s+", ": one of ", text).replace(",\n\t", ", ")
    text = re.sub(r"is not a valid integer(?: range)?$", "is not a whole number", text)
    text = re.sub(r"is not a valid float(?: range)?$", "is not a number", text)
    text = re.sub(r"\S+ is not in the range (\S+)<=x<=(\S+)$", r"must be from \1 to \2", text)
    text = re.sub(r"\S+ is not in the range x>=(\S+)$", r"must be at least \1", text)
    return f"{text[:1].lower()}{text[1:]}"


def _is_near(name: str, error: click.NoSuchOption) -> bool:
    """Whether somebody who mistyped an option may have meant this one; click goes further."""
    from difflib import SequenceMatcher

    given = error.option_name.strip("-")
    return SequenceMatcher(None, given, name.strip("-")).ratio() >= 0.75


def _explain_missing(error: ModuleNotFoundError) -> Failure:
    """A package that is not there: an extra's, or set-up was undone, or Python replaced."""
    from ..ground.installation import tell_cure

    module = error.name or ""
    return Misconfigured(f"package '{module}' is missing", cure=f"run: {tell_cure(module)}")


def _end_import(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """As `run`, for what a page raises while it is loaded."""
    if isinstance(error, ModuleNotFoundError):
        failure = _explain_missing(error)
        complain(describe(failure))
        os._exit(failure.code)
    sys.__excepthook__(kind, error, trace)


sys.excepthook = _end_import


def _maybe_traceback() -> None:
    if os.environ.get("MIND_DEBUG") == "1":
        import traceback

        write_error(masks.mask(traceback.format_exc()))
