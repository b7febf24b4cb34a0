"""Events that were moved out of a window whose memory had been set back, or copied (mem-sync): the
window they are in now says so before them. Only reads."""

from ...formats.merging import windows
from ...ground.errors import Failure
from ...ground.paths import Home
from . import reader


def find_digests(home: Home, path: str) -> set[str]:
    """The digests that events had in this window, which are in another one of its context now."""
    context, found = reader.context_of(path), set()
    for name in home.list_windows(context):
        try:
            data = reader.read_window(home, f"logs/{context}/{name}").data
        except Failure:  # gone meanwhile, or damaged: then it says nothing
            continue
        found |= set(windows.find_moved(data, path))
    return found
