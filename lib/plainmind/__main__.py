"""How a command of an installed wheel starts: the page of its name runs, as from a checkout.

`mem-append` calls `main`; the pages that call each other by their path, and the skills, come here
through suite/lib/start, as `__main__.py PAGE ARGUMENT…`.
"""

import os
import sys

PACKAGE = os.path.dirname(os.path.realpath(__file__))


def main() -> None:
    """Run the page of the command that was called; it ends the process."""
    # the folder of commands is not one of modules
    if os.path.realpath(sys.path[0]) == os.path.dirname(os.path.realpath(sys.argv[0])):
        del sys.path[0]
    _run(os.path.join(PACKAGE, "suite", "bin", os.path.basename(sys.argv[0])))


def _run(page: str) -> None:
    sys.argv[0] = page
    if os.environ.get("MIND_BROKER"):
        forward = os.path.join(PACKAGE, "agent", "sandbox", "forward.py")
        os.execv(sys.executable, [sys.executable, "-IS", forward, *sys.argv])
    try:
        with open(page, "rb") as file:
            code = compile(file.read(), page, "exec")
        exec(code, sys.modules["__main__"].__dict__)
    except ModuleNotFoundError as error:  # click itself, perhaps, and cli needs it
        from plainmind.ground.installation import tell_missing

        sys.stderr.write(f"{os.path.basename(page)}: {tell_missing(error.name or '')}\n")
        raise SystemExit(78) from None


if __name__ == "__main__":
    del sys.argv[0]
    _run(sys.argv[0])
