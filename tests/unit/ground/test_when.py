"""A time as a person writes it: one table, and the same in every command.

It is Friday, 2026-01-30, 14:23:55.120 in London, unless a test says otherwise.
"""

import os
import re
import runpy
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind import cli
from plainmind.cli.values import Time
from plainmind.ground import clock, when, zone
from plainmind.ground.errors import BadData
from scene import NOW, ROOT

#: text -> first and last instant; a moment has one
TABLE = {
    # days
    "2026-01-30": "2026-01-30T00:00:00.000Z 2026-01-30T23:59:59.999Z",
    "2024-02-29": "2024-02-29T00:00:00.000Z 2024-02-29T23:59:59.999Z",
    "2026-03-29": "2026-03-29T00:00:00.000Z 2026-03-29T22:59:59.999Z",  # of 23 hours
    "2026-10-25": "2026-10-24T23:00:00.000Z 2026-10-25T23:59:59.999Z",  # of 25
    "2026-07-01": "2026-06-30T23:00:00.000Z 2026-07-01T22:59:59.999Z",
    "9999-12-31": "9999-12-31T00:00:00.000Z 9999-12-31T23:59:59.999Z",
    "8 May 2026": "2026-05-07T23:00:00.000Z 2026-05-08T22:59:59.999Z",
    "on May 8th, 2026": "2026-05-07T23:00:00.000Z 2026-05-08T22:59:59.999Z",
    "25.12.2025": "2025-12-25T00:00:00.000Z 2025-12-25T23:59:59.999Z",
    " Today ": "2026-01-30T00:00:00.000Z 2026-01-30T23:59:59.999Z",
    "yesterday": "2026-01-29T00:00:00.000Z 2026-01-29T23:59:59.999Z",
    "tomorrow": "2026-01-31T00:00:00.000Z 2026-01-31T23:59:59.999Z",
    "last tuesday": "2026-01-27T00:00:00.000Z 2026-01-27T23:59:59.999Z",
    "Last  Fri": "2026-01-23T00:00:00.000Z 2026-01-23T23:59:59.999Z",
    "last sunday": "2026-01-25T00:00:00.000Z 2026-01-25T23:59:59.999Z",
    "March 18": "2025-03-18T00:00:00.000Z 2025-03-18T23:59:59.999Z",
    "on 30 January": "2026-01-30T00:00:00.000Z 2026-01-30T23:59:59.999Z",
    "29 feb": "2024-02-29T00:00:00.000Z 2024-02-29T23:59:59.999Z",
    # moments
    "now": "2026-01-30T14:23:55.120Z",
    "2026-01-30 14:23": "2026-01-30T14:23:00.000Z",
    "2026-01-30T14:23": "2026-01-30T14:23:00.000Z",
    "2026-01-30 14:23:55.12": "2026-01-30T14:23:55.120Z",
    "2026-07-01 12:00": "2026-07-01T11:00:00.000Z",
    "2026-01-30T14:23:55.120Z": "2026-01-30T14:23:55.120Z",
    "2026-01-30T14:23:55+01:00": "2026-01-30T13:23:55.000Z",
    "2026-01-30 14:23 -0330": "2026-01-30T17:53:00.000Z",
    "2026-01-30 14:23 UTC": "2026-01-30T14:23:00.000Z",
    "20260130T142355Z": "2026-01-30T14:23:55.000Z",
    "2026-03-29 01:30": "2026-03-29T01:00:00.000Z",  # does not exist
    "2026-10-25 01:30": "2026-10-25T00:30:00.000Z",  # comes twice
    "yesterday 14:23": "2026-01-29T14:23:00.000Z",
    "yesterday at 9am": "2026-01-29T09:00:00.000Z",
    "today at noon": "2026-01-30T12:00:00.000Z",
    "last tuesday, 5:30 pm": "2026-01-27T17:30:00.000Z",
    "8 May 2026, 9am": "2026-05-08T08:00:00.000Z",
    "2h ago": "2026-01-30T12:23:55.120Z",
    "1h30m ago": "2026-01-30T12:53:55.120Z",
    "an hour and 30 minutes ago": "2026-01-30T12:53:55.120Z",
    "90 secs ago": "2026-01-30T14:22:25.120Z",
    "3 days ago": "2026-01-27T14:23:55.120Z",
    "two weeks ago": "2026-01-16T14:23:55.120Z",
    "2 months ago": "2025-11-30T14:23:55.120Z",
    "11 months ago": "2025-02-28T14:23:55.120Z",
    "a year ago": "2025-01-30T14:23:55.120Z",
    "in 45m": "2026-01-30T15:08:55.120Z",
    "in 60 days": "2026-03-31T13:23:55.120Z",  # the clock changes; days keep the hour
    # longer
    "last week": "2026-01-19T00:00:00.000Z 2026-01-25T23:59:59.999Z",
    "this week": "2026-01-26T00:00:00.000Z 2026-02-01T23:59:59.999Z",
    "last month": "2025-12-01T00:00:00.000Z 2025-12-31T23:59:59.999Z",
    "this month": "2026-01-01T00:00:00.000Z 2026-01-31T23:59:59.999Z",
    "last year": "2025-01-01T00:00:00.000Z 2025-12-31T23:59:59.999Z",
    "in 2024": "2024-01-01T00:00:00.000Z 2024-12-31T23:59:59.999Z",
    "2025-07": "2025-06-30T23:00:00.000Z 2025-07-31T22:59:59.999Z",
    "May 2025": "2025-04-30T23:00:00.000Z 2025-05-31T22:59:59.999Z",
    "in may": "2025-04-30T23:00:00.000Z 2025-05-31T22:59:59.999Z",
    "january": "2026-01-01T00:00:00.000Z 2026-01-31T23:59:59.999Z",
}
#: the same only of what is to come; elsewhere it may be the last or the next
AHEAD = {
    "friday": "2026-01-30T00:00:00.000Z 2026-01-30T23:59:59.999Z",
    "on thursday": "2026-02-05T00:00:00.000Z 2026-02-05T23:59:59.999Z",
    "friday 17:30": "2026-01-30T17:30:00.000Z",
    "friday 09:00": "2026-02-06T09:00:00.000Z",
    "18:00": "2026-01-30T18:00:00.000Z",
    "9am": "2026-01-31T09:00:00.000Z",
    "0:00": "2026-01-31T00:00:00.000Z",
}  # fmt: skip
WRONG = {
    "2026-02-30": "'2026-02-30' is not a day; write it as ",
    "2026-13-01 09:00": "'2026-13-01' is not a day",
    "2026-02-30T09:00Z": "'2026-02-30' is not a day",
    "2026-01-30 25:00": "is not a time",
    "2026-01-30T25:00Z": "is not a time",
    "2026-01-30 09:60": "is not a time",
    "31 February 2026": "is not a time",
    "0000-01-01": "is not a day",
    "9999-12-31T23:59:59-01:00": "is out of range; use a year from 1 to 9999",
    "3000 years ago": "is out of range",
    "in 9999 years": "is out of range",
    **dict.fromkeys(
        ["", "soon", "2026", "9", "1769783035", "next friday", "12/25/26", "2 ago", "0h ago",
         "1h1h ago", "-1h ago", "1.5h ago", "2h", "in a", "last", "2026-1", "2026-13",
         "2026-W05-5", "２０２６-01-30", "2026-01-30 to 2026-02-01", "13pm", "0am", "9:5", "24:00",
         "2026-01-30T14", "mon-tue"],
        "is not a time; write it as ",
    ),
    "03/04/2026": "'03/04/2026' may mean 2026-03-04 or 2026-04-03; write the one that is meant",
    "3.4.2026 09:00": "'3.4.2026' may mean 2026-03-04 or 2026-04-03",
    "someday 09:00": "'someday' is not a day; write it as ",
    "next friday 09:00": "'next friday' is not a day",
}  # fmt: skip


