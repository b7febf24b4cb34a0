"""What a scan fires, when, with which words, and what it leaves in the file and in the journal."""

import json
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats import chunks
from plainmind.formats.reminder import reminder
from plainmind.ground import clock, exchange, files, masks, stream, zone
from plainmind.ground.environment import Environment
from plainmind.ground.errors import BadData, Busy, Failure, Misconfigured, Unavailable
from plainmind.ground.paths import Home
from plainmind.reminders import delivery, editing, last_scan, messages, past, scan
from plainmind.reminders.journal import DeliveryJournal, Occurrence, make_key
from reminder_lines import AROUND, NEARLY, OWN

MINUTE, HOUR = 60 * clock.SECOND, 3600 * clock.SECOND
START = clock.parse("2026-03-02T09:00:00Z")  # a Monday in winter: local time is UTC


class World:
    """A home, a clock, a file and a Discord that does as it is told."""

    def __init__(self, home, patch):
        self.home, self.now, self.up, self.boot = home, START, 50 * HOUR, "boot-1"
        self.path = home.path("reminders.md")
        self.said: list[str] = []
        self.nonces: list[str] = []
        self.doubts: list[bool] = []
        self.failures: list[Failure] = []  # raised in turn, one a message
        self.reported: list[Failure] = []
        self.remarks: list[str] = []
        self.remembers, self.grace = 0.0, 12 * HOUR
        self.there, self.in_parts = True, False
        os.makedirs(home.root, exist_ok=True)
        patch.setattr(clock, "since_boot", lambda: self.up)
        patch.setattr(clock, "boot_id", lambda: self.boot)
        patch.setattr(scan, "HANDS_OFF", 0)
        patch.setattr(scan, "TYPING", 0)

    def write(self, *lines: str, end: str = "\n") -> None:
        with open(self.path, "w", newline="") as file:
            file.write("\n".join(lines) + end if lines else "")

    def lines(self) -> list[str]:
        with open(self.path) as file:
            return file.read().split("\n")[:-1]

    def send(self, text, *, nonce, deadline, doubt=False, begin=0, arrived=None):
        """Every line of a text is a part, where the test says so."""
        if self.in_parts:
            return self.send_parts(text.split("\n"), nonce, doubt, begin, arrived)
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        self.said.append(f"{text} (possibly repeated)" if doubt else text)
        self.nonces.append(nonce)
        return [str(len(self.said))]

    def send_parts(self, parts, nonce, doubt, begin, arrived):
        for number in range(begin, len(parts)):
            if self.failures and (failure := self.failures.pop(0)) is not None:
                raise failure
            self.said.append(
                f"{parts[number]} (possibly repeated)"
                if doubt and number == begin
                else parts[number]
            )
            self.nonces.append(f"{nonce}-{number}")
            arrived(number + 1, len(parts), str(len(self.said)))
        return [str(len(self.said))]

    def scan(self, later: int = 0) -> list[str]:
        """What a scan says to Discord, so much later."""
        self.now, self.up = self.now + later, self.up + later
        before = len(self.said)
        self.reported.clear()
        self.run().run()
        return self.said[before:]

    def run(self):
        return scan.Scan(
            delivery.ScanSetup(
                self.home, Environment(), self.grace, self.now, clock.monotonic() + 2.5,
                lambda: self if self.there else None, self.reported.append, self.remarks.append,
            )
        )  # fmt: skip


@pytest.fixture
def world(home, monkeypatch):
    monkeypatch.delenv("REMINDERS_FILE", raising=False)
    return World(home, monkeypatch)


def line(msg, time="09:00", date="2026-03-02", recur="none", id="") -> str:
    return f'- [ ] date={date} time={time} recur={recur} msg="{msg}"' + (f" id={id}" if id else "")


# --- what is due


def test_fires_once_at_its_minute_and_the_line_goes(world):
    world.write("# mine", line("tea", "09:01", id="a"), "", "more of mine")
    assert world.scan() == []
    assert world.scan(MINUTE) == ["tea"]
    assert world.lines() == ["# mine", "", "more of mine"]
    assert world.scan(MINUTE) == [] and world.scan(HOUR) == []


def test_a_line_without_an_id_gets_one_and_nothing_else_changes(world):
    world.write("\ttext\r", line("tea", "09:01") + " \r", line("milk", "09:02") + "\t", end="")
    before = files.read(world.path)
    world.scan()
    after = files.read(world.path)
    found = reminder.parse(after).reminders
    assert len(found) == 2 and all(r.id.startswith("rid_") and len(r.id) == 16 for r in found)
    for r in found:
        after = after.replace(f" id={r.id}".encode(), b"")
    assert after == before


def test_fires_however_late_and_says_so(world):
    world.write(
        line("tea", "08:00", "2026-02-27", id="a"),
        line("milk", "08:59", id="b"),
        line("bread", id="c"),
    )
    assert world.scan() == ["tea (late by 3 days 1 h)", "milk (late by 1 min)", "bread"]


def test_a_recurring_one_fires_its_latest_time_and_keeps_its_line(world):
    world.write(line("stand", recur="daily", id="a"))
    assert world.scan() == ["stand"]
    assert world.scan(MINUTE) == [] and world.scan(23 * HOUR) == []
    assert world.scan(59 * MINUTE) == ["stand"]
    assert world.scan(3 * 24 * HOUR + 30 * MINUTE) == [
        "stand (late by 30 min; 2 earlier ones skipped)"
    ]
    assert len(world.lines()) == 1


def test_the_last_day_of_a_shorter_month(world):
    world.now = clock.parse("2026-02-28T09:00:00Z")
    world.write(
        line("rent", date="2026-01-31", recur="monthly", id="a"),
        line("meet", date="2026-02-07", recur="weekly", id="b"),
    )
    assert world.scan() == ["rent", "meet"]
    assert world.scan(7 * 24 * HOUR) == ["meet"]
    missed = "due 2026-03-28 09:00; 2 earlier ones missed, too; next 2026-04-04 09:00"
    assert world.scan(24 * 24 * HOUR - HOUR) == [f"Missed: meet ({missed})", "rent"]


def test_what_was_missed_longer_ago_than_the_grace_is_said_once(world):
    world.write(line("stand", recur="daily", id="a"))
    world.scan()
    assert world.scan(36 * HOUR + MINUTE) == [
        "Missed: stand (due 2026-03-03 09:00; next 2026-03-04 09:00)"
    ]
    assert world.scan(MINUTE) == [] and world.scan(12 * HOUR - 2 * MINUTE) == ["stand"]


DAY = 24 * HOUR


@pytest.mark.parametrize("recur, grace, period, soon", [
    ("daily", 12 * HOUR, DAY, "2026-03-03"), ("weekly", 3 * DAY, 7 * DAY, "2026-03-09"),
    ("monthly", 7 * DAY, 31 * DAY, "2026-04-02"), ("yearly", 7 * DAY, 365 * DAY, "2027-03-02"),
])  # fmt: skip
@pytest.mark.parametrize("first", ["2026-03-02", "2022-03-02"])
def test_the_grace_is_by_the_period(world, recur, grace, period, soon, first):
    """Fired late up to the grace, and beyond it said, once; it fires the next time either way."""
    world.grace, world.now = 0, START - HOUR
    for beyond in (0, MINUTE):
        id = f"{recur}{beyond}"
        if recur == "weekly":
            first = "2026-03-02"
        world.write(line("x", recur=recur, id=id, date=first))
        world.now, world.boot = START - HOUR, f"boot-{id}"
        assert world.scan() == []
        world.boot = f"later-{id}"
        said = world.scan(HOUR + grace + beyond)
        assert said == ([f"Missed: x (due 2026-03-02 09:00; next {soon} 09:00)"] if beyond else [
            f"x (late by {messages.span(grace)})"
        ])  # fmt: skip
        assert world.scan(MINUTE) == []
        world.boot = f"last-{id}"
        wait = period - grace - beyond - MINUTE - (HOUR if recur == "monthly" else 0)
        assert world.scan(wait) == ["x"]


