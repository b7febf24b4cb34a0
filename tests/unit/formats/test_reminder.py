"""The grammar of reminders: every line of a hostile file is parsed as written, or left as it is."""

import datetime
import re
import time

import pytest
from hostile import PIECES, texts
from hypothesis import example, given
from hypothesis import strategies as st
from plainmind.formats.reminder import reminder
from plainmind.formats.reminder.hidden import find_hidden
from plainmind.ground import chance
from plainmind.ground.errors import BadData
from reminder_lines import AROUND, LINE, OWN, PARTS, SAID

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
    data = reminder.replace(raw + b"\r\n", [(before, reminder.add_id(before, id))])
    assert data == raw.rstrip() + b" id=" + id.encode() + b" " * trailing + b"\r\n"
    assert values(only(data)) == (*values(before)[:4], id)


def test_ids_are_60_random_bits():
    assert (
        reminder.draw_id(lambda n: b"\0" * n) == "rid_AAAAAAAAAAAA"
        and reminder.draw_id(lambda n: b"\xff" * n) == "rid_777777777777"
    )
    ids = {reminder.draw_id(chance.draw) for _ in range(1000)}
    assert len(ids) == 1000 and all(re.fullmatch("rid_[A-Z2-7]{12}", id) for id in ids)


@pytest.mark.parametrize("line, said", SAID, ids=ascii)
def test_what_is_nearly_a_reminder_is_explained(line, said):
    assert said in reason(line)


@pytest.mark.parametrize("opening, rest", AROUND, ids=ascii)
@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_what_an_editor_adds_to_a_line_stays(opening, rest, ending):
    fields = LINE[6:].removesuffix(" id=rid_K5V4M2J7Q2ZP")
    raw = (opening + fields + rest).encode()
    found = only(raw + ending.encode())
    assert found.raw == raw and found.end == len(raw + ending.encode()) and found.msg == 'say "hi"'
    named = reminder.add_id(found, "x")
    assert named == (opening + fields + " id=x" + rest).encode()
    again = only(named + ending.encode())
    assert again[1:6] == (*found[1:5], "x") and reminder.render(again).encode() == named
    copy = only_copy(named.replace(b"id=x", b"id=rid_AAAAAAAAAAAA"))
    assert reminder.add_id(copy, "x") == named


def only_copy(raw: bytes) -> reminder.Reminder:
    contents = reminder.parse(raw + b"\n" + raw)
    assert not contents.problems and contents.reminders[0].id == "rid_AAAAAAAAAAAA"
    assert contents.reminders[1].id == "" and contents.reminders[1].copy_of
    return contents.reminders[1]


@pytest.mark.parametrize("line", OWN, ids=ascii)
def test_other_people_s_lines_are_nobody_s_business(line):
    assert reminder.parse(line.encode())[:2] == ([], [])


@pytest.mark.parametrize("text, fires, unended", PARTS)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_what_is_hidden_is_no_reminder(text, fires, unended, ending):
    plain = LINE.removesuffix(" id=rid_K5V4M2J7Q2ZP")
    percent = plain.replace("say", "100 %% of `it` <!--")
    kinds = {"R": plain, "P": percent, "X": percent.replace("[ ]", "[x]"), "C": plain + " %% a %%"}
    text = re.sub("[RPXC](?=\n|$| )", lambda found: kinds[found[0]], text).replace("\n", ending)
    for mark in (b"", b"\xef\xbb\xbf"):
        contents = reminder.parse(mark + text.encode())
        assert [r.line for r in contents.reminders] == fires, contents
        assert [p.line for p in contents.problems] == unended
        assert all("is never closed; close it" in p.reason for p in contents.problems)
        assert contents.hidden >= len(unended)


def test_an_admonition_looks_like_a_callout_and_is_a_fence():
    """obsidian-tasks-group/obsidian-tasks#563: nobody sees that it is code."""
    contents = reminder.parse(f"```ad-info\ntitle: x\n{LINE}\n```\n".encode())
    said = "it is in an admonition that begins on line 1; write that as a callout (> [!info])"
    assert contents[:2] == ([], [(3, said, LINE, False)])


@pytest.mark.parametrize("text, more", [
    ("date=2026-03-29", True), ("date=2026-03", True),
    ('date=2026-03-29 time=01:30 msg="a b', True),
    ('time=01:30 recur=none msg="a" date=2026', True), ('time=01:30 recur=none msg="a" d', True),
    ("date=x time=01:30", False), ("buy milk date=2026-03-29 time=01:30", False),
    (LINE[6:] + " #", False), ("date=2026-03-29 date=2026-03-30 time=01:30", False),
])  # fmt: skip
def test_what_somebody_may_be_typing(text, more):
    (problem,) = reminder.parse(f"- [ ] {text}".encode()).problems
    assert problem.unfinished == more