def told(interval) -> str:
    return " ".join(dict.fromkeys(clock.to_text(instant) for instant in interval))


@pytest.mark.parametrize("text, means", TABLE.items())
def test_what_a_text_means(text, means):
    assert told(when.read(text, NOW)) == means


@pytest.mark.parametrize("text, means", AHEAD.items())
def test_what_may_be_the_last_or_the_next(text, means):
    assert told(when.read(text, NOW, ahead=True)) == means
    with pytest.raises(BadData, match="may be the last or the next one; write a date, or '"):
        when.read(text, NOW)


@pytest.mark.parametrize("text, said", WRONG.items(), ids=ascii)
@pytest.mark.parametrize("ahead", [False, True])
def test_what_is_no_time(text, said, ahead):
    with pytest.raises(BadData) as failed:
        when.read(text, NOW, ahead=ahead)
    assert said in str(failed.value)


def test_what_is_to_come_is_shown_how_to_be_written_as_such():
    """A reminder can be neither yesterday nor two hours ago."""
    past = "2026-01-30, '2026-01-30 14:23', 2026-01-30T14:23:55Z, yesterday, 'last tuesday' or "
    to_come = "'2026-01-30 14:23', 'tomorrow 09:00', 'friday 18:00', 18:00 or 'in 2h'"
    for text in ("tomorrow 9", "someday", "2026-02-30"):
        for ahead, forms in ((False, f"{past}'2h ago'"), (True, to_come)):
            with pytest.raises(BadData) as failed:
                when.read(text, NOW, ahead=ahead)
            assert failed.value.cure == f"write it as {forms}"
        for ahead, forms in ((False, "2026-01-30 or yesterday"), (True, "2026-01-30 or tomorrow")):
            with pytest.raises(BadData) as failed:
                when.read_day(text, NOW, ahead=ahead)
            assert failed.value.cure == f"write it as {forms}"
    for form in re.findall(r"'(.+?)'|(18:00)", to_come):
        assert when.read_local("".join(form), NOW)