def test_what_was_not_there_was_not_missed(world):
    """Written today, since long ago; or moved to another day, which was before."""
    world.grace = 0
    world.write(
        line("Ann", "08:00", "1985-05-08", "yearly", "a"), line("b", recur="weekly", id="b")
    )
    assert world.scan() == ["b"]
    world.write(
        line("Ann", "08:00", "1985-06-08", "yearly", "a"),
        line("b", "10:00", "2026-02-25", "weekly", "b"),
    )
    assert world.scan(MINUTE) == [] and world.scan(DAY) == []


def test_a_first_time_that_is_past_is_said(world):
    """Nobody scanned, or the day was a slip; later ones of the same line were not missed."""
    world.grace = 0
    world.write(line("bins", date="2026-02-26", recur="weekly", id="a"))
    assert world.scan() == ["Missed: bins (due 2026-02-26 09:00; next 2026-03-05 09:00)"]
    assert world.scan(MINUTE) == [] and world.scan(3 * DAY) == ["bins (late by 1 min)"]


def test_many_that_were_missed_are_one_digest(world):
    world.grace = 0
    world.write(*[line(f"no {n}", "20:00", recur="daily", id=f"i{n}") for n in range(11)])
    world.scan()
    (said,) = world.scan(30 * HOUR)
    assert said.startswith("11 reminders were missed:\n- 2026-03-02 20:00 missed: no 0 (due 2026-")
    assert world.scan(MINUTE) == []


@pytest.mark.parametrize("failures", [["lost"], ["refused"], ["lost", "refused"]])
def test_what_was_missed_is_said_though_discord_was_away(world, failures, monkeypatch):
    """And a compaction that forgets what failed does not make it new."""
    monkeypatch.setattr("plainmind.reminders.journal.LEAST", 1)
    world.grace = 0
    world.write(line("bins", "10:00", "2026-02-16", "weekly", "a"))
    assert world.scan() == []
    world.failures = [{"lost": LOST, "refused": REFUSED}[kind] for kind in failures]
    for _ in failures:
        assert world.scan(2 * HOUR) == []
    (said,) = world.scan(4 * DAY)
    assert said.startswith("Missed: bins (due 2026-03-02 10:00; next 2026-03-09 10:00)")
    assert said.endswith(" (possibly repeated)") == ("lost" in failures)
    assert world.scan(MINUTE) == []


def test_compaction_forgets_no_last_time_and_no_first_sight(world, monkeypatch):
    monkeypatch.setattr("plainmind.reminders.journal.LEAST", 1)
    world.grace = 0
    world.write(
        line("ann", "08:00", "1985-03-02", "yearly", "a"),
        line("ben", "08:00", "1985-05-02", "yearly", "b"),
    )
    assert world.scan() == ["ann (late by 1 h)"]
    for day in range(70):
        world.write(*world.lines(), line("tea", id=f"t{day}"))
        said = world.scan(DAY)
        assert [text for text in said if "tea" not in text] == (
            ["ben (late by 2 h)"] if day == 60 else []
        ), day


def test_a_clock_at_1970_makes_nothing_missed(world):
    world.grace = 0
    right, world.now = world.now, 5 * DAY
    world.write(line("ann", "08:00", "1985-05-08", "yearly", "a"))
    assert world.scan() == []
    world.now, world.boot = right, "boot-2"
    assert world.scan(MINUTE) == []


def test_what_an_earlier_version_sent_is_known(world):
    world.grace = 0
    path = world.home.path("remind", "journal.jsonl")
    due = START - 21 * DAY
    sent = Occurrence(make_key("a", due), "a", due, False)
    DeliveryJournal(path).record("sent", sent.key, [sent], due)
    world.write(line("bins", date="2026-02-02", recur="weekly", id="a"))
    world.now -= 2 * DAY
    missed = "due 2026-02-23 09:00; 1 earlier one missed, too; next 2026-03-02 09:00"
    assert world.scan() == [f"Missed: bins ({missed})"]
    assert world.scan(MINUTE) == [] and world.scan(2 * DAY) == ["bins (late by 1 min)"]


# --- copies of a line


ID = "rid_AAAAAAAAAAAA"


def ids_of(world) -> list[str]:
    return [r.id for r in reminder.parse(files.read(world.path)).reminders]


def test_a_copy_of_a_line_gets_an_id_of_its_own_and_fires(world):
    world.write(line("tea", "10:00", id=ID), line("milk", "10:01", id=ID) + " #t ^b", line("x"))
    assert world.scan() == ["x"]
    first, second = ids_of(world)
    assert first == ID and second not in (ID, "")
    assert world.lines()[1] == line("milk", "10:01", id=second) + " #t ^b"
    assert world.scan(HOUR) == ["tea"] and world.scan(MINUTE) == ["milk"]


def test_a_copy_of_what_fired_today_has_fired_today(world):
    world.write(line("stand", recur="daily", id=ID))
    assert world.scan() == ["stand"]
    world.write(line("sit", recur="daily", id=ID), line("stand", recur="daily", id=ID))
    assert list(world.run().preview()) == []
    assert world.scan(HOUR) == [] and len(set(ids_of(world))) == 2
    assert world.scan(23 * HOUR) == ["sit", "stand"]


def test_a_copy_of_what_was_sent_goes_with_it(world, monkeypatch):
    """A synchroniser merged it back beside another that has its id."""
    world.write(line("tea", id=ID))
    assert world.scan() == ["tea"]
    world.write(line("milk", "10:00", id=ID), line("tea", id=ID))
    assert world.scan(MINUTE) == [] and world.lines() == [line("milk", "10:00", id=ID)]


def test_a_copy_whose_id_somebody_made_is_said_and_left(world):
    world.write(line("tea", "10:00", id="a"), line("milk", "10:01", id="a"))
    (said,) = world.scan()
    assert "line 2: id=a is on line 1 already" in said
    assert ids_of(world) == ["a"] and world.scan(MINUTE) == []


# --- what is nearly a reminder


def test_what_will_not_fire_is_said_once_for_each_change_of_it(world):
    good, bad = line("tea", "12:00", id="a"), line("milk", "25:00")
    world.write(good, bad)
    told = "1 line of reminders.md will not fire:\n- line {}: time=25:00 is wrong; write time=HH:MM"
    assert world.scan() == [f"{told.format(2)}\n  {bad}"]
    world.write("# a line above, which changes nothing of it", good, bad)
    assert world.scan(MINUTE) == [] and world.lines()[2] == bad
    world.write(good, bad + " #now")
    assert world.scan(MINUTE) == [f"{told.format(2)}\n  {bad} #now"]
    world.write(good, line("milk", "13:00", id="b"))
    assert world.scan(MINUTE) == []
    world.write(good, bad)
    assert world.scan(MINUTE) == [f"{told.format(2)}\n  {bad}"], "it was right meanwhile"
    assert world.scan(MINUTE) == [] and world.reported == []


