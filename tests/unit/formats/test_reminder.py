"""The grammar of reminders: every line of a hostile file is parsed as written, or left as it is."""

import datetime
import re
import time

import pytest
from hostile import PIECES, texts
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.reminder import reminder
from plainmind.ground import chance
from plainmind.ground.errors import BadData

LINE = r'- [ ] date=2026-03-29 time=01:30 recur=none msg="say \"hi\"" id=rid_K5V4M2J7Q2ZP'

FORBIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
messages = texts.map(lambda text: FORBIDDEN.sub("", text)).filter(str.strip)
reminders = st.builds(
    reminder.make,
    st.dates(),
    st.times().map(lambda time: time.replace(second=0, microsecond=0)),
    st.sampled_from(reminder.RECURRENCES),
    messages,
    st.text("AZaz09_-", min_size=1, max_size=20),
)


def values(found: reminder.Reminder):
    return found.date, found.time, found.recur, found.msg, found.id


def only(data: bytes) -> reminder.Reminder:
    contents = reminder.parse(data)
    assert contents.problems == [] and len(contents.reminders) == 1, contents
    return contents.reminders[0]


def reason(line: str) -> str:
    contents = reminder.parse(line.encode("utf-8", "surrogateescape"))
    assert contents.reminders == [] and len(contents.problems) == 1, contents
    return contents.problems[0].reason


def test_the_line_of_the_manual():
    found = only(LINE.encode())
    assert values(found) == (
        datetime.date(2026, 3, 29), datetime.time(1, 30), "none", 'say "hi"', "rid_K5V4M2J7Q2ZP",
    )  # fmt: skip
    assert (found.line, found.offset, found.end, found.raw) == (1, 0, len(LINE), LINE.encode())
    assert reminder.render(found) == LINE
    assert LINE in (reminder.__doc__ or "")


@given(reminders)
def test_what_is_written_reads_back(made):
    line = reminder.render(made)
    assert "\n" not in line and values(only(line.encode())) == values(made)


FIELDS = ["date=2026-03-29", "time=01:30", "recur=weekly", r'msg="a \\ \"b\" id=no  c"', "id=x-1_Z"]


@given(
    st.permutations(FIELDS),
    st.lists(st.integers(1, 3), min_size=5, max_size=5),
    st.integers(0, 3),
    st.sampled_from(["\n", "\r\n", ""]),
)
def test_fields_stand_in_any_order(fields, gaps, trailing, ending):
    raw = "- [ ]" + "".join(" " * gap + field for gap, field in zip(gaps, fields)) + " " * trailing
    found = only((raw + ending).encode())
    assert values(found) == (
        datetime.date(2026, 3, 29), datetime.time(1, 30), "weekly", r'a \ "b" id=no  c', "x-1_Z",
    )  # fmt: skip
    assert found.raw == raw.encode() and found.end == len(raw + ending)


@given(st.permutations(FIELDS[:4]), st.integers(0, 3))
def test_an_id_is_appended_and_nothing_else_changes(fields, trailing):
    raw = ("- [ ] " + " ".join(fields) + " " * trailing).encode()
    before = only(raw + b"\r\n")
    assert before.id == ""
    id = reminder.draw_id(chance.draw)
    data = reminder.replace(raw + b"\r\n", [(before, reminder.add_id(before.raw, id))])
    assert data == raw + b" id=" + id.encode() + b"\r\n"
    assert values(only(data)) == (*values(before)[:4], id)


def test_ids_are_60_random_bits():
    assert (
        reminder.draw_id(lambda n: b"\0" * n) == "rid_AAAAAAAAAAAA"
        and reminder.draw_id(lambda n: b"\xff" * n) == "rid_777777777777"
    )
    ids = {reminder.draw_id(chance.draw) for _ in range(1000)}
    assert len(ids) == 1000 and all(re.fullmatch("rid_[A-Z2-7]{12}", id) for id in ids)


