"""How a command is declared, called and ended: manual, shared options, exit codes.

Only here the process ends. A page in bin/ reads

    @cli.command(__doc__, json=True)
    @click.option(...)
    def main(session, ...): ...
    cli.run(main)
"""

import os
from collections.abc import Callable
from typing import Any, NoReturn

import click

from .. import __version__
from ..ground import stream
from ..ground.errors import BAD_DATA, BUG, INPUT_OUTPUT, INTERRUPTED, USAGE, Failure, NotPermitted
from .output import complain, masked, program, write_error
from .session import Session, is_inside

#: variables every command reads, for the manual
VARIABLES = {
    "MIND_HOME": "the folder that holds everything (option --home; default: data/ of the checkout)",
    "MIND_NOW": "a fixed clock (option --now)",
    "MIND_DEBUG": "1 shows tracebacks",
    "NO_COLOR": "any value: no colour",
}


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

        write_error(masked(traceback.format_exc()))