def test_every_shape_of_a_line_fires_or_is_said_or_is_a_person_s_own(world, monkeypatch):
    """All of tests/unit/formats/test_reminder.py's in one file, of which not a byte changes but ids
    that are given, and lines that fired."""
    monkeypatch.setattr(messages, "DIGEST", 100_000)
    fields = 'date=2026-03-02 time=09:00 recur=none msg="m{}"'
    fires = [a + fields.format(n) + b for n, (a, b) in enumerate(AROUND)]
    unlike = ("\udcff", "\0", "\r", "<!--")  # other files than whole ones
    nearly = [text for text in NEARLY if not any(part in text for part in unlike)]
    world.write(*fires, *nearly, *OWN)
    fired, told = world.scan()
    assert sorted(re.findall(r" (m\d+)$", fired, re.M)) == sorted(
        f"m{n}" for n in range(len(fires))
    )
    assert told.startswith(f"{len(nearly)} lines of reminders.md will not fire:")
    assert [int(n) for n in re.findall(r"^- line (\d+): ", told, re.M)] == list(
        range(len(fires) + 1, len(fires) + len(nearly) + 1)
    )
    assert files.read(world.path).decode() == "\n".join([*nearly, *OWN, ""])
    assert world.scan(MINUTE) == []


def test_many_lines_are_one_message(world):
    world.write(*[line(f"no {n} " + "x" * 300, "25:00") for n in range(40)])
    (said,) = world.scan()
    assert said.startswith("40 lines of reminders.md will not fire:\n- line 1: ")
    assert said.endswith(" more; see 'remind-list --check'") and chunks.count_units(said) < 2000
    assert world.scan(MINUTE) == []


def test_a_line_that_somebody_is_typing_is_not_spoken_of(world, monkeypatch):
    monkeypatch.setattr(scan, "TYPING", 60)
    world.write(line("tea", "12:00", id="a"))
    world.scan()
    world.write(line("tea", "12:00", id="a"), "- [ ] date=2026-03-02 time=13:0")
    assert world.scan(MINUTE) == []
    monkeypatch.setattr(scan.file, "foreign_edit_age", lambda path, ours: 61.0)
    assert len(world.scan(MINUTE)) == 1 and world.scan(MINUTE) == []


@pytest.mark.parametrize("failure, code", [("lost", 69), ("refused", 69), ("nowhere", 78)])
def test_what_will_not_fire_is_said_when_it_can_be(world, failure, code):
    world.write(line("milk", "25:00"))
    world.failures = [LOST] if failure == "lost" else [REFUSED] if failure == "refused" else []
    world.there = failure != "nowhere"
    assert world.scan() == [] and [e.code for e in world.reported] == [code]
    assert "1 line will not fire" in str(world.reported[0])
    world.there = True
    (said,) = world.scan(MINUTE)
    assert said.endswith(" (possibly repeated)") == (failure == "lost")
    assert world.scan(MINUTE) == []


def test_half_of_a_file_is_not_spoken_of(world, monkeypatch):
    """The end of a fence, or of a line, may be still to come."""
    monkeypatch.setattr(scan, "TYPING", 60)
    text = "```\n" + line("old") + "\n" + line("older") + "\n```\n" + line("tea", "10:00", id="a")
    world.write(text)
    assert world.scan() == []
    for end in range(1, len(text)):
        world.write(text[:end], end="")
        assert world.scan() == [], text[:end]
        world.write(text)
        world.scan()


def test_one_moved_to_an_earlier_hour_after_it_fired_has_fired(world):
    world.write(line("stand", recur="daily", id="a"))
    world.scan()
    world.write(line("stand", "08:00", recur="daily", id="a"))
    assert world.scan(MINUTE) == []
    assert world.scan(23 * HOUR - MINUTE) == ["stand"]


def test_one_moved_to_a_later_hour_fires_then(world):
    world.write(line("stand", recur="daily", id="a"), line("tea", id="b"))
    world.scan()
    world.write(line("stand", "15:00", recur="daily", id="a"), line("tea", "15:00", id="b"))
    assert world.scan(MINUTE) == []
    assert world.scan(6 * HOUR) == ["stand (late by 1 min)", "tea (late by 1 min)"]


def test_more_than_ten_are_one_digest_in_order(world):
    world.write(*[line(f"no {n}", f"08:{59 - n:02}", id=f"i{n}") for n in range(11)])
    (said,) = world.scan()
    rows = said.split("\n")
    assert rows[0] == "11 reminders are due:"
    assert rows[1] == "- 2026-03-02 08:49 no 10 (late by 11 min)"
    assert rows[11] == "- 2026-03-02 08:59 no 0 (late by 1 min)"
    assert world.lines() == [] and world.scan(MINUTE) == []


def test_ten_are_ten(world):
    world.write(*[line(f"no {n}", id=f"i{n}") for n in range(10)])
    assert world.scan() == [f"no {n}" for n in range(10)]


def test_a_digest_that_fits_into_no_message_is_several_and_none_is_left_out(world):
    world.write(
        *[line(f"{n} " + "x" * 90, id=f"i{n}") for n in range(100)], line("y" * 5000, id="long")
    )
    said = world.scan()
    assert all(chunks.count_units(one) <= 1980 for one in said if "yyy" not in one)
    assert sorted(
        int(row.split()[3]) for one in said for row in one.split("\n") if row.startswith("- ")
    ) == list(range(100))
    assert "y" * 5000 in said and world.lines() == []


# --- the journal


def test_the_order_of_things(world, monkeypatch):
    """Intent, message, sent, the line, done: each on disk before the next."""
    steps = []
    append, edit, sync = files.append, exchange.edit, files.sync
    monkeypatch.setattr(
        files, "append", lambda *a, **k: (steps.append(json.loads(a[1])["did"]), append(*a, **k))[1]
    )
    monkeypatch.setattr(exchange, "edit", lambda *a, **k: (steps.append("line"), edit(*a, **k))[1])
    send = world.send
    monkeypatch.setattr(world, "send", lambda *a, **k: (steps.append("message"), send(*a, **k))[1])
    monkeypatch.setattr(files, "sync", lambda fd: (steps.append("fsync"), sync(fd))[1])
    world.write(line("tea", id="a"))
    world.scan()
    order = [step for n, step in enumerate(steps) if step != "fsync" or steps[n - 1] != "fsync"]
    if order[0] == "fsync":
        order = order[1:]
    assert order[: order.index("done") + 2] == [
        "intent", "fsync", "message", "sent", "fsync", "line", "fsync", "done", "fsync",
    ]  # fmt: skip


def test_an_intent_without_an_end_is_sent_again_marked(world):
    world.write(line("tea", id="a"), line("stand", recur="daily", id="b"))
    due = [
        Occurrence(make_key("a", START, "tea"), "a", START),
        Occurrence(make_key("b", START), "b", START, False),
    ]
    journal = DeliveryJournal(world.home.path("remind", "journal.jsonl"))
    for o in due:
        journal.record("intent", o.key, [o], world.now)
    assert world.scan() == ["tea (possibly repeated)", "stand (possibly repeated)"]
    assert world.scan(MINUTE) == []