@pytest.mark.parametrize("line, said", [
    (LINE.replace("- [ ] ", "- [ ]"), "a reminder starts with '- [ ] ' in the first column"),
    ("  " + LINE, "a reminder starts with '- [ ] ' in the first column"),
    ("\t" + LINE, "in the first column"), ("> " + LINE, "in the first column"),
    ("* " + LINE[2:], "in the first column"), ("1. " + LINE[2:], "in the first column"),
    (LINE.replace("[ ]", "[]"), "in the first column"),
    (LINE.replace("[ ]", "[\t]"), "in the first column"),
    (LINE.replace(" time", "\ttime"), "a tab is between fields; use spaces"),
    (LINE + "\t", "a tab is between fields"),
    (LINE.replace("2026-03-29", "2026-02-30"), "2026-02-30 is not a day of the calendar"),
    (LINE.replace("2026-03-29", "0000-01-01"), "not a day of the calendar"),
    (LINE.replace("2026-03-29", "29-03-2026"), "date=29-03-2026 is wrong; write date=YYYY-MM-DD"),
    (LINE.replace("2026-03-29", "٢٠٢٦-03-29"), "is wrong; write date=YYYY-MM-DD"),
    (LINE.replace("2026-03-29", '"2026-03-29"'), "is wrong; write date"),
    (LINE.replace("01:30", "24:00"), "time=24:00 is wrong; write time=HH:MM"),
    (LINE.replace("01:30", "1:30"), "time=1:30 is wrong"),
    (LINE.replace("01:30", "01:30:00"), "is wrong; write time=HH:MM"),
    (LINE.replace("none", "hourly"), "recur=hourly is wrong; write recur=none, daily"),
    (LINE.replace("none", "None"), "recur=None is wrong"),
    (LINE.replace("rid_", "rid."), "id=rid.K5V4M2J7Q2ZP is wrong; write id= and"),
    (LINE.replace("rid_K5V4M2J7Q2ZP", ""), "id= is wrong"),
    (LINE.replace('"', ""), "msg is not in quotes"),
    (LINE.replace("say ", "say \\n"), "a backslash before something else"),
    (LINE.replace(r"\"", '"'), "something follows msg without a space"),
    (LINE.replace('"" id', '" id'), "msg has no closing quote"),
    (LINE.replace('" id=', '"id='), "something follows msg"),
    (re.sub('msg=.*" ', 'msg="" ', LINE), "msg is empty; say what"),
    (re.sub('msg=.*" ', 'msg="  " ', LINE), "msg is empty"),
    (LINE + " " + LINE[6:22], "'date' appears twice"), (LINE + " id=b", "'id' appears twice"),
    (LINE + ' msg="x"', "'msg' appears twice"),
    (LINE + " due=today", "'due=today' is not a field; use date, time, recur, msg and id"),
    (LINE + " #tag", "'#tag' is not a field"), (LINE + " ^block1", "'^block1' is not a field"),
    (LINE + " ✅ 2026-01-01", "'✅' is not a field"), (LINE + " <!-- x -->", "'<!--' is not a field"),
    (LINE.replace("date", "Date") + " ", "'Date=2026-03-29' is not a field"),
    (LINE.replace("recur=none ", ""), "'recur' is missing; add recur="),
    (LINE.replace("date=2026-03-29 ", ""), "'date' is missing; add date=YYYY-MM-DD"),
    ("- [ ] date=2026-03-29", "'time' is missing"),
    ("- [ ] buy milk date=2026-03-29 time=09:00", "'buy' is not a field"),
    (LINE.replace("say", "\udcff"), "not valid UTF-8"),
    (LINE.replace("say", "a\rb"), "the character U+000D is on it"),
    (LINE.replace("say", "\u2028"), "U+2028"), (LINE.replace("say", "\x85"), "U+0085"),
    (LINE.replace("say", "\0"), "U+0000"), (LINE + "\r", "U+000D"),
    (LINE.replace("say", "\x1b[2J"), "U+001B"),
], ids=ascii)  # fmt: skip
def test_what_is_nearly_a_reminder_is_explained(line, said):
    assert said in reason(line)


@pytest.mark.parametrize("line", [
    "", "text", LINE[6:], "- " + LINE[6:], LINE.replace("[ ]", "[x]"), LINE.replace("[ ]", "[X]"),
    LINE.replace("[ ]", "[-]"), LINE.replace("[ ]", "[>]"), "- [ ] buy milk", "- [ ] ", "- [ ]",
    "- [ ] set id=5 in the table", "- [ ] see http://example.org/?date=1&time=2",
    "- [ ] update=1 downtime=2 x", "- [ ] pay rent 📅 2026-03-29 🔁 every month",
    "- [ ] task [due:: 2026-03-29]", "- [x] done date=2026-03-29 time=01:30",
    "-[ ]" + LINE[5:].replace("=", ":"), "# date=2026-03-29 time=01:30", "<!-- " + LINE + " -->",
    "~~" + LINE + "~~",
], ids=ascii)  # fmt: skip
def test_other_people_s_lines_are_nobody_s_business(line):
    assert reminder.parse(line.encode()) == ([], [])


def test_of_two_lines_with_one_id_the_first_stands():
    other = LINE.replace("01:30", "02:30")
    contents = reminder.parse(
        f"x\n{LINE}\n{LINE.replace('[ ]', '[x]')}\n{other}\n- [ ] date=9\n".encode()
    )
    assert [(r.line, r.time.hour) for r in contents.reminders] == [(2, 1)]
    assert [p.line for p in contents.problems] == [4, 5]
    assert (
        contents.problems[0].reason
        == "id=rid_K5V4M2J7Q2ZP is on line 2 already, which stands; change or remove it"
    )


