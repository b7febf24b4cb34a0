"""Retention trusts only what it saw: no head and no clock alone deletes a page."""

import os
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plainmind.ground import clock
from plainmind.ground.paths import Home
from plainmind.ground.zone import to_day
from plainmind.truth.pages import first_seen, lint, maintenance, retention
from scene import NOW

pytestmark = pytest.mark.usefixtures("unsynced")

DAY = clock.DAY
CLOCKS = [0, clock.parse("1999-12-31T00:00:00Z"), clock.parse("2038-01-19T03:14:07Z"), None]
TYPES = [*retention.DATED, "user", "project", "compaction", "person", "Reference", "note", ""]


def put(home: Home, name: str, kind: str, day: str) -> str:
    path = home.path(f"knowledge/{name}.md")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    rows = f"date: {day}\ntier: L2\n" + f"type: {kind}\n" * bool(kind)
    with open(path, "w") as file:
        file.write(f"---\n{rows}---\nGreen.\n")
    return path


def prune(home: Home, now: int) -> list[str]:
    with maintenance.lock(home):
        return [one.expired.path for one in retention.delete_expired(home, now, lambda gone: None)]


nights = st.lists(
    st.tuples(st.integers(0, 31), st.sampled_from([*CLOCKS, None, None])), min_size=1, max_size=12
)


@given(
    st.sampled_from(TYPES),
    st.sampled_from(["1970-01-01", "1999-12-31", "2020-05-08", "2026-01-29", "2038-01-19", "soon"]),
    nights,
)
@example("reference", "2020-05-08", [(31, None)] * 5)
@example("reference", "1970-01-01", [(0, 0), (1, 0)])
@example("agent-feedback", "2026-01-29", [(0, None), (30, None), (31, None)])
@example("agent-feedback", "2020-05-08", [(0, None), (30, None), (0, 0), (31, None)])
def test_a_page_goes_only_if_head_clock_and_what_was_seen_all_say_so(
    tmp_path_factory, kind, day, nights
):
    home = Home(str(tmp_path_factory.mktemp("seen")))
    path = put(home, "a", kind, day)
    days, known, clock_before = retention.DATED.get(kind), None, None
    now = NOW
    for pause, wrong in nights:
        now += pause * DAY
        shown = now if wrong is None else wrong
        prune(home, shown)
        known = now if known is None else known
        if not os.path.exists(path):
            assert days is not None and wrong is None and day[:2] == "20"
            assert (to_day(now) - date.fromisoformat(day)).days > days
            assert (now - known) // DAY > days and shown - clock_before <= first_seen.LONGEST
            return
        if shown >= first_seen.FIRST:  # before it, it is none
            clock_before = shown
    if (kind, day, len(nights)) == ("reference", "2020-05-08", 5) and nights[0] == (31, None):
        pytest.fail("it is past in every way")


@pytest.mark.parametrize("kept", [True, False])
def test_a_page_of_the_owners_own_is_never_deleted(home, kept):
    """`type: reference` is a word of other vaults, too; ours says a tier beside it."""
    path = put(home, "a", "reference", "2020-05-08")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("tier: L2\n", "") if kept else text)
    for night in range(100):
        prune(home, NOW + night * DAY)
        list(lint.fix(home, [], dry=False))
    assert os.path.exists(path) is kept


def test_losing_the_file_and_a_name_that_comes_again_make_a_page_new(home):
    for night in range(100):
        path = put(home, "a", "reference", "2020-05-08")
        if night == 50:
            os.unlink(home.path("raw/maintenance-log/first-seen.json"))
        if night == 80:
            os.unlink(path)
        assert prune(home, NOW + night * DAY) == []
    for torn in (b"", b"{", b"[]", b'{"time":1}', b'{"time":"x","elapsed":9e99,"pages":{}}'):
        with open(home.path("raw/maintenance-log/first-seen.json"), "wb") as file:
            file.write(torn)
        assert first_seen.load(home) == first_seen.Sightings()


@pytest.mark.parametrize("row", ["type: Reference", "type: note", "date: 8 May 2020"])
def test_a_mend_shortens_no_life_unless_the_page_is_named(home, row):
    path = put(home, "a", "reference", "2020-05-08")
    key = row.partition(":")[0]
    with open(path) as file:
        rows = [row if line.startswith(f"{key}:") else line for line in file.read().split("\n")]
    with open(path, "w") as file:
        file.write("\n".join(rows))
    (said,) = lint.fix(home, [], dry=False)
    with open(path) as file:
        text = file.read()
    if row == "type: note":  # its older type is kept in a tag, and so is the page
        assert "legacy/note" in text
        return
    assert text == "\n".join(rows) and said.code == "unfixed" and "90 days" in said.message
    (said,) = lint.fix(home, ["knowledge/a.md"], dry=False)
    assert said.code == f"fixed-{key}" and row not in open(path).read()
    assert date(2020, 5, 8) + timedelta(90) < date(2026, 1, 30)
