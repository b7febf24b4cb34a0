"""kill -9 at every system call: what was acknowledged is there, nothing is merged, a second run
converges.

And if the power went instead: nothing is printed, and no command ends with 0, before the fsyncs
that it takes. Each check is seen to fail when the promise it is about is broken.
"""

import kill
import pytest
from traced import needs_strace
from writers import WRITERS

pytestmark = needs_strace

BY_NAME = {writer.name: writer for writer in WRITERS}


#: writers with so many system calls that `make test` leaves them to `make faults`
LONG = {
    "vectors", "vectors of what is taken out", "the first page of a home",
    "a decision by past success",
}  # fmt: skip
#: one that has next to nothing to do, because it was done
DONE = {"a task that is there"}
#: what is said of a file that power could take
PRINTED = "is not durable when the command printed"
ENDED = "is not durable when the command ended with 0"


@pytest.mark.parametrize(
    "writer",
    [pytest.param(w, marks=[pytest.mark.slow] if w.name in LONG else []) for w in WRITERS],
    ids=BY_NAME,
)
def test_every_death(writer, tmp_path):
    report = kill.grid(writer, str(tmp_path))
    assert report.wrong == []
    assert report.faults >= (2 if writer.name in DONE else 5), "there was nothing to kill"


@pytest.mark.parametrize("name", sorted(LONG))
def test_a_long_writer_whom_nothing_strikes(name, tmp_path):
    """What only `make faults` kills is seen to work in `make test`, with its check."""
    assert kill.grid(BY_NAME[name], str(tmp_path), only=lambda call: False).wrong == []


@pytest.mark.parametrize(
    "name, sabotage, again, said",
    [
        ("one more event", "unsynced", "", PRINTED),
        ("the first event of a home", "unsynced_folders", "", PRINTED),
        ("one more event", "halves", "", "torn"),
        ("an event after a torn one", "unclosed", "unclosed", "no event"),
        ("one more event", "", "forgetful", "'new', 'new'"),
        ("one more event", "hasty", "", "no event here"),
        ("one more event, where ids are kept", "kept_first", "short_contexts", "cut short"),
        ("one more event", "", "trusting", "the journal has not heard"),
        ("one more event", "", "unheard", "the journal has not heard"),
        ("a task", "unsynced", "", ENDED),
        ("a run in a session", "unsynced_folders", "", ENDED),
        ("a task", "in_place", "", "not valid JSON"),
        ("the end of a run", "unsynced_appends", "", f"events.jsonl {ENDED}"),
        ("the end of a run", "untold_end", "", "nobody was told"),
        ("one more reminder", "unsynced_and_untold", "", f"reminders.md {ENDED}"),
        ("the first page of a home", "unsynced", "", f"knowledge/tea.md {PRINTED}"),
        ("the first page of a home", "unsynced_folders", "", f"knowledge/tea.md {PRINTED}"),
        ("one more page", "unsynced", "", PRINTED),
        ("a page changed", "unsynced", "", f"knowledge/mine.md {PRINTED}"),
        ("a page changed", "unsynced_folders", "", f"knowledge/mine.md {PRINTED}"),
        ("a page changed", "in_place", "", "{'mine.md': b''}"),
        ("a page mended", "", "unrecovered", ".swap"),
        ("a bullet staged", "unsynced", "", ENDED),
        ("a bullet in a person's index", "unsynced", "", ENDED),
        ("a bullet in a person's index", "in_place", "", "b''"),
        ("a bullet in a person's index", "", "unrecovered", ".swap"),
        ("an audit done", "unsynced", "", f"last-audit.json {ENDED}"),
        ("the first decision of a home", "unsynced", "", f"work/events.jsonl {ENDED}"),
        ("the first decision of a home", "halves", "", "not valid JSON"),
        ("an event of work", "unsynced", "", f"work/events.jsonl {ENDED}"),
        ("the first event of work", "unsynced_folders", "", f"work/events.jsonl {ENDED}"),
        ("an event of work", "halves", "", "a line is torn"),
        ("an event of work after a torn one", "unended", "unended", "no event"),
        ("a reminder removed", "unsynced_and_untold", "", f"reminders.md {ENDED}"),
    ],
    ids=lambda value: value.replace(" ", "-"),
)
def test_a_broken_promise_is_noticed(name, sabotage, again, said, tmp_path):
    wrong = kill.grid(
        BY_NAME[name], str(tmp_path), sabotage=sabotage, again=again, until=said
    ).wrong
    assert any(said in one for one in wrong), wrong