def test_a_mark_at_the_start_of_the_file_is_no_part_of_its_first_line():
    data = b"\xef\xbb\xbf" + LINE.encode() + b"\r\nmine"
    found = only(data)
    assert (found.offset, found.line) == (3, 1)
    assert reminder.remove(data, [found]) == b"\xef\xbb\xbfmine"
    again = reminder.parse(LINE.encode() + b"\n\xef\xbb\xbf" + LINE.encode())
    assert len(again.reminders) == 1  # in the middle of a file it is


# ---- whole files


lines = st.one_of(
    reminders.map(reminder.render),
    st.sampled_from([*PIECES, *FIELDS, LINE, "- [ ]", "- [x]", "- [ ] ", '"', "\\", "\t", " "]),
    st.lists(
        st.sampled_from([*FIELDS, *FIELDS, "- [ ]", "due=1", "- [ ] buy", '"', " ", "\t", "\\"]),
        max_size=8,
    ).map(" ".join),
    st.permutations([*FIELDS, *FIELDS]).flatmap(
        lambda all: st.integers(3, 6).map(lambda n: "- [ ] " + " ".join(all[:n]))
    ),
    texts,
)
files = st.lists(
    st.tuples(lines, st.sampled_from(["\n", "\n", "\r\n", "\n\n", ""])), max_size=12
).map(lambda rows: "".join(line + end for line, end in rows).encode("utf-8", "surrogatepass"))
marked = st.tuples(st.sampled_from([b"", b"", b"\xef\xbb\xbf"]), files).map(b"".join)


def naive(raw: bytes) -> dict[str, str] | None:
    """The grammar of the specification once more, one character at a time: the fields of a line,
    None when it is no reminder.
    """
    try:
        line = raw.decode()
    except UnicodeDecodeError:
        return None
    if not line.startswith("- [ ] ") or any(
        ord(c) < 32 and c != "\t" or 127 <= ord(c) < 160 or c in "\u2028\u2029" for c in line
    ):
        return None
    rest, fields = line[5:], {}
    while rest.strip(" "):
        if not rest.startswith(" "):
            return None
        key, mark, rest = rest.lstrip(" ").partition("=")
        value = ""
        if not mark or key in fields:
            return None
        if key == "msg":
            if not rest.startswith('"'):
                return None
            at = 1
            while at < len(rest) and rest[at] != '"':
                if rest[at] == "\\":
                    at += 1
                    if rest[at : at + 1] not in ("\\", '"'):
                        return None
                value += rest[at]
                at += 1
            if at >= len(rest):
                return None
            rest = rest[at + 1 :]
        else:
            value, _, more = rest.partition(" ")
            rest = " " + more if _ else ""
        fields[key] = value
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
    if (
        not {"date", "time", "recur", "msg"} <= set(fields) <= set(reminder.KEYS)
        or not fields["msg"].strip()
    ):
        return None
    if (
        "id" in fields
        and (not fields["id"] or set(fields["id"]) - set(allowed))
        or fields["recur"] not in reminder.RECURRENCES
    ):
        return None
    for key, form in (("date", "%Y-%m-%d"), ("time", "%H:%M")):
        try:
            moment = datetime.datetime.strptime(fields[key], form)
        except ValueError:
            return None
        if (moment.date().isoformat() if key == "date" else f"{moment:%H:%M}") != fields[key]:
            return None
    return fields


@given(marked)
def test_every_line_of_a_hostile_file_is_read_as_written_or_left_alone(data):
    contents = reminder.parse(data)
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    offset, expected, ids = start, [], set()
    for row, piece in enumerate(re.findall(rb"[^\n]*\n|[^\n]+", data[start:]), 1):
        raw = piece.removesuffix(b"\n").removesuffix(b"\r") if piece.endswith(b"\n") else piece
        fields = naive(raw)
        if fields and fields.get("id", "") not in ids:
            expected.append((row, raw, offset, offset + len(piece), {"id": "", **fields}))
            ids |= {fields["id"]} if "id" in fields else set()
        offset += len(piece)
    found = [
        (
            r.line, r.raw, r.offset, r.end,
            {"date": r.date.isoformat(), "time": f"{r.time:%H:%M}", "recur": r.recur, "msg": r.msg,
              "id": r.id},
        )
        for r in contents.reminders
    ]  # fmt: skip
    assert found == expected
    assert not {p.line for p in contents.problems} & {r.line for r in contents.reminders}
    for r in contents.reminders:
        assert data[r.offset : r.end].removesuffix(b"\n").removesuffix(b"\r") == r.raw or not data[
            r.offset : r.end
        ].endswith(b"\n")


