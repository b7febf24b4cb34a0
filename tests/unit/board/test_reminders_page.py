"""The page of reminders: what the commands say, on a calendar that knows the clock's changes."""

import os
import re

import board_home
import pytest
from plainmind.board.pages import reminders as page
from plainmind.formats.reminder import reminder as grammar
from plainmind.ground import clock, zone
from plainmind.ground.errors import BadData
from plainmind.reminders import agenda
from plainmind.reminders.journal import DeliveryJournal, Occurrence, make_key
from scene import NOW, TIME


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    from plainmind.ground.paths import Home

    return board_home.fill(Home(str(tmp_path_factory.mktemp("board") / "home")))


def write(home, *lines: str):
    os.makedirs(home.root, exist_ok=True)
    with open(home.path("reminders.md"), "w") as file:
        file.write("".join(f"{line}\n" for line in lines))
    return board_home.open_memory(home)


def line(date: str, time: str, recur: str, msg: str = "x", id: str = "a") -> str:
    return f'- [ ] date={date} time={time} recur={recur} msg="{msg}" id={id}'


def list_entries(found: dict) -> list[tuple[str, str, str]]:
    """(day, time, state) of all that stands in a month."""
    days = [day for week in found["weeks"] for day in week if day and not day["is_next"]]
    rows = [(day["date"], one) for day in days for one in (*day["entries"], *day["more"])]
    return [(date, one["time"], one["state"]) for date, one in rows]


def test_it_says_what_the_commands_print(filled, command):
    found = page.read(filled, "", {})

    def printed(*options, code=0):
        out = command("remind-list", "--json", "--now", TIME, *options, home=filled.home, code=code)
        return board_home.read_records(out)

    keys = agenda.KEYS
    ahead = [one for one in printed() if one["next_utc"] >= TIME[:16]]
    assert [{key: one[key] for key in keys} for one in found["coming"]] == ahead
    assert len(printed()) == len(ahead) + 1  # what is late is told once, below
    said = [{key: one[key] for key in agenda.PAST_KEYS} for one in found["past"]]
    assert sorted(said, key=lambda one: one["due"], reverse=True) == printed("--past")
    assert [one["state"] for one in said if one["waits"]] == ["failed", "in doubt"]
    checked = [(one["ref"], one["reason"]) for one in printed("--check", code=1)]
    assert found["findings"] == checked
    assert checked[0][0].endswith(f":{board_home.BAD_LINE}")


def test_months_one_after_the_other_say_what_the_agenda_says(filled):
    lines = grammar.parse(board_home.REMINDERS.encode()).reminders
    until = zone.end_of(zone.to_day(clock.parse("2028-03-31T12:00:00Z")))
    expected = [
        (f"{local:%Y-%m-%d}", f"{local:%H:%M}")
        for one in agenda.list_upcoming(lines, NOW, until=until)
        if one.instant >= NOW
        for local in [zone.to_local(one.instant)]
    ]
    months, found = ["2026-01"], []
    while months[-1] != "2028-04":
        data = page.read(filled, "", {"month": months[-1]})
        found += [(day, time) for day, time, state in list_entries(data) if not state]
        months.append(data["later"])
    assert found == expected
    assert len(expected) > 900


@pytest.mark.parametrize(
    ("month", "text", "expected"),
    [
        ("2026-03", line("2026-03-28", "01:30", "daily"),  # the hour that is left out
         ["28 01:30", "29 02:00", "30 01:30", "31 01:30"]),
        ("2026-10", line("2026-10-24", "01:30", "daily"),  # the one that comes twice
         ["24 01:30", "25 01:30", *(f"{day} 01:30" for day in range(26, 32))]),
        ("2026-02", line("2026-01-31", "09:00", "monthly"), ["28 09:00"]),
        ("2026-04", line("2026-01-31", "09:00", "monthly"), ["30 09:00"]),
        ("2027-02", line("2024-02-29", "09:00", "yearly"), ["28 09:00"]),
        ("2028-02", line("2024-02-29", "09:00", "yearly"), ["29 09:00"]),
        ("2026-02", line("2026-01-30", "23:59", "none"), []),
        ("9999-12", line("9999-12-31", "23:59", "none"), ["31 23:59"]),
    ],
)  # fmt: skip
def test_a_month(home, month, text, expected):
    entries = list_entries(page.read(write(home, text), "", {"month": month}))
    assert [f"{day[-2:]} {time}" for day, time, _ in entries] == expected


def test_days_that_are_over_say_what_was_sent(filled):
    found = [one for one in list_entries(page.read(filled, "", {})) if one[2]]
    assert found == [
        ("2026-01-29", "09:00", "in doubt"), ("2026-01-29", "10:00", "failed"),
        ("2026-01-30", "08:30", "sent"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "month",
    ["2026", "2026-00", "2026-13", "2026-1", "26-01", "1969-12", "٢٠٢٦-01", "2026-01\n", "x"],
)
def test_what_is_not_a_month_is_refused(home, month):
    with pytest.raises(BadData):
        page.read(write(home), "", {"month": month})


def test_a_reminder_without_an_id_is_overdue_without_one(home, command):
    memory = write(home, '- [ ] date=2026-01-30 time=08:00 recur=none msg="tea"')
    (one,) = page.read(memory, "", {})["past"]
    assert (one["id"], one["msg"], one["state"], one["waits"]) == ("", "tea", "overdue", True)
    printed = command("remind-list", "--past", "--now", TIME, home=home).decode()
    assert printed == "2026-01-30T08:00\t2026-01-30T08:00Z\toverdue\t-\ttea\n"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-01-30T14:20:00Z", ["2026-01-31", "2026-02-01"]),
        ("2026-11-30T14:20:00Z", [f"2026-12-0{day}" for day in range(1, 7)]),
        ("2026-05-31T14:20:00Z", [f"2026-06-0{day}" for day in range(1, 8)]),  # a Sunday
        ("2026-05-20T14:20:00Z", [f"2026-05-{day}" for day in range(21, 32)]),
    ],
)
def test_tomorrow_is_on_the_calendar_on_the_last_day_of_a_month_too(home, now, expected):
    write(home, line("2026-01-01", "09:00", "daily"))
    data = page.read(board_home.open_memory(home, now=clock.parse(now)), "", {})
    days = [day for week in data["weeks"] for day in week if day and not day["is_past"]]
    assert [day["date"] for day in days if not day["is_today"]] == expected
    assert all(day["entries"] for day in days if not day["is_today"])
    assert [week[0] for week in data["weeks"][1:] if not week[0]] == []


