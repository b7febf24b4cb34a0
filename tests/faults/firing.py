"""A scan is killed at every one of its system calls, once and twice, with the power going or not,
and run again.

A webhook on this machine records what arrived. In the end every reminder that was due must have
arrived, every arrival after the first must say that it may be one, and the person's own lines must
be what they were.
"""

import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import NamedTuple

import kill
import traced
from plainmind.ground import files
from plainmind.ground.paths import Home
from plainmind.reminders.journal import DeliveryJournal
from power import Disk
from scene import THOROUGH, TIME

REPEATED = "\n(possibly repeated)"
MINE = b"\xef\xbb\xbf# Mine\r\n\r\n- [ ] my own box\n"
FUTURE = b'- [ ] date=2030-01-01 time=09:00 recur=none msg="far" id=f\n'
DAILY = b'- [ ] date=2026-01-01 time=10:00 recur=daily msg="stand" id=d\n'
ONE = b'- [ ] date=2026-01-30 time=14:00 recur=none msg="tea" id=t\n'
NAMELESS = b'- [ ] date=2026-01-30 time=13:00 recur=none msg="milk"\n'
END = b"\tthe end, without an end"

ALL = {"tea": ONE, "milk": NAMELESS, "stand": DAILY}
SINGLE = {"tea": ONE}


class Webhook:
    """Records whole messages in the order in which they came. It answers one connection after the
    other, so that asking it is waiting for it."""

    def __init__(self) -> None:
        self.got: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                import json

                length = int(self.headers["Content-Length"])
                data = self.rfile.read(length)
                if len(data) == length:
                    outer.got.append(json.loads(data)["content"])
                answer = b'{"id":"%d"}' % len(outer.got)
                # in one piece, so that it always takes as many calls to read it
                self.wfile.write(
                    b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)
                )

            def log_message(self, *_) -> None:
                pass

        class Quiet(HTTPServer):
            def handle_error(self, *_) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/webhooks/1/secret"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    def close(self) -> list[str]:
        import urllib.error
        import urllib.request

        try:  # answered after everything that was sent before it
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.url, timeout=30)
        except urllib.error.HTTPError:
            pass
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        return self.got


class Case(NamedTuple):
    """What is due, and where a scan of it dies: points of the first run, and of the one after."""

    due: dict[str, bytes]
    sabotage: str = "at_leisure"
    power: bool = False


def points(folder: str, case: Case) -> list[traced.Call]:
    """The calls of a whole scan that touch the home, or tell somebody. Dying before another is
    dying before the next of these."""
    home, webhook = _set_up(os.path.join(folder, "whole"), case)
    run = _run(home, case.sabotage if case.sabotage == "at_leisure" else "at_leisure", "")
    assert run.code == 0, run.complaints
    assert sorted(webhook.close()) == sorted(_texts(case)), "a scan that nobody kills"
    found = [
        call
        for call in run.calls
        if (home.root in call.text or call.name in traced.NETWORK) and call.name != "exit_group"
    ]
    return found if THOROUGH else [call for call in found if kill.changes(call)]


def grid(folder: str, case: Case, deaths: list[list[traced.Call]], until: str = "") -> kill.Report:
    """Each of the cases, until this is wrong: the runs die at these calls, one after the other, and
    one more does not."""

    def one(number: int) -> str | None:
        place = os.path.join(folder, f"case{number}")
        wrong = strike(place, case, deaths[number])
        shutil.rmtree(place)
        return wrong

    return kill.Report(len(deaths), kill.wrong_in(one, list(range(len(deaths))), until))


def strike(place: str, case: Case, deaths: list[traced.Call]) -> str | None:
    home, webhook = _set_up(place, case)
    died = 0
    for death in deaths:
        before = files.read(home.path("reminders.md"))
        length = _length(home)
        disk = Disk(home.root)
        run = _run(home, case.sabotage, f"{death.name}:{kill.DEATH}:when={death.nth}")
        died += run.code in (-9, 137)
        if case.power:
            _cut(home, disk, run.calls, before, length)
    last = _run(home, case.sabotage, "")
    got = webhook.close()
    where = f"{' then '.join(map(str, deaths))}: "
    if last.code != 0 or (deaths and not died):
        return f"{where}{died} died, then {last.code}: {last.complaints.decode()}"
    return next((where + said for said in _wrong(home, case, got)), None)