@given(marked, st.data())
def test_what_is_taken_out_or_rewritten_leaves_every_other_byte(data, draw):
    found = reminder.parse(data).reminders
    gone = draw.draw(st.lists(st.sampled_from(found), unique=True)) if found else []
    kept, at = b"", 0
    for r in sorted(gone):
        kept, at = kept + data[at : r.offset], r.end
    assert reminder.remove(data, gone) == kept + data[at:]
    rewritten = reminder.replace(data, [(r, b"<" + r.raw + b">") for r in gone])
    assert len(rewritten) == len(data) + 2 * len(gone)
    assert reminder.replace(data, [(r, r.raw) for r in found]) == data


@given(marked, reminders)
def test_what_is_added_leaves_every_byte_before_it(data, made):
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    after = reminder.append(data, made)
    assert after.startswith(data)
    added = after[len(data) :].strip(b"\r\n")
    assert added == reminder.render(made).encode() and after.endswith(b"\n")
    before, now = reminder.parse(data), reminder.parse(after)
    if made.id not in [r.id for r in before.reminders]:
        assert values(now.reminders[-1]) == values(made)
        # a last line without an end that held a lone CR has one now
        assert len(now.reminders) in (len(before.reminders) + 1, len(before.reminders) + 2)


@pytest.mark.parametrize("before, gap, ending", [
    (b"", b"", b"\n"), (b"a\n", b"", b"\n"), (b"a\r\n", b"", b"\r\n"), (b"a", b"\n", b"\n"),
    (b"a\r\nb", b"\r\n", b"\r\n"), (b"a\nb\r\n", b"", b"\r\n"), (b"a\r\nb\nc", b"\n", b"\n"),
    (b"\xef\xbb\xbf", b"", b"\n"),
])  # fmt: skip
def test_a_new_line_ends_as_the_file_s_do(before, gap, ending):
    made = only(LINE.encode())
    assert reminder.append(before, made) == before + gap + LINE.encode() + ending


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_a_file_in_utf_16_is_not_mixed(mark):
    with pytest.raises(BadData, match="is UTF-16; save it as UTF-8"):
        reminder.append(mark + b"a\0", only(LINE.encode()))


@pytest.mark.parametrize("msg, said", [
    ("", "the message is empty; say what"), (" ", "is empty"), ("\u3000", "is empty"),
    ("a\nb", "has a line break; write it on one line"), ("a\rb", "U+000D"), ("\udcff", "U+DCFF"),
    ("\0", "U+0000"), ("a\u2029", "U+2029"), ("\x9b", "U+009B"),
], ids=ascii)  # fmt: skip
def test_a_message_the_grammar_cannot_say(msg, said):
    with pytest.raises(BadData) as failed:
        reminder.make(datetime.date(2026, 1, 1), datetime.time(9), "none", msg, "x")
    assert said in str(failed.value)


def test_a_large_file_takes_a_time_that_grows_with_its_size():
    """Lines that nearly match, of every kind: no input makes an expression search for long."""
    import time

    shapes = [
        "- [ ] " + " " * 60_000, "- [ ] " + "date=" * 12_000, "- [ ] date=1" + " msg" * 15_000,
        '- [ ] date=1 msg="' + "\\\\" * 30_000, "- [ ] date=1 " + '"' * 60_000,
        "- [ ] x" + " date= y" * 8_000, "\t" * 60_000, "- [ ] " + 'msg="' + '\\"' * 30_000,
    ]  # fmt: skip
    start = time.process_time()
    for shape in shapes:
        reminder.parse(shape.encode() + b"\n")
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_one_problem(name):
    contents = reminder.parse(f"# Mine\n{LINE}\n".encode(name))
    assert contents == ([], [(1, "the file is UTF-16; save it as UTF-8")])


def test_thousands_of_lines_are_changed_in_one_go():
    """A copy of the file for each of them took minutes."""
    lines = [f'- [ ] date=2026-03-29 time=01:30 recur=none msg="{"x" * 60}"' for _ in range(20_000)]
    data = "\n".join(lines).encode()
    found = reminder.parse(data).reminders
    start = time.process_time()
    changed = reminder.replace(data, [(r, reminder.add_id(r.raw, f"i{r.line}")) for r in found])
    assert reminder.remove(data, found) == b""
    assert time.process_time() - start < 5
    assert changed.decode().split("\n") == [f"{row} id=i{n}" for n, row in enumerate(lines, 1)]
