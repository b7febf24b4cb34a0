"""What a process that is asked again keeps of files holds no longer than the files do."""

import os
from collections.abc import Callable

import pytest
from plainmind.ground import clock, file_states
from plainmind.ground.masks import Mask
from plainmind.truth.log.known_windows import Outlines, Summaries
from plainmind.truth.log.writer import EventDraft, Log
from plainmind.truth.pages.known_pages import KnownPages
from scene import NOW


def ask_pages(home) -> Callable[[], str]:
    known = KnownPages()
    return lambda: "".join(one.title for one in known.read(home).pages.values())


def ask_outlines(home) -> Callable[[], str]:
    known, part = Outlines(), home.list_windows("cli/x")[-1]
    every = lambda lines: (0, len(lines))
    return lambda: known.read(home, f"logs/cli/x/{part}", every).entries[-1].content


def ask_summaries(home) -> Callable[[], str]:
    known, mask, part = Summaries(), Mask(), home.list_windows("cli/x")[-1]
    return lambda: known.read(pytest.fail, mask, home, f"logs/cli/x/{part}").last.content


@pytest.mark.parametrize("ask", [ask_pages, ask_outlines, ask_summaries])
def test_a_save_is_seen_that_no_time_shows(home, monkeypatch, ask):
    """Of as many bytes, in its place, within a tick of the file system's clock."""
    Log(home).append("cli/x", [EventDraft(NOW, "user", "A cat.", {})], NOW)
    os.makedirs(home.path("knowledge"))
    page = home.path("knowledge", "one.md")
    with open(page, "w") as file:
        file.write("# A cat.\n")
    tick = clock.system_now() * 1_000_000
    monkeypatch.setattr(
        file_states, "state_of", lambda found: (found.st_ino, tick, tick, found.st_size)
    )
    read = ask(home)
    assert read().strip("# \n") == "A cat."
    for path in (page, home.path("logs", "cli", "x", home.list_windows("cli/x")[-1])):
        with open(path, "r+") as file:
            data = file.read()
            file.seek(0)
            file.write(data.replace("A cat.", "A dog."))
    assert read().strip("# \n") == "A dog."