@pytest.mark.parametrize("text", TABLE)
def test_what_is_to_come_is_read_the_same(text):
    """A text means the same of what is to come, or is refused there."""
    try:
        assert when.read(text, NOW, ahead=True) == when.read(text, NOW)
    except BadData:
        assert re.fullmatch("(on )?(march 18|30 january|29 feb)|(in )?(may|january)", text.lower())


@given(st.dates(), st.integers(0, 86_399_999))
def test_a_day_is_all_of_its_instants(day, ms):
    found = when.read(day.isoformat(), NOW)
    assert zone.to_day(found.start) == zone.to_day(found.end) == day
    assert zone.to_day(min(found.start + ms, found.end)) == day
    for outside in (found.start - 1, found.end + 1):
        try:
            assert zone.to_day(outside) != day or day.year == 1
        except OverflowError:
            assert day.isoformat() == "9999-12-31"


@given(st.text("0123456789-:/. TZ+adehilmnorstuwy", max_size=24))
def test_any_text_is_read_or_refused(text):
    for ahead in (False, True):
        try:
            found = when.read(text, NOW, ahead=ahead)
            assert found.start <= found.end
        except BadData as error:
            assert error.cure


# --- in every command


def load(page):
    """A page's click command."""
    made = []
    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setattr(cli, "run", lambda main, **how: made.append(main))
        patched.setattr(sys, "argv", [page])
        runpy.run_path(page)
    return made[0]


#: read together, by formats.reminder.moment
TOGETHER = {("remind-add", "--date"), ("remind-add", "--at"), ("remind-edit", "--date"),
            ("remind-edit", "--at")}  # fmt: skip
#: an empty one removes a field: read by memory.drafting
FIELDS = {("mem-note", "--date"), ("mem-note", "--valid-from"), ("mem-note", "--valid-to")}


