"""sabotage.py WHAT PAGE [ARGUMENT...]: run a command with one promise broken, to see that the tests
notice; or with none (`unsettled`), where a second run has to make the calls of the first.

The product has no switch for it: this replaces a function, then runs the page.
"""

import os
import runpy
import sys
from array import array

from plainmind.formats.log import event
from plainmind.ground import anchored, exchange, file_states, files, stream
from plainmind.truth.log import writer
from plainmind.truth.work import journal as work_journal


def unsettled() -> None:
    """No promise is broken: that a file is left alone for two seconds, and need not be read again,
    would depend on how busy the machine is."""
    file_states.is_settled = lambda changed: False


def unsynced() -> None:
    """No fsync: all is well until the power goes."""
    files.sync = lambda fd: None


def unsynced_folders() -> None:
    """Files are synced, the folders they are in are not."""
    files.sync_with_parent = files.sync_folder = lambda path: None
    anchored._sync = lambda folder, name: None


def halves() -> None:
    """Every write is two."""
    write = os.write

    def twice(fd: int, data: bytes) -> int:
        half = len(data) // 2
        return (
            write(fd, data[:half]) + write(fd, data[half:]) if fd > 2 and half else write(fd, data)
        )

    os.write = twice


def unclosed() -> None:
    """A torn tail is not closed before the next event."""
    event._closing = lambda torn: b""


def unended() -> None:
    """A torn line of the journal of work is not ended before the next event."""
    look = work_journal._look
    work_journal._look = lambda home: (look(home)[0], b"\n")


def forgetful() -> None:
    """Ids are not looked up."""
    writer.ContextEnd.find = lambda self, ids: {}


def hasty() -> None:
    """The reference is printed before the event is written."""
    put = writer.Log._put

    def printing(self, window, data, head):
        os.write(1, f"{head.window}:{head.line}\n".encode())
        put(self, window, data, head)

    writer.Log._put = printing


def trusting() -> None:
    """An event found by its id is taken for durable."""
    writer.Log._acknowledge = lambda self, paths, known=None: None


def unsynced_appends() -> None:
    """What is appended is not synced, what is replaced is."""
    append = files.append
    files.append = lambda path, data, *, durable=True: append(path, data, durable=False)


def untold_end() -> None:
    """A state says that its run ended before the journal does."""
    from plainmind.truth.work import sessions

    write = sessions._write

    def late(home, path, new, announce):
        state = write(home, path, new)
        announce(state)
        return state

    sessions._write = late


def small_batches() -> None:
    """No promise is broken: a batch of lines is three, so that a few lines are two batches."""
    stream.BATCH_LINES = 3


def short_contexts() -> None:
    """No promise is broken: ids of short contexts are kept, too."""
    from plainmind.truth.log import context_ends

    context_ends.LEAST = 0


def kept_first() -> None:
    """What is kept of a context says that an event is there before it is."""
    short_contexts()
    put, wrote = writer.Log._put, writer.ContextEnd.wrote

    def keeping(self, window, data, head):
        kept = next(iter(self._ends.values()))
        last = kept.end._replace(digest=head.digest, line=head.line, end=head.size)
        wrote(kept, last, [("1", head.line)])
        put(self, window, data, head)

    writer.Log._put = keeping
    writer.ContextEnd.wrote = lambda self, end, ids: None


def instant_vectors() -> None:
    """No promise is broken: a model that answers at once, and writes down beside the home what it
    was asked."""
    from plainmind.providers import registry

    class Instant:
        model, batch, longest = "instant:1", 2, 100_000

        def passages(self, texts):
            with open(os.path.join(os.path.dirname(os.environ["MIND_HOME"]), "asked"), "a") as file:
                file.write("".join(f"{text!r}\n" for text in texts))
            return [array("f", [0.6, 0.8])] * len(texts)

    registry.LateEmbedder = lambda *given, **more: Instant()


def untold() -> None:
    """No promise is broken: confirmations go nowhere, and succeed."""
    from plainmind.reminders import confirmation

    confirmation.send = lambda home, env, done, line: None


def unsynced_and_untold() -> None:
    """A change of the reminders file is not synced."""
    untold()
    unsynced()
    unsynced_folders()


def careless() -> None:
    """A failed fsync is passed over."""
    sync = files.sync

    def syncing(fd: int) -> None:
        try:
            sync(fd)
        except OSError:
            pass

    files.sync = syncing


def unheard() -> None:
    """An event found by its id is made durable, and not entered in the journal."""
    acknowledge, journal = writer.Log._acknowledge, writer.Log.journal

    def acknowledging(self, paths, known=None):
        writer.Log.journal = lambda self, head: None
        acknowledge(self, paths, known)
        writer.Log.journal = journal

    writer.Log._acknowledge = acknowledging