def test_a_bot_that_still_knows_the_nonce_does_not_mark(world):
    world.remembers = 120.0
    world.write(line("tea", id="a"), line("milk", id="b"))
    keys = [make_key("a", START, "tea"), make_key("b", START, "milk")]
    for k, id, at in ((keys[0], "a", START - 119_000), (keys[1], "b", START - 121_000)):
        DeliveryJournal(world.home.path("remind", "journal.jsonl")).record(
            "intent", k, [Occurrence(k, id, START)], at
        )
    assert world.scan() == ["tea", "milk (possibly repeated)"]
    assert world.nonces == keys


def test_a_nonce_is_as_old_as_the_first_attempt(world):
    """The attempt of a minute ago does not make up for that of an hour ago, which nobody knows."""
    world.remembers = 120.0
    world.write(line("tea", id="a"))
    world.failures = [Unavailable("no answer"), Unavailable("no answer")]
    world.scan()
    world.scan(HOUR)
    assert world.scan(MINUTE) == ["tea (late by 1 h 1 min) (possibly repeated)"]


def test_a_nonce_from_the_future_is_not_trusted(world):
    world.remembers = 120.0
    world.write(line("tea", id="a"))
    k = make_key("a", START, "tea")
    DeliveryJournal(world.home.path("remind", "journal.jsonl")).record(
        "intent", k, [Occurrence(k, "a", START)], START + 1
    )
    assert world.scan() == ["tea (possibly repeated)"]


def test_a_digest_in_doubt_is_repeated_as_it_was(world):
    world.write(*[line(f"no {n}", id=f"i{n}") for n in range(12)], line("later", "09:01", id="z"))
    world.failures = [Unavailable("no answer")]
    assert world.scan() == []
    said = world.scan(MINUTE)
    assert said[0] == "later"
    assert said[1].startswith("12 reminders are due:") and said[1].endswith("(possibly repeated)")


def test_a_message_that_is_never_answered_holds_up_no_other_for_ever(world, monkeypatch):
    world.write(line("poison", id="p"), *[line(f"no {n}", id=f"i{n}") for n in range(3)])
    send, lost = world.send, []

    def sending(text, **more):
        if "poison" in text or (len(lost) < 3 and not lost.append(text)):
            raise Unavailable("no answer")
        return send(text, **more)

    monkeypatch.setattr(world, "send", sending)
    for _ in range(12):
        world.scan(MINUTE)
    assert sorted(said.split(" (")[0] for said in world.said) == ["no 0", "no 1", "no 2"]


def test_what_surely_was_not_sent_is_sent_later_unmarked(world):
    world.write(line("tea", id="a"), line("milk", id="b"))
    world.failures = [Unavailable("no network", undone=True)]
    assert world.scan() == [] and [e.code for e in world.reported] == [69]
    assert world.lines() == [line("tea", id="a"), line("milk", id="b")]
    assert world.scan(MINUTE) == ["tea (late by 1 min)", "milk (late by 1 min)"]


def test_doubt_is_not_forgotten_by_a_later_failure_that_leaves_none(world):
    world.write(line("tea", id="a"))
    world.failures = [Unavailable("no answer"), Unavailable("no network", undone=True)]
    world.scan()
    world.scan(MINUTE)
    assert world.scan(MINUTE) == ["tea (late by 2 min) (possibly repeated)"]


LOST = Unavailable("no answer")
REFUSED = Unavailable("no network", undone=True)


@pytest.fixture
def long(world):
    """A message that goes out in five parts: here, one for each word of a daily reminder."""
    world.in_parts = True
    world.write(line("one_two_three_four_five", recur="daily", id="a"))
    text = messages.compose

    def broken(*given):
        return text(*given).replace("_", "\n")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "compose", broken)
        yield world


def test_a_message_of_which_no_more_could_be_sent_goes_on_where_it_ended(long):
    long.failures = [None, None, REFUSED, None, REFUSED]
    assert [long.scan(), long.scan(MINUTE), long.scan(MINUTE)] == [
        ["one", "two"],
        ["three"],
        ["four", "five"],
    ]
    assert [nonce[-2:] for nonce in long.nonces] == ["-0", "-1", "-2", "-3", "-4"]
    assert long.scan(MINUTE) == []


def test_only_the_part_without_an_answer_is_in_doubt(long):
    long.failures = [None, None, LOST]
    assert [long.scan(), long.scan(MINUTE)] == [
        ["one", "two"],
        ["three (possibly repeated)", "four", "five"],
    ]


def test_doubt_about_a_part_ends_when_it_arrived(long):
    long.failures = [LOST, None, REFUSED]
    assert [long.scan(), long.scan(MINUTE), long.scan(MINUTE)] == [
        [], ["one (possibly repeated)"], ["two", "three", "four", "five (late by 1 min)"],
    ]  # fmt: skip


def test_doubt_about_a_part_outlives_a_failure_that_leaves_none(long):
    long.failures = [None, LOST, REFUSED]
    assert [long.scan(), long.scan(MINUTE), long.scan(MINUTE)[0]] == [
        ["one"],
        [],
        "two (possibly repeated)",
    ]


def test_a_message_that_says_something_else_by_now_begins_anew_marked(long):
    long.failures = [None, None, REFUSED]
    long.scan()
    long.write(line("uno_due", recur="daily", id="a"))
    assert long.scan(MINUTE) == ["uno (possibly repeated)", "due (late by 1 min)"]


def test_what_arrived_of_a_message_outlives_compaction(long, monkeypatch):
    monkeypatch.setattr("plainmind.reminders.journal.LEAST", 1)
    long.failures = [None, None, REFUSED, None, LOST]
    assert [long.scan(), long.scan(MINUTE), long.scan(MINUTE)] == [
        ["one", "two"],
        ["three"],
        ["four (possibly repeated)", "five"],
    ]


def test_a_message_in_one_part_costs_no_more_records(world):
    world.in_parts = True
    world.write(line("tea", id="a"))
    world.scan()
    assert files.read(world.home.path("remind", "journal.jsonl")).count(b"\n") == 3


def test_one_message_that_is_refused_does_not_hold_up_the_others(world):
    world.write(line("tea", id="a"), line("milk", id="b"))
    refused = BadData("refused")
    refused.undone = True
    world.failures = [refused]
    assert world.scan() == ["milk"] and [e.code for e in world.reported] == [65]
    assert world.scan(MINUTE) == ["tea (late by 1 min)"]


def test_nowhere_to_send(world):
    world.write(line("tea", id="a"))
    world.there = False
    assert world.scan() == [] and [type(e) for e in world.reported] == [Misconfigured]
    assert "1 reminder is due" in str(world.reported[0])
    world.there = True
    assert world.scan(MINUTE) == ["tea (late by 1 min)"], "and no doubt"


def test_a_line_that_comes_back_is_not_fired_again_and_goes_again(world):
    world.write(line("tea", id="a"))
    assert world.scan() == ["tea"]
    world.write("mine", line("tea", id="a"))
    assert world.scan(MINUTE) == [] and world.lines() == ["mine"]


