"""Where things are in the memory folder, and which contexts may exist.

Owns the layout of the home and the check that a name or a path stays inside it. Refuses to know
what is in the files."""

import os
import re

from .errors import BadData, Misconfigured, NoInput, NotPermitted

PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
_CARRIED = os.path.join(PACKAGE, "suite")
#: a wheel carries what of a checkout its commands need
IS_INSTALLED = os.path.isdir(_CARRIED)
#: the folder of bin/, skills/ and the schedules
CHECKOUT = _CARRIED if IS_INSTALLED else os.path.dirname(os.path.dirname(PACKAGE))

_WINDOW = re.compile(r"\d{8}T\d{6}Z(_\d{4,})?\.md\Z", re.ASCII)
_SURFACE = re.compile(r"[a-z][a-z0-9-]{0,31}\Z", re.ASCII)
_CONTEXT = re.compile(r"([a-z][a-z0-9-]{0,31})/([a-z0-9_-]{1,64})\Z", re.ASCII)


def default_root(data_home: str) -> str:
    """The memory folder that nobody named: the checkout's, or the person's. `data_home`:
    XDG_DATA_HOME, if it is set."""
    if not IS_INSTALLED:
        return os.path.join(CHECKOUT, "data")
    return os.path.join(data_home or expand("~/.local/share"), "plainmind")


def expand(path: str) -> str:
    """`path` with the home directory for its '~'. Misconfigured where there is none: a folder that
    is called '~' would be made."""
    full = os.path.expanduser(path)
    if full.startswith("~"):
        raise Misconfigured(f"'{path}': no home directory is known", cure="set HOME, or MIND_HOME")
    return full


#: folders at the top of a home that hold what people are told of
FOLDERS = set("logs knowledge raw memory resident pins work remind relay vectors".split())