def in_place() -> None:
    """A file is changed where it stands, instead of exchanged."""

    def editing(path: str, change, **more) -> exchange.Edited:
        data = change(files.read(path))
        with open(path, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return exchange.Edited(None, [])

    exchange.edit = editing


def unforked() -> None:
    """No promise is broken: this process itself looks whether what was forgotten is gone, so that
    there is one to be killed."""
    from plainmind.memory import absence

    absence.find_held = lambda path, marks: [mark for mark in marks if mark in files.read(path)]


def untold_forgetting() -> None:
    """A file goes before its tombstone is written."""
    from plainmind.truth.pages import maintenance

    unforked()
    record, remove, waiting = maintenance.record_forgotten, exchange.remove, []
    maintenance.record_forgotten = lambda *said: waiting.append(said)

    def removing(path: str, old: bytes) -> bool:
        gone = remove(path, old)
        while waiting:
            record(*waiting.pop(0))
        return gone

    exchange.remove = removing


def unrecorded() -> None:
    """A body goes before its record is written."""
    from plainmind.truth.log import blanking

    unforked()
    record, blank, waiting = blanking.record, blanking.blank, []
    blanking.record = lambda *said: waiting.append(said)

    def blanking_first(*of):
        kept = blank(*of)
        while waiting:
            record(*waiting.pop(0))
        return kept

    blanking.blank = blanking_first


def unwritten_forgetting() -> None:
    """What is to go is not written down."""
    from plainmind.memory import event_forgetting

    unforked()
    event_forgetting.read_unfinished = lambda home: None


def unfinished() -> None:
    """What somebody let go who was killed is not looked for in the index."""
    from plainmind.memory import forgetting

    unforked()
    out = forgetting._out_of_index
    forgetting._out_of_index = lambda means, gone: out(means, gone) if gone else None


def unrecovered() -> None:
    """What somebody left who was killed stays lying about."""
    unforked()
    exchange.recover_all = lambda folder: None
    exchange.recover = lambda path: None


def at_leisure() -> None:
    """No promise is broken: a scan may take its time, nobody saved the file a moment ago, and
    messages are sent on the main thread."""
    from plainmind.providers import deadline
    from plainmind.reminders import scan

    scan.HANDS_OFF, os.environ["MIND_REMIND_TIMEOUT"] = 0, "600"
    deadline.run = lambda work, seconds, who: work()


def unsynced_journal() -> None:
    """What was about to be sent, and what was, is written down, and not synced."""
    from plainmind.reminders import journal

    at_leisure()
    append = files.append
    journal.files.append = lambda path, data, **more: append(
        path, data, durable=not path.endswith("journal.jsonl")
    )


def unintended() -> None:
    """What is about to be sent is not written down."""
    from plainmind.reminders import journal

    at_leisure()
    record = journal.DeliveryJournal.record

    def recording(self, did, *given):
        if did != journal.INTENT:
            record(self, did, *given)

    journal.DeliveryJournal.record = recording


def deleting_first() -> None:
    """The line goes before the message."""
    from plainmind.reminders import scan

    at_leisure()
    send = scan.Scan._send

    def sending(self, reminders, late, others):
        self._remove([occurrence for occurrence in late if occurrence.once])
        send(self, reminders, late, others)

    scan.Scan._send = sending


def steadily() -> None:
    """No promise is broken: the model is asked on the main thread, and nobody looks through the
    machine's processes, so that a turn always makes the same calls."""
    from plainmind.agent import bash
    from plainmind.agent.sandbox import tasks
    from plainmind.providers import deadline

    def pieces(work, seconds, who):
        emitted: list = []
        work(emitted.append)
        yield from emitted

    deadline.stream = pieces
    bash._processes_of_session = lambda leader: []
    tasks._count_tasks = lambda: 1000


def unlogged() -> None:
    """What commands gave is logged with the answer, after the model has seen it."""
    from plainmind.agent.turn import Turn

    steadily()
    append, waiting = Turn._append, []

    def appending(self, *said):
        if said[-1][0] == "tool":
            waiting.extend(said)
            return "", 0
        said, waiting[:] = (*waiting, *said), []
        return append(self, *said)

    Turn._append = appending


def anew() -> None:
    """A turn that was cut off begins again, whatever its commands already did."""
    from plainmind.agent import turn_log

    read = turn_log.read

    def forgetful(*arguments):
        log = read(*arguments)
        return log._replace(attempt=log.attempt and log.attempt._replace(done=()))

    turn_log.read = forgetful


unsettled()
globals()[sys.argv[1]]()
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