def test_every_option_that_takes_a_time_reads_it_the_same_way():
    """And every count is -n or -k."""
    found, elsewhere = {}, set()
    skills = [
        "memory-search/search-exact",
        "memory-audit/memory-survey",
        "brave-search/brave-search",
    ]
    pages = [f"bin/{page}" for page in sorted(os.listdir(os.path.join(ROOT, "bin")))]
    for path in [*pages, *(f"skills/{skill}" for skill in skills)]:
        page = path.rpartition("/")[2]
        for param in load(os.path.join(ROOT, path)).params:
            name = param.opts[0]
            assert ("-n" in param.opts) == ("-k" in param.opts), (page, param.opts)
            if isinstance(param.type, Time):
                found[page, name] = param.type
                assert param.metavar in ("TIME", "DAY"), (page, name)
            elif param.metavar in ("TIME", "DAY") and name != "--now":
                elsewhere.add((page, name))
    assert elsewhere == TOGETHER | FIELDS
    assert len(found) >= 7
    for (page, name), kind in found.items():
        for text, means in TABLE.items():
            first, last = (clock.parse(each) for each in (*means.split(), means.split()[-1])[:2])
            edges = {first, last, zone.to_day(first)}
            try:
                assert kind.parse_at(text, NOW) in edges, (page, name, text)
            except BadData as error:
                assert last - first > 25 * 3_600_000 or "remind" in page, (page, text, error)


def run(home, *line, stdin=b"", code=0):
    env = {"PATH": os.environ["PATH"], "MIND_HOME": str(home), "MIND_NOW": clock.to_text(NOW)}
    ended = subprocess.run(
        [f"{ROOT}/bin/{line[0]}", *line[1:]], input=stdin, capture_output=True, env=env
    )
    assert ended.returncode == code, ended.stderr
    return (ended.stdout + ended.stderr).decode()


def test_a_day_is_the_same_in_every_command(tmp_path):
    """Written, asked for and shown, at both ends of a day of 25 hours."""
    day, edges = "2026-10-25", ["2026-10-24T23:00:00.000Z", "2026-10-25T23:59:59.999Z"]
    around = ["2026-10-24T22:59:59.999Z", *edges, "2026-10-26T00:00:00.000Z"]
    for at in around:
        run(
            tmp_path,
            "mem-append",
            "--context=a/b",
            "--role=user",
            f"--timestamp={at}",
            stdin=f"tea at {at}".encode(),
        )
    lines = run(tmp_path, "mem-append", "--context=a/b", "--role=tool", f"--timestamp={day}")
    assert edges[0] in run(tmp_path, "mem-show", lines.strip())
    line = '{"role":"user","content":"","timestamp":"' + day + '"}'
    lines = run(tmp_path, "mem-append", "--context=a/b", "--jsonl", stdin=line.encode())
    assert edges[0] in run(tmp_path, "mem-show", lines.strip())
    found = run(
        tmp_path, "mem-recall", "--lexical", f"--since={day}", f"--until={day}", "tea", "--json"
    )
    assert sorted(re.findall(r'"timestamp":"(.*?)"', found)) == edges
    run(tmp_path, "remind-add", "--at=2026-10-25 23:59", "late", code=69)
    for text in (day, "25 Oct 2026"):
        shown = run(tmp_path, "remind-list", f"--until={text}", f"--now={edges[0]}")
        assert "23:59" in shown
        page = run(
            tmp_path, "mem-note", "--type=user", "--date", text, "--force", stdin=text.encode()
        ).splitlines()[0]  # and how the day is written
        assert f"date: {day}" in run(tmp_path, "mem-show", page.strip())
    for command in ("mem-recall x --since", "mem-append --context a/b --role user --timestamp",
                    "mem-graph --as-of", "remind-list --until", "mem-note --type user --date",
                    "remind-add x --at"):  # fmt: skip
        words = command.split()
        said = run(tmp_path, *words, "2026-02-30", stdin=b"x", code=65)
        assert "'2026-02-30' is not a day; write it as" in said, command
    said = run(tmp_path, "mem-graph", "--now", "2026-02-30", code=2)
    assert "--now: '2026-02-30' is not a day; write it as" in said


def test_a_page_is_dated_by_the_local_day(tmp_path):
    """At 00:30 in summer it is still yesterday in UTC."""
    now = "--now=2026-07-01 00:30"
    page = run(tmp_path, "mem-note", "--type=user", now, stdin=b"Tea at four.")
    assert "date: 2026-07-01" in run(tmp_path, "mem-show", page.strip())
    assert run(tmp_path, "mem-lint", now) == ""