def test_of_two_lines_with_one_id_the_first_stands():
    line = LINE.replace("rid_K5V4M2J7Q2ZP", "mine")
    other = line.replace("01:30", "02:30")
    contents = reminder.parse(
        f"x\n{line}\n{line.replace('[ ]', '[x]')}\n{other}\n- [ ] date=9\n".encode()
    )
    assert [(r.line, r.time.hour) for r in contents.reminders] == [(2, 1)]
    assert [p.line for p in contents.problems] == [4, 5]
    assert (
        contents.problems[0].reason
        == "id=mine is on line 2 already, which stands; change or remove it"
    )


def test_a_mark_at_the_start_of_the_file_is_no_part_of_its_first_line():
    data = b"\xef\xbb\xbf" + LINE.encode() + b"\r\nmine"
    found = only(data)
    assert (found.offset, found.line) == (3, 1)
    assert reminder.remove(data, [found]) == b"\xef\xbb\xbfmine"
    again = reminder.parse(LINE.encode() + b"\n\xef\xbb\xbf" + LINE.encode())
    assert len(again.reminders) == 1  # in the middle of a file it is


# ---- whole files

TAGGED = [("> - [ ] ", " #t ^x"), ("\t1. [ ]  ", "\t#t  "), ("- - [ ] ", ""), ("* [ ] ", " #t #")]

lines = st.one_of(
    reminders.map(reminder.render),
    st.sampled_from([f"{head}{' '.join(FIELDS)}{tail}" for head, tail in TAGGED]),
    st.sampled_from(["```", "~~~", "%%", "<!--", "-->", "> ```", "- a\n\t```"]),
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
    before, box, rest = line.partition("[ ]")
    items = before.lstrip(" \t>").replace(">", " ").split()
    before = before.removeprefix(before.rstrip(" \t"))
    if not box or not before or not items or not rest.startswith(" "):
        return None
    if not all(re.fullmatch(r"[-*+]|[0-9]{1,9}[.)]", item) for item in items) or any(
        ord(c) < 32 and c != "\t" or 127 <= ord(c) < 160 or c in "\u2028\u2029" for c in line
    ):
        return None
    fields = {}
    while rest.strip(" \t"):
        if not rest.startswith(" ") and not (rest[0] == "\t" and len(fields) > 3):
            return None
        if rest.lstrip(" \t")[0] in "#^":
            *tags, last = rest.split()
            if not all(re.fullmatch("#[^#]+", tag) for tag in tags):
                return None
            if not re.fullmatch(r"#[^#]+|\^[A-Za-z0-9-]+", last):
                return None
            break
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
            value = re.match("[^ \t]*", rest)[0]
            rest = rest[len(value) :]
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


@example(b'- [ ] date=2026-01-30 time=10:00 recur=none msg="a" #x\0')
@example('- [ ] date=2026-01-30 time=10:00 recur=none msg="a" %%\u2028%%'.encode())
@given(marked)
def test_every_line_of_a_hostile_file_is_read_as_written_or_left_alone(data):
    contents = reminder.parse(data)
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    offset, expected, ids = start, [], set()
    for row, piece in enumerate(re.findall(rb"[^\n]*\n|[^\n]+", data[start:]), 1):
        raw = piece.removesuffix(b"\n").removesuffix(b"\r") if piece.endswith(b"\n") else piece
        fields = naive(raw)
        id = (fields or {}).get("id", "")
        own = re.fullmatch("rid_[A-Z2-7]{12}", id)
        shown = not any(p.start <= offset - start < p.end for p in find_hidden(data[start:]))
        if fields and shown and (id not in ids or own):
            fields["id"] = "" if id in ids else id
            expected.append((row, raw, offset, offset + len(piece), fields))
            ids |= {id} if id else set()
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
    line = reminder.render(made).encode()
    if after.startswith(data):
        assert after[len(data) :].strip(b"\r\n") == line and after.endswith(b"\n")
    else:  # what is never closed would hide it
        pieces = after.split(line)  # the file may have had the same line
        places = range(1, len(pieces))
        splits = [(line.join(pieces[:n]), line.join(pieces[n:])) for n in places]
        assert any(data in (head + rest.lstrip(b"\r\n"), head + rest[1:]) for head, rest in splits)
    before, now = reminder.parse(data), reminder.parse(after)
    if made.id not in [r.id for r in before.reminders]:
        assert values(made) in map(values, now.reminders)
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
    assert contents[:2] == ([], [(1, "the file is UTF-16; save it as UTF-8", "", False)])


def test_thousands_of_lines_are_changed_in_one_go():
    """A copy of the file for each of them took minutes."""
    lines = [f'- [ ] date=2026-03-29 time=01:30 recur=none msg="{"x" * 60}"' for _ in range(20_000)]
    data = "\n".join(lines).encode()
    found = reminder.parse(data).reminders
    start = time.process_time()
    changed = reminder.replace(data, [(r, reminder.add_id(r, f"i{r.line}")) for r in found])
    assert reminder.remove(data, found) == b""
    assert time.process_time() - start < 5
    assert changed.decode().split("\n") == [f"{row} id=i{n}" for n, row in enumerate(lines, 1)]