def test_of_two_lines_with_one_id_the_second_fires_too(world):
    """It is the person's text: it is not taken out of the file because another one was sent."""
    world.write(line("tea", id="a"), line("milk", id="a"))
    assert world.scan()[:1] == ["tea"] and world.lines() == [line("milk", id="a")]
    assert world.scan(MINUTE) == ["milk (late by 1 min)"] and world.lines() == []


def test_a_message_that_was_changed_while_it_was_sent_is_sent(world, monkeypatch):
    world.write(line("tea", id="a"))
    send = world.send

    def sending(*given, **more):
        monkeypatch.setattr(world, "send", send)
        world.write(line("tea with Ann", id="a"))
        return send(*given, **more)

    monkeypatch.setattr(world, "send", sending)
    assert world.scan() == ["tea"] and world.lines() == [line("tea with Ann", id="a")]
    assert world.scan(MINUTE) == ["tea with Ann (late by 1 min)"]


def test_what_fired_and_then_recurs_no_more_has_fired(world):
    world.write(line("tea", recur="daily", id="a"))
    assert world.scan() == ["tea"]
    world.write(line("tea", id="a"))
    assert world.scan(MINUTE) == [] and world.lines() == []


@pytest.mark.parametrize("did", ["sent", "done"])
def test_a_journal_of_before_does_not_tell_what_was_said(world, did):
    """Its line may say something else by now: it is sent, marked, whatever nonce a bot knows."""
    world.remembers = 120.0
    world.write(line("tea", id="a"))
    k = make_key("a", START)
    DeliveryJournal(world.home.path("remind", "journal.jsonl")).record(
        did, k, [Occurrence(k, "a", START)], START
    )
    assert world.scan() == ["tea (possibly repeated)"] and world.lines() == []
    world.write(line("tea", id="a"))
    assert world.scan(MINUTE) == [] and world.lines() == []


def test_doubt_of_before_is_doubt(world):
    world.write(line("tea", id="a"))
    k = make_key("a", START)
    DeliveryJournal(world.home.path("remind", "journal.jsonl")).record(
        "intent", k, [Occurrence(k, "a", START)], START
    )
    assert world.scan() == ["tea (possibly repeated)"] and world.nonces == [k]


DEEP = b"[" * 200_000


@pytest.mark.parametrize(
    "bad",
    [
        DEEP,
        b'{"a":' * 100_000,
        b"[]",
        b"5",
        b'{"compacted":1e999}',
        b'{"at":[],"did":"sent","nonce":"n","of":[]}',
        *(
            b'{"at":"2026-03-02T09:00:00Z",%s,"of":[[%s,"2026-03-02T09:00:00Z",1]]}' % (step, named)
            for step, named in (
                (b'"did":["sent"],"nonce":"n"', b'"k","a"'),
                (b'"did":"sent","nonce":{}', b'"k","a"'),
                (b'"did":"sent","nonce":"n"', b'["k"],"a"'),
                (b'"did":"sent","nonce":"n"', b'"k",["a"]'),
                (b'"did":"intent","nonce":"n","parts":"2"', b'"k","a"'),
                (b'"did":"intent","nonce":"n","parts":1,"said":3', b'"k","a"'),
            )
        ),
    ],
    ids=lambda bad: bad.decode()[:90],
)
def test_what_is_no_record_is_lost(world, bad, monkeypatch):
    monkeypatch.setattr("plainmind.reminders.journal.LEAST", 1)
    world.write(line("tea", id="a"), line("stand", recur="daily", id="b"))
    world.scan()
    with open(world.home.path("remind", "journal.jsonl"), "ab") as file:
        file.write(bad + b"\n")
    world.write(line("milk", id="c"), line("tea", id="a"), line("stand", recur="daily", id="b"))
    assert world.scan() == ["milk"]


@pytest.mark.parametrize(
    "bad",
    [
        DEEP,
        b"[]",
        b"{}",
        b'{"offset":"x"}',
        b'{"jump":[1]}',
        b'{"reminders":5}',
        b'{"until":1e999,"quiet":"x"}',
        b'{"told":null}',
        b'{"unended":{}}',
        b"\xff",
        b"",
    ],
    ids=lambda bad: bad.decode("latin-1")[:30],
)
def test_what_the_last_scan_saw_may_be_lost(world, bad):
    world.write(line("tea", id="a"))
    os.mkdir(world.home.path("remind"))
    with open(world.home.path("remind", "seen.json"), "wb") as file:
        file.write(bad)
    assert world.scan() == ["tea"] and world.scan(MINUTE) == []


@pytest.mark.parametrize(
    "put",
    [
        os.mkdir,
        os.mkfifo,
        lambda path: os.symlink("/dev/null", path),
        lambda path: os.symlink("seen.json", path),
        lambda path: os.symlink("../.env", path),
    ],
    ids=["folder", "pipe", "device", "loop", "secret"],
)
def test_what_stands_in_its_place_makes_way(world, put):
    world.write(line("tea", id="a"))
    os.mkdir(world.home.path("remind"))
    files.replace(world.home.path(".env"), b"API_KEY=swordfish4711\n")
    put(world.home.path("remind", "seen.json"))
    assert world.scan() == ["tea"] and world.scan(MINUTE) == []


def test_a_torn_record_is_no_record(world):
    world.write(line("tea", id="a"))
    world.scan()
    path = world.home.path("remind", "journal.jsonl")
    data = files.read(path)
    with open(path, "wb") as file:
        file.write(data[: data.index(b'"sent"') + 3])
    world.write(line("tea", id="a"))
    assert world.scan(MINUTE) == ["tea (late by 1 min) (possibly repeated)"]
    for row in files.read(path).split(b"\n")[:-1]:
        if row != data[: data.index(b'"sent"') + 3].split(b"\n")[-1]:
            json.loads(row)


def test_the_journal_is_compacted_and_forgets_nothing_that_counts(world, monkeypatch):
    monkeypatch.setattr("plainmind.reminders.journal.LEAST", 2000)
    monkeypatch.setattr("plainmind.reminders.journal.KEPT", 10 * clock.DAY)
    world.write(line("stand", recur="daily", id="a"))
    assert world.scan() == ["stand"]
    sizes = []
    for day in range(25):
        once = line("tea", "09:00", id=f"t{day}", date=zone.to_local(world.now).date().isoformat())
        world.write(line("stand", recur="daily", id="a"), once)
        assert world.scan() == ["tea"]
        sizes.append(os.path.getsize(world.home.path("remind", "journal.jsonl")))
        assert world.scan(24 * HOUR) == ["stand"]
    assert any(after < before for before, after in zip(sizes, sizes[1:], strict=False))
    kept = DeliveryJournal(world.home.path("remind", "journal.jsonl"))
    assert {o.id for o in kept._lines.values() if o.once} == {f"t{day}" for day in range(25)}
    assert min(o.due for o in kept._lines.values() if not o.once) > world.now - 20 * clock.DAY
    world.write(line("tea", id="t0"), line("stand", recur="daily", id="a"))
    assert world.scan() == []


def test_compaction_keeps_what_recurs_and_was_sent(world, monkeypatch):
    monkeypatch.setattr("plainmind.reminders.journal.LEAST", 1)
    world.write(
        line("stand", recur="daily", id="a"),
        *[line("tea", f"09:0{n}", id=f"t{n}") for n in range(5)],
    )
    assert [world.scan(MINUTE) for _ in range(5)][1:] == [["tea"]] * 3 + [[]]