def _wrong(home: Home, case: Case, got: list[str]):
    for text in _texts(case):
        mine = [said for said in got if said.removesuffix(REPEATED) == text]
        if not mine:
            yield f"'{text}' was lost; {got}"
        if any(not said.endswith(REPEATED) for said in mine[1:]):
            yield f"a repeat is not marked: {got}"
    data = files.read(home.path("reminders.md"))
    lines = MINE + FUTURE + (DAILY if DAILY in case.due.values() else b"") + END
    if data != lines:
        yield f"the file is {data!r}"
    left = [
        name
        for name in os.listdir(home.root)
        if name not in ("reminders.md", ".env", "remind", ".lock")
    ]
    if left:
        yield f"left behind: {left}"
    did = {
        entry.did for entry in DeliveryJournal(home.path("remind", "journal.jsonl")).steps.values()
    }
    if not did <= {"sent", "done"}:
        yield f"the journal ends with {did}"


def _set_up(place: str, case: Case) -> tuple[Home, Webhook]:
    home, webhook = Home(os.path.join(place, "home")), Webhook()
    os.makedirs(home.root, mode=0o700)
    with open(home.path("reminders.md"), "wb") as file:
        file.write(MINE + FUTURE + b"".join(case.due.values()) + END)
    with open(
        home.path(".env"), "w", opener=lambda path, flags: os.open(path, flags, 0o600)
    ) as file:
        file.write(f"DISCORD_WEBHOOK_URL={webhook.url}\n")
    return home, webhook


def _texts(case: Case) -> list[str]:
    late = {
        "tea": " (late by 23 min)",
        "milk": " (late by 1 h 23 min)",
        "stand": " (late by 4 h 23 min)",
    }
    return [name + late[name] for name in case.due]


def _run(home: Home, sabotage: str, inject: str) -> traced.Run:
    trace = os.path.join(os.path.dirname(home.root), "trace")
    argv = ["remind-scan", "--now", TIME]
    return traced.run(
        home.root,
        argv,
        b"",
        trace,
        sabotage=sabotage,
        inject=inject,
        traced=f"{traced.CALLS},{traced.NETWORK}",
    )


def _length(home: Home) -> int:
    path = home.path("remind", "journal.jsonl")
    return os.path.getsize(path) if os.path.exists(path) else 0


def _cut(home: Home, disk: Disk, calls: list[traced.Call], before: bytes, length: int) -> None:
    """The power goes: what no fsync has covered is not there any more, of the journal and of the
    reminders file."""
    disk.play(calls, lambda text: [])
    journal, reminders = home.path("remind", "journal.jsonl"), home.path("reminders.md")
    durable = written = length
    for call in calls:
        if call.result is not None and journal in call.paths[:1]:
            written += call.result if call.name == "write" else 0
            durable = written if call.name == "fsync" else durable
    if os.path.exists(journal):
        os.truncate(journal, durable)
        if journal in disk.unnamed or os.path.dirname(journal) in disk.unnamed:
            os.unlink(journal)
    if reminders in disk.unnamed:
        exchanged = [
            n for n, call in enumerate(calls) if call.result == 0 and "RENAME_EXCHANGE" in call.text
        ]
        if any(
            call.name == "fsync" and call.paths[0] == home.root
            for call in calls[exchanged[0] : exchanged[-1]]
        ):
            before = _with_ids(
                before, DeliveryJournal(journal)
            )  # the first change was durable: it gave a line its id
        with open(reminders, "wb") as file:
            file.write(before)


def _with_ids(data: bytes, known: DeliveryJournal) -> bytes:
    """`data` with the id that the nameless line was given, which only a line that was sent can have
    needed."""
    given = [o.id for o in known._lines.values() if o.id.startswith("rid_")]
    return (
        data.replace(NAMELESS, NAMELESS[:-1] + b" id=" + given[0].encode() + b"\n")
        if given
        else data
    )