class Home:
    """The folder that holds everything one agent remembers. `root` is absolute."""

    def __init__(self, root: str):
        self.root = os.path.abspath(expand(root))
        self.lock = self.path(".lock")
        self.logs = self.path("logs")
        self.knowledge_lock = self.path("raw", "maintenance-log", ".lock")
        self.pins = self.path("pins", "pins.md")
        self.index = self.path("index")
        self.vectors = self.path("vectors")
        self.workspace = self.path("workspace")
        #: the journal of the last digest of every window (formats.log.window_heads)
        self.window_heads = self.path("raw", "maintenance-log", "window-heads.jsonl")
        #: what is staged for resident memory (truth.resident.journal)
        self.writeback_journal = self.path("resident", "writeback-journal.jsonl")

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    def shell_path(self, *parts: str) -> str:
        """A path of the home as a person pastes it into a shell."""
        from shlex import quote

        return quote(self.path(*parts))

    def relative(self, path: str) -> str:
        """`path`, absolute or relative to the home, as the part below the home. Raises NotPermitted
        when it leads outside, through `..` or a symbolic link."""
        return self.resolve(path)[0]

    def resolve(self, path: str) -> tuple[str, str]:
        """The same, and the real path that was judged: to be opened by `regular.open_direct`, where
        somebody may put a link in the place of what was looked at."""
        if "\0" not in path:
            full = os.path.normpath(os.path.join(self.root, path))
            real, root = os.path.realpath(full), os.path.realpath(self.root)
            inside = real.startswith(root + os.sep)
            if full.startswith(self.root + os.sep):
                part = os.path.relpath(full, self.root)
                if inside or self._moved(part, real):
                    return part, real
            elif inside:
                return os.path.relpath(real, root), real
        raise NotPermitted(f"'{path}' is outside the memory folder", cure="give a path inside it")

    def find(self, path: str) -> str:
        """As `relative`; what is not in the memory folder may be in the working directory, if that
        is inside."""
        outside: NotPermitted | None = None
        part = ""
        try:
            part = self.relative(path)
            if os.path.lexists(self.path(part)):
                return part
        except NotPermitted as error:
            outside = error
        try:
            here = self.relative(os.path.abspath(path))
            if os.path.lexists(self.path(here)):
                return here
        except (NotPermitted, OSError, ValueError):  # a NUL; a working directory that is gone
            pass
        if outside:
            raise outside
        return part

    def check_outside_logs(self, path: str) -> str:
        """The absolute path of a file that a command is told to write. NotPermitted in the logs,
        which only appends may touch."""
        full = os.path.realpath(path)
        if full.startswith(os.path.realpath(self.logs) + os.sep):
            raise NotPermitted(f"'{path}' is among the logs", cure="write it elsewhere")
        return full

    def check_output(self, path: str) -> str:
        """As check_outside_logs; NoInput when its folder is missing, outside this home."""
        full = self.check_outside_logs(path)
        folder = os.path.dirname(full)
        if not os.path.isdir(folder) and not f"{folder}/".startswith(
            f"{os.path.realpath(self.root)}/"
        ):
            raise NoInput("no such folder", place=folder, cure="make it, or name another")
        return full

    def check_folder(self, context: str) -> None:
        """BadData for an invalid context, NotPermitted when a link leads its folder outside."""
        self.relative(f"logs/{check_context(context)}/window.md")

    def _moved(self, part: str, real: str) -> bool:
        """A first-level folder of the home may itself be a link (logs on another disk); below it,
        no."""
        first, _, rest = part.partition(os.sep)
        base = os.path.realpath(self.path(first))
        return real.startswith(base + os.sep) if rest else False

    def list_windows(self, context: str, *, every: bool = False) -> list[str]:
        """Names of a context's windows, oldest first. The last one is the current window. `every`:
        also what has a window's name but is something else; reading that fails."""
        return [name for name, is_window in self._look_for_windows(context) if every or is_window]

    def list_writable(self, context: str) -> list[str]:
        """The same for who is to append to the last one. NotPermitted when that is a link, or no
        file: a later window would stand before it."""
        found = self._look_for_windows(context)
        path = self.path("logs", context, found[-1][0]) if found else ""
        if os.path.islink(path) or found and not found[-1][1]:
            what = "a link" if os.path.islink(path) else "not a file"
            cure = "put the window itself in its place, or move it away"
            raise NotPermitted(f"the current window is {what}", place=path, cure=cure)
        return [name for name, is_window in found if is_window]

    def _look_for_windows(self, context: str) -> list[tuple[str, bool]]:
        """What has a window's name, oldest first, and whether it is a file, or a link to one: a
        pipe would never end."""
        try:
            entries = os.scandir(os.path.join(self.logs, context))
        except (FileNotFoundError, NotADirectoryError):
            return []
        # a note, or a copy made by a file synchroniser, never becomes the current window
        with entries:
            found = [
                (e.name, e.is_file(follow_symlinks=False) or os.path.isfile(e.path))
                for e in entries
                if _WINDOW.match(e.name)
            ]
        return sorted(found, key=lambda one: window_sort_key(one[0]))

    def list_contexts(self, wanted: str | None = None) -> list[str]:
        """Every context that has a folder, or those that `is_within` wants, by name."""
        surface, _, id = (wanted or "").partition("/")
        found = [
            f"{one}/{name}"
            for one in ([surface] if surface else _list_folders(self.logs))
            for name in ([id] if id else _list_folders(os.path.join(self.logs, one)))
        ]
        return sorted(found)

    def current_window(self, context: str) -> str | None:
        """Path of the current window relative to the home, None when there is none."""
        names = self.list_windows(context)
        return f"logs/{context}/{names[-1]}" if names else None


def find_repository(folder: str) -> str:
    """The top of the repository a folder is in; the folder itself when it is in none."""
    start = path = os.path.realpath(folder)  # other tools name folders so, too
    while not os.path.exists(os.path.join(path, ".git")):
        if path == os.path.dirname(path):
            return start
        path = os.path.dirname(path)
    return path


def _list_folders(path: str) -> list[str]:
    try:
        return [one.name for one in os.scandir(path) if one.is_dir() and one.name[0] != "."]
    except (FileNotFoundError, NotADirectoryError):
        return []


def window_sort_key(name: str) -> tuple[str, int]:
    """Sort key of a window's file name: its stamp, then its sequence number."""
    stamp, _, sequence = name.removesuffix(".md").partition("_")
    return stamp, int(sequence) if sequence.isdigit() else 0


def is_within(context: str, wanted: str | None) -> bool:
    """Whether a context is the one that is wanted, or one of the surface; None wants all."""
    return wanted is None or context == wanted or context.startswith(f"{wanted}/")


def check_contexts(name: str) -> str:
    """A context, or a surface alone for all its contexts, as it came; or BadData."""
    return name if _SURFACE.match(name) else check_context(name)


def check_context(name: str) -> str:
    """`surface/context_id` as it came, or BadData."""
    if not _CONTEXT.match(name):
        letters = "lower-case letters, digits, '-' and '_', at most 64"
        cure = f"use SURFACE/ID such as discord-thread/123: {letters}"
        raise BadData(f"invalid context '{name}'", cure=cure)
    return name