def test_compaction_keeps_doubt(world, monkeypatch):
    world.write(line("tea", id="a"))
    world.failures = [Unavailable("no answer")]
    monkeypatch.setattr("plainmind.reminders.journal.LEAST", 1)
    world.scan()
    assert files.read(world.home.path("remind", "journal.jsonl")).startswith(b'{"compacted":')
    assert world.scan(MINUTE) == ["tea (late by 1 min) (possibly repeated)"]


# --- the clock


def test_a_clock_that_jumped_waits_for_a_second_scan_that_agrees(world):
    world.write(line("tea", "14:00", id="a"))
    assert world.scan() == []
    world.now += 6 * HOUR
    assert world.scan(MINUTE) == [] and world.remarks[-1].startswith("the clock jumped")
    assert world.scan(MINUTE) == ["tea (late by 1 h 2 min)"]


def test_a_clock_that_jumped_and_came_back_fires_nothing(world):
    world.write(line("tea", "14:00", id="a"))
    world.scan()
    world.now += 1000 * 24 * HOUR
    assert world.scan(MINUTE) == []
    world.now -= 1000 * 24 * HOUR
    assert world.scan(MINUTE) == [] and world.scan(MINUTE) == []
    assert world.lines() == [line("tea", "14:00", id="a")]


def test_a_clock_that_jumps_every_time_never_agrees(world):
    world.write(line("tea", "14:00", id="a"))
    world.scan()
    for _ in range(5):
        world.now += 6 * HOUR
        assert world.scan(MINUTE) == []
    assert len(world.remarks) == 1


def test_a_clock_that_went_back_does_not_fire_again(world):
    world.write(line("stand", recur="daily", id="a"))
    assert [world.scan(), *(world.scan(24 * HOUR) for _ in range(5))] == [["stand"]] * 6
    world.now -= 5 * 24 * HOUR
    assert world.scan(MINUTE) == [] and world.scan(MINUTE) == []
    world.now += 5 * 24 * HOUR
    world.scan(MINUTE)
    assert world.scan(MINUTE) == [] and world.scan(24 * HOUR) == ["stand (late by 4 min)"]


def test_one_scan_by_a_clock_far_ahead_silences_nothing(world):
    """The years until then are not taken for sent, nor is the file left unread until then."""
    world.write(
        line("stand", recur="daily", id="a"), line("bins", "08:00", "2026-03-04", "weekly", "b")
    )
    assert world.scan() == ["stand"]
    ahead = 900 * 24 * HOUR
    world.now += ahead
    world.boot = "boot-2"
    assert world.scan() != []
    world.now -= ahead
    world.boot = "boot-3"
    assert world.scan(MINUTE) == []
    assert [world.scan(24 * HOUR - MINUTE), world.scan(23 * HOUR), world.scan(HOUR)] == [
        ["stand"],
        ["bins"],
        ["stand"],
    ]


def test_a_file_found_quiet_by_a_clock_that_was_ahead_is_read_again(world, settled):
    world.write(line("stand", "20:00", "2026-02-02", "daily", id="a"))
    world.grace = HOUR
    world.now += 24 * HOUR + HOUR  # the day after, an hour later
    assert world.scan() == []
    world.now -= 20 * HOUR
    world.boot = "boot-2"
    assert world.scan() == [] and world.scan(6 * HOUR) == ["stand"]


def test_up_to_three_hours_are_no_jump(world):
    world.write(line("tea", "11:59", id="a"))
    world.scan()
    world.now += 3 * HOUR - MINUTE
    assert world.scan(MINUTE) == ["tea (late by 1 min)"]


def test_a_machine_that_slept_fires_at_once(world):
    world.write(line("tea", "14:00", id="a"))
    world.scan()
    assert world.scan(9 * HOUR) == ["tea (late by 4 h)"]


def test_so_does_one_that_was_off(world):
    world.write(line("tea", "14:00", id="a"))
    world.scan()
    world.boot, world.up = "boot-2", 0
    world.now += 9 * HOUR
    assert world.scan() == ["tea (late by 4 h)"]


# --- the file


@pytest.mark.parametrize("spoil", ["missing", "empty", "blank", "nul", "markers"])
def test_a_file_that_is_not_whole_fires_nothing_and_is_told_once(world, spoil):
    text = line("tea", "09:05", id="a") + "\n"
    world.write(text, end="")
    world.scan()
    if spoil == "missing":
        os.unlink(world.path)
    else:
        made = {
            "empty": "",
            "blank": "\ufeff \r\n\n",
            "nul": text + "\0" * 40,
            "markers": f"<<<<<<< a\n{text}=======\n{text}>>>>>>> b\n",
        }
        world.write(made[spoil], end="")
    assert world.scan(10 * MINUTE) == [] and [e.code for e in world.reported] == [65]
    assert world.scan(MINUTE) == [] and world.reported == []
    world.write(text, end="")
    assert world.scan(MINUTE) == ["tea (late by 7 min)"]
    world.write("", end="")
    assert world.scan(MINUTE) == [] and world.reported == [], "we took the last line out ourselves"


@pytest.mark.parametrize("there", [False, True])
def test_no_file_and_an_empty_one_are_nothing_to_speak_of(world, there):
    if there:
        world.write()
    assert world.scan() == [] and world.reported == []


@pytest.mark.parametrize(
    "name",
    [
        "reminders.sync-conflict-20260302-090000-ABCDEFG.md",
        "reminders (Ann's conflicted copy 2026-03-02).md",
        "reminders (SFConflict ann@example.org 2026-03-02-09-00-00).md",
    ],
)
def test_a_conflict_copy_is_no_reminders_file(world, monkeypatch, name):
    world.write(line("tea", id="a"))
    os.rename(world.path, world.home.path(name))
    monkeypatch.setenv("REMINDERS_FILE", world.home.path(name))
    assert world.scan() == [] and [e.code for e in world.reported] == [65]
    monkeypatch.delenv("REMINDERS_FILE")
    assert world.scan() == [], "beside the file it is not looked at either"


def test_every_prefix_of_a_file_fires_nothing_that_is_not_in_the_whole(world):
    """What a synchroniser that writes in place leaves for a moment, at every byte."""
    whole = "\n".join(
        [
            line("tea", "10:00", id="rid_AAAAAAAAAAAA"),
            line("milk", recur="daily", id="rid_BBBBBBBBBBBB"),
            line("bread", "11:00", id="abcdef"),
            "",
        ]
    )
    world.write(whole, end="")
    assert world.scan() == ["milk"]
    for cut in range(len(whole)):
        world.write(whole, end="")
        assert world.scan() == []
        world.write(whole[:cut], end="")
        assert world.scan() == [], whole[:cut]
        assert files.read(world.path).decode() == whole[:cut], "and changes nothing"
    world.write(whole, end="")
    assert world.scan(3 * HOUR) == ["tea (late by 2 h)", "bread (late by 1 h)"]


def test_a_person_may_leave_the_last_line_without_an_end(world):
    """It fires, at the latest one scan after it was first seen."""
    world.write("mine")
    world.scan()
    world.write("mine", line("tea"), end="")
    assert world.scan() == []
    assert world.scan(MINUTE) == ["tea (late by 1 min)"]