def test_what_was_sent_is_not_overdue_while_its_line_stands(home):
    memory = write(home, line("1970-04-17", "18:07", "none", "splashdown"))
    due = clock.parse("1970-04-17T17:07:00Z")  # London kept summer time that year
    key = make_key("a", due, "splashdown")
    made = DeliveryJournal(home.path("remind", "journal.jsonl"))
    made.record("sent", key, [Occurrence(key, "a", due, True, "splashdown")], NOW)
    html = board_home.show_page(memory, "reminders")
    assert html.count("splashdown") == 1 and "its line goes with the next scan" in html
    assert "overdue" not in html and "Nothing is to come" in html
    write(home)
    made.record("done", "", [Occurrence(key, "a", due)], NOW)
    assert "splashdown" not in board_home.show_page(memory, "reminders")


def test_a_flood_is_bounded_and_said(home):
    memory = write(home, *(line("2026-01-01", "23:00", "daily", f"n{n}", f"id{n}")
                           for n in range(700)))  # fmt: skip
    found = page.read(memory, "", {"month": "2026-02"})
    assert found["cut"] and len(list_entries(found)) == page.MOST
    assert max(len(day["entries"]) for week in found["weeks"] for day in week if day) == 4
    html = board_home.show_page(memory, "reminders", month="2026-02")
    assert "There are more this month" in html and "The next 100 of 700" in html
    few = page.read(write(home, line("2026-01-01", "23:00", "daily")), "", {"month": "2026-02"})
    assert not few["cut"] and len(list_entries(few)) == 28


def test_a_long_message_is_whole_once_and_short_on_the_calendar(home):
    memory = write(home, line("2026-01-31", "09:00", "none", "long " * 60 + "end"))
    html = board_home.show_page(memory, "reminders")
    assert html.count("long long") > 2 and html.count("long end") == 1 and "long…" in html


def test_an_empty_home_is_told_how_and_stays_empty(home):
    html = board_home.show_page(board_home.open_memory(home), "reminders")
    assert "remind-add" in html and 'class="problems"' not in html
    assert not os.path.exists(home.root)


@pytest.mark.parametrize("broken", ["folder", "utf-16", "missing", "conflict", "nul"])
def test_a_file_that_cannot_be_acted_upon_is_a_problem_of_the_page(home, broken):
    write(home, line("2026-02-01", "09:00", "none"))
    path = home.path("reminders.md")
    if broken in ("folder", "missing"):
        os.unlink(path)
    if broken == "folder":
        os.mkdir(path)
    elif broken == "missing":
        board_home._put(home, ".env", "REMINDERS_FILE=/nowhere/at-all.md\n")
    else:
        texts = {"utf-16": "x".encode("utf-16"), "conflict": b"<<<<<<< a\n", "nul": b"a\0b\n"}
        with open(path, "wb") as file:
            file.write(texts[broken])
    html = board_home.show_page(board_home.open_memory(home), "reminders")
    assert 'class="problems"' in html


def test_nothing_is_written_and_nothing_hostile_is_obeyed(home):
    import vault

    memory = board_home.fill(home, hostile=True)
    before = vault.contents(home.root)
    for live in (True, False):
        html = board_home.show_page(memory, "reminders", live=live)
        assert board_home.find_harm(html) == [] and "\\u202e" in html
        assert ("month=2026-02" in html) == live
    assert vault.contents(home.root) == before


def test_its_table_has_names_for_who_does_not_see_it(filled):
    html = board_home.show_page(filled, "reminders")
    assert '<span class="named">Friday, 30 January</span>' in html
    assert re.search(r'<table class="month" aria-labelledby="month">\s*<thead>', html)
    assert html.count('<th scope="col"><abbr title=') == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (line("2026-01-30", "09:00", "none"), ""),
        (line("2026-01-30", "09:00", "daily"), "every day"),
        (line("2026-01-30", "09:00", "weekly"), "every Friday"),
        (line("2026-01-01", "09:00", "monthly"), "every month on the 1st"),
        (line("2026-01-22", "09:00", "monthly"), "every month on the 22nd"),
        (line("2026-01-13", "09:00", "monthly"), "every month on the 13th"),
        (line("2026-01-31", "09:00", "monthly"), "every month on the 31st or the last day"),
        (line("2026-01-30", "09:00", "yearly"), "every year on 30 January"),
        (line("2024-02-29", "09:00", "yearly"), "every year on 29 February, else on the 28th"),
    ],
)
def test_recurrences_in_words(text, words):
    assert agenda.describe_recurrence(grammar.parse(text.encode()).reminders[0]) == words