def test_a_last_line_with_a_whole_id_needs_no_end(world):
    world.write("mine")
    world.scan()
    world.write("mine", line("milk", "09:01", id="rid_CCCCCCCCCCCC"), end="")
    assert world.scan(MINUTE) == ["milk"]


def test_the_line_stays_for_another_minute_after_somebody_saved(world, monkeypatch):
    monkeypatch.setattr(scan, "HANDS_OFF", 5.0)
    world.write(line("tea", id="a"))
    assert world.scan() == ["tea"] and world.lines() == [line("tea", id="a")]
    monkeypatch.setattr(scan.file, "foreign_edit_age", lambda path, ours: 5.1)
    assert world.scan(MINUTE) == [] and world.lines() == []


def test_a_file_saved_while_messages_were_sent_is_left_for_another_minute(world, monkeypatch):
    world.write(line("tea", id="a"))
    age = scan.file.foreign_edit_age
    monkeypatch.setattr(scan, "HANDS_OFF", 5.0)
    monkeypatch.setattr(
        scan.file, "foreign_edit_age", lambda path, ours: age(path, ours) if ours else 60.0
    )
    send = world.send

    def sending(*given, **more):
        world.write("mine", line("tea", id="a"))
        return send(*given, **more)

    monkeypatch.setattr(world, "send", sending)
    assert world.scan() == ["tea"] and world.lines() == ["mine", line("tea", id="a")]


def test_a_line_that_was_moved_to_another_day_while_it_was_sent_stays(world, monkeypatch):
    world.write(line("tea", id="a"))
    send = world.send

    def sending(*given, **more):
        world.write(line("tea", "10:00", id="a"))
        return send(*given, **more)

    monkeypatch.setattr(world, "send", sending)
    assert world.scan() == ["tea"] and world.lines() == [line("tea", "10:00", id="a")]
    assert world.scan(HOUR) == ["tea"]


def test_a_file_that_cannot_be_changed_still_fires(world, monkeypatch):
    world.write(line("tea", id="a"), line("nameless"))

    def edit(*_, **more):
        raise PermissionError(13, "Permission denied", world.path)

    monkeypatch.setattr(scan.file, "edit", edit)
    assert world.scan() == ["tea"] and {e.code for e in world.reported} == {77}
    assert world.scan(MINUTE) == []


def test_what_has_an_id_is_sent_before_others_get_theirs(world, monkeypatch):
    """Giving ids may take all the time a scan has."""
    world.write(line("nameless", "08:00"), line("tea", id="a"))
    edit, then = scan.file.edit, []

    def slowly(*given, **more):
        then.append(list(world.said))
        return edit(*given, **more)

    monkeypatch.setattr(scan.file, "edit", slowly)
    assert world.scan() == ["tea", "nameless (late by 1 h)"]
    assert then[0] == ["tea"] and world.lines() == []


def test_lines_that_get_their_id_are_counted_for_a_digest(world):
    world.write(
        *[line(f"no {n}", id=f"i{n}") for n in range(6)], *[line(f"new {n}") for n in range(6)]
    )
    said = world.scan()
    assert [text.split("\n")[0] for text in said] == ["6 reminders are due:"] * 2
    assert world.lines() == []


def test_without_a_network_it_is_said_once(world):
    world.write(line("tea", id="a"), line("nameless"))
    world.failures = [REFUSED]
    assert world.scan() == [] and [e.code for e in world.reported] == [69]
    assert "id=rid_" in world.lines()[1]
    assert world.scan(MINUTE) == ["tea (late by 1 min)", "nameless (late by 1 min)"]


def test_what_cannot_be_cleared_up_is_told_and_keeps_nothing_from_firing(world, monkeypatch):
    world.write(line("tea", id="a"))
    open(world.home.path(".reminders.md.999999-0.tmp"), "w").close()

    def failing(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(exchange, "recover", failing)
    assert world.scan() == ["tea"] and {e.code for e in world.reported} == {77}


def note_waits(monkeypatch) -> list[float]:
    """How long each lock is waited for, at most, from now on."""
    waits, lock = [], files.lock

    def noted(path, wait=files.LOCK_WAIT, **how):
        waits.append(wait)
        return lock(path, wait, **how)

    monkeypatch.setattr(files, "lock", noted)
    return waits


def test_whoever_holds_the_lock_of_the_file_keeps_nothing_from_firing(world, monkeypatch):
    world.write(line("tea", id="a"), line("nameless"))
    waits = note_waits(monkeypatch)
    with files.lock(world.home.lock):
        waits.clear()
        assert world.scan() == ["tea"]
    assert 0 < sum(waits) < 2 and {e.code for e in world.reported} == {75}
    assert world.scan(MINUTE) == ["nameless (late by 1 min)"] and world.lines() == []


def test_a_file_in_utf_16_is_told_as_such(world):
    for text in (line("tea", id="a").encode("utf-16"), line("tea", id="a").encode("utf-16-be")):
        with open(world.path, "wb") as file:
            file.write(text)
        world.seen = None
        assert world.scan() == []
    assert world.scan(MINUTE) == [] and world.reported == []
    os.unlink(world.home.path("remind", "seen.json"))
    world.scan()
    assert "it is UTF-16; save it as UTF-8" in str(world.reported[0])


@pytest.mark.parametrize("gone", ["last", "not the last"])
def test_the_last_reminder_that_a_command_removes_is_not_missed(world, gone):
    world.write(
        line("tea", "10:00", id="a"), *([] if gone == "last" else [line("milk", "11:00", id="b")])
    )
    world.scan()
    editing.remove(world.home, world.path, "a")
    if gone == "not the last":
        world.write()
    world.scan(MINUTE)
    assert [e.code for e in world.reported] == ([] if gone == "last" else [65])


def test_the_last_reminder_is_removed_also_when_a_scan_is_at_work(world):
    world.write(line("tea", "10:00", id="a"))
    world.scan()
    with last_scan.hold_lock(world.home):
        editing.remove(world.home, world.path, "a")
    assert world.lines() == []


# --- the rest


def test_a_look_writes_nothing(world):
    world.write(line("tea"), line("stand", recur="daily", id="b"), line("later", "10:00"))
    before = files.read(world.path)
    assert list(world.run().preview()) == ["tea", "stand"]
    world.write(line("one", id="line-2"), line("two"))
    assert list(world.run().preview()) == ["one", "two"]
    world.write(line("tea"), line("stand", recur="daily", id="b"), line("later", "10:00"))
    assert files.read(world.path) == before and os.listdir(world.home.root) == ["reminders.md"]


def test_nothing_is_written_when_nothing_changed(world):
    world.write(line("later", "10:00", id="a"), line("stand", "08:00", recur="daily", id="b"))
    world.scan()
    times = {
        name: os.stat(world.home.path("remind", name)).st_mtime_ns
        for name in os.listdir(world.home.path("remind"))
    }
    for _ in range(3):
        world.scan(MINUTE)
    assert times == {
        name: os.stat(world.home.path("remind", name)).st_mtime_ns
        for name in os.listdir(world.home.path("remind"))
    }


def test_two_scans_exclude_each_other_at_once(world, monkeypatch):
    waits = note_waits(monkeypatch)
    with last_scan.hold_lock(world.home), pytest.raises(Busy), last_scan.hold_lock(world.home):
        pass
    assert waits == [0, 0]


def test_which_host_fires(monkeypatch):
    monkeypatch.setattr(os, "uname", lambda: type("U", (), {"nodename": "Nas.example.org"}))
    assert [scan.find_other_host(host) for host in ("", "nas", "NAS.example.org")] == ["", "", ""]
    assert scan.find_other_host("laptop") == "host 'laptop' fires, this is 'Nas.example.org'"
    assert scan.find_other_host("nas.example.com")


@pytest.mark.parametrize(
    "minutes, said",
    [
        (1, "1 min"),
        (60, "1 h"),
        (125, "2 h 5 min"),
        (1440, "1 day"),
        (1441, "1 day 1 min"),
        (2 * 1440 + 61, "2 days 1 h"),
    ],
)
def test_spans(minutes, said):
    assert messages.span(minutes * MINUTE + 59_999) == said


# --- what is not read again


@pytest.fixture
def settled(monkeypatch):
    """Files are never too young."""
    monkeypatch.setattr(scan, "TICK", 0)


def test_a_file_of_which_nothing_is_due_is_not_read_before_something_may_be(
    world, monkeypatch, settled
):
    world.write(
        line("tea", "10:00", id="a"),
        line("stand", "08:00", recur="daily", id="b"),
        line("far", date="2027-01-01", id="c"),
    )
    world.scan()
    world.scan(MINUTE)
    read = scan.file.read_stable
    monkeypatch.setattr(scan.file, "read_stable", lambda path: pytest.fail("it was read"))
    assert [world.scan(MINUTE) for _ in range(58)] == [[]] * 58
    monkeypatch.setattr(scan.file, "read_stable", read)
    assert world.scan() == [] and world.scan(MINUTE) == ["tea"]


def test_one_that_was_changed_is_read(world, settled):
    world.write(line("tea", "10:00", id="a"))
    world.scan()
    world.write(line("tea", "09:01", id="a"))
    assert world.scan(MINUTE) == ["tea"]
    world.write(line("milk", "10:00", id="b"))
    world.scan()
    os.unlink(world.path)
    world.scan(MINUTE)
    assert [e.code for e in world.reported] == [65]


def test_one_whose_zone_is_another_now_is_read(world, settled):
    world.write(line("tea", "10:00", id="a"))
    assert world.scan() == []
    zone.use(lambda: "Europe/Berlin")
    try:
        assert world.scan(MINUTE) == ["tea (late by 1 min)"]
    finally:
        zone.use(lambda: zone.DEFAULT)


@pytest.mark.parametrize("name, wait", [("America/New_York", 5), ("Asia/Tokyo", -9)])
@pytest.mark.parametrize("recur, days", [("daily", 1), ("weekly", 7), ("monthly", 31)])
def test_another_zone_repeats_nothing_and_loses_nothing(world, name, wait, recur, days):
    """Nine o'clock fired; what is nine o'clock in the new zone was that one."""
    world.grace = 0
    world.write(line("x", recur=recur, id="a"))
    assert world.scan() == ["x"]
    zone.use(lambda: name)
    try:
        assert world.scan(MINUTE) == [] and world.scan(6 * HOUR) == []
        then = (
            days * DAY
            + wait * HOUR
            - 6 * HOUR
            - MINUTE
            - (HOUR if "York" in name else 0) * (recur != "daily")
        )
        assert world.scan(then - MINUTE) == [] and world.scan(MINUTE) == ["x"]
    finally:
        zone.use(lambda: zone.DEFAULT)


@given(st.data())
def test_looking_less_changes_nothing(tmp_path_factory, data):
    """Any edits and any waits: the same messages at the same minutes as when each scan reads."""
    draw = data.draw
    steps = []
    for _ in range(draw(st.integers(2, 8))):
        rows = [
            line(
                f"m{n}",
                f"{draw(st.integers(0, 3)):02}:{draw(st.sampled_from([0, 30, 59])):02}",
                f"2026-03-{draw(st.integers(27, 30))}",
                draw(st.sampled_from(["none", "daily", "weekly", "monthly"])),
                f"i{n}",
            )
            for n in range(draw(st.integers(1, 3)))
        ]
        steps.append(
            (
                rows,
                draw(st.lists(st.sampled_from([1, 7, 31, 60, 180, 1440]), min_size=1, max_size=6)),
            )
        )
    said = []
    for tick in (0, 10**12):
        with pytest.MonkeyPatch.context() as patch:
            world = World(Home(str(tmp_path_factory.mktemp("home"))), patch)
            patch.setattr(scan, "TICK", tick)
            patch.setattr(files, "sync", lambda fd: None)
            world.now = clock.parse("2026-03-28T22:00:00Z")
            for rows, waits in steps:
                world.write(*rows)
                for wait in waits:
                    said.append((tick, world.scan(wait * MINUTE)))
    half = len(said) // 2
    assert [messages for _, messages in said[:half]] == [messages for _, messages in said[half:]]


def list_past(world) -> list[dict]:
    found = past.list_past(world.home, Environment(), 0, world.now, world.reported.append)
    return [past.to_record(one) for one in found]


def test_what_was_sent_is_told_when_its_line_is_gone(world, monkeypatch):
    """Once in the journal, masked, cut, and for 30 days; lines of before have none."""
    monkeypatch.setattr(masks, "mask", lambda text: text.replace("swordfish", "***"))
    long = "x" * 600
    world.write(line("tea, swordfish", "09:01", id="a"), line(long, "09:01", id="b"),
                line("water", "09:01", recur="daily", id="c"))  # fmt: skip
    world.scan(MINUTE)
    world.write("")
    path = world.home.path("remind", "journal.jsonl")
    expected = [("a", "tea, ***"), ("b", f"{'x' * 499}…"), ("c", "water")]
    told = lambda: sorted((one["id"], one["msg"]) for one in list_past(world))
    assert told() == expected
    assert [files.read(path).count(each) for each in (b"tea", b"x" * 99, b"water")] == [1, 5, 1]
    monkeypatch.setattr("plainmind.reminders.journal.LEAST", 1)
    DeliveryJournal(path).compact(world.now)
    assert files.read(path).startswith(b'{"compacted":') and told() == expected
    old = [json.loads(row) for row in files.read(path).splitlines()[1:]]
    without = [{key: row[key] for key in row if key != "text"} for row in old]
    for broken in ({}, {"text": "tea"}, {"text": []}, {"text": [7] * 3}):
        rows = (stream.json_record(row | broken) for row in without)
        files.replace(path, b"".join(rows))
        assert told() == [("a", None), ("b", None), ("c", None)], broken
    world.now += 31 * clock.DAY
    files.replace(path, b"".join(map(stream.json_record, old)))
    DeliveryJournal(path).compact(world.now)
    assert b"tea" not in files.read(path)


def test_a_line_that_waits_to_go_is_said_to_be_sent_however_old(world, monkeypatch):
    world.write(line("tea", "08:00", "1970-04-17", id="a"))
    monkeypatch.setattr(scan, "HANDS_OFF", 60)
    assert len(world.scan()) == 1 and len(world.lines()) == 1
    (one,) = past.list_past(world.home, Environment(), 0, world.now, world.reported.append)
    assert (one.state, one.lingers, one.waits) == ("sent", True, False)
    monkeypatch.setattr(scan, "HANDS_OFF", 0)
    world.scan(MINUTE)
    assert world.lines() == [] and list_past(world) == []
