"""Lines of a reminders file, in every shape that editors and people give them."""

import re

LINE = r'- [ ] date=2026-03-29 time=01:30 recur=none msg="say \"hi\"" id=rid_K5V4M2J7Q2ZP'

#: what stays of a line around its fields: each is a reminder, with and without an id
AROUND = [
    ("* [ ] ", ""), ("+ [ ] ", ""), ("1. [ ] ", ""), ("12) [ ] ", ""), ("-   [ ]  ", ""),
    ("  - [ ] ", ""), ("\t- [ ] ", ""), ("\t\t* [ ] ", ""), ("        - [ ] ", ""), ("-\t[ ] ", ""),
    ("> - [ ] ", ""), (">- [ ] ", ""), ("> > - [ ] ", ""), (">\t1. [ ] ", ""), ("- - [ ] ", ""),
    ("1. > - [ ] ", ""),
    ("- [ ] ", " ^abc123"), ("- [ ] ", " #tag"), ("- [ ] ", " #a/b #c-d_1 #日本"), ("- [ ] ", "  "),
    ("- [ ] ", "\t"), ("- [ ] ", " #tag ^a-1"), ("- [ ] ", "   #tag\t^a-1  "),
    ("- [ ] ", " 📅 2026-03-29"),
    ("- [ ] ", " ⏫ 🔁 every 2 weeks, when done ➕ 2026-01-01 ⏳2026-02-01"),
    ("- [ ] ", " 🗓\ufe0f 2026-03-29 🆔 a-1 ⛔ b,c 🏁 delete ^x"),
    ("- [ ] ", " [due:: 2026-03-29] (p:: 1)"),
    ("- [ ] ", " %% mine %% <!-- and --> ^x"), ("> 2) [ ]   ", " #t  ^x "),
]  # fmt: skip

#: what is nearly a reminder, and what is said of it
SAID = [
    (LINE.replace("- [ ] ", "- [ ]"), "it does not start with '- [ ] '; begin it with a list"),
    ("-" + LINE[2:], "it does not start"), (LINE[2:], "it does not start"),
    (LINE.replace("[ ]", "[]"), "it does not start"), (LINE[6:], "it does not start"),
    (LINE.replace("[ ]", "[\t]"), "it does not start"), ("- " + LINE[6:], "it does not start"),
    ("1. " + LINE[6:], "it does not start"), ("•" + LINE[1:], "it does not start"),
    ("\u2013" + LINE[1:], "it does not start"), ("# " + LINE[6:], "it does not start"),
    ("| " + LINE + " |", "it does not start"),
    (LINE.replace("[ ]", "[/]"), "its box has '/' in it; a reminder's is empty: '- [ ] '"),
    (LINE.replace("[ ]", "[!]"), "its box has '!'"), (LINE.replace("[ ]", "[i]"), "has 'i'"),
    ("> 1) " + LINE.replace("[ ]", "[?]")[2:], "its box has '?'"),
    (LINE.replace("- [ ] ", "- [ ]\xa0"), "an unusual space (U+00A0) is on it; type a plain"),
    (LINE.replace(" time", "\u3000time"), "an unusual space (U+3000)"),
    (LINE.replace(r'say \"hi\"', "x").replace('"', "“"), "msg is in curly quotes; use straight"),
    (LINE.replace(" time", "\ttime"), "a tab is between fields; use spaces"),
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
    (LINE + " due=today", "'due=today' is after the fields"),
    (LINE.replace("msg", "due=1 msg"), "'due=1' is not a field; use date, time, recur, msg and id"),
    (LINE + " and so on", "'and' is after the fields, where only tags and a block id may be"),
    (LINE + " #", "'#' is after the fields"), (LINE + " ^a.b", "'^a.b' is after the fields"),
    (LINE + " ^a #b", "'^a' is after the fields"), (LINE + " ✅ today", "'✅' is after the fields"),
    (LINE + " <!-- x", "'<!--' is after the fields"), (LINE + " [[Note]]", "'[[Note]]' is after"),
    (LINE.replace("date", "#t date"), "'#t' is before 'date='; move it to the end"),
    (LINE.replace("msg", "^b msg"), "'^b' is before 'msg='; move it to the end"),
    (LINE.replace("date", "Date") + " ", "'Date=2026-03-29' is not a field"),
    # a phone's keyboard writes capitals, and people write spaces
    (re.sub(r"\b\w+=", lambda m: m[0].title(), LINE), "'Date=2026-03-29' is not a field"),
    (re.sub(r"\b\w+=", lambda m: m[0].upper(), LINE), "'DATE=2026-03-29' is not a field"),
    (LINE[6:].title(), "it does not start"),
    (re.sub(r"\b(\w+)=", r"\1 = ", LINE), "a space is beside the '=' of 'date'; write date=YYYY"),
    (re.sub(r"\b(\w+)=", r"\1= ", LINE), "a space is beside the '=' of 'date'"),
    (LINE.replace("msg=", "msg ="), "a space is beside the '=' of 'msg'; write msg="),
    (LINE.replace("msg=", "msg= "), "a space is beside the '=' of 'msg'"),
    (LINE.replace("recur=none ", ""), "'recur' is missing; add recur="),
    (LINE.replace("date=2026-03-29 ", ""), "'date' is missing; add date=YYYY-MM-DD"),
    ("- [ ] date=2026-03-29", "'time' is missing"),
    ("- [ ] buy milk date=2026-03-29 time=09:00", "'buy' is not a field"),
    (LINE.replace("say", "\udcff"), "not valid UTF-8"),
    (LINE.replace("say", "a\rb"), "the character U+000D is on it"),
    (LINE.replace("say", "\u2028"), "U+2028"), (LINE.replace("say", "\x85"), "U+0085"),
    (LINE.replace("say", "\0"), "U+0000"), (LINE + "\r", "U+000D"),
    (LINE.replace("say", "\x1b[2J"), "U+001B"),
]  # fmt: skip
NEARLY = [line for line, _ in SAID]

#: a person's own lines, which are nobody's business
OWN = [
    "", "text", LINE.replace("[ ]", "[x]"), LINE.replace("[ ]", "[X]"),
    LINE.replace("[ ]", "[-]"), LINE.replace("[ ]", "[>]"), "- [ ] buy milk", "- [ ] ", "- [ ]",
    "- [ ] set id=5 in the table", "- [ ] time = money", "- [ ] Date night",
    "- [ ] see http://example.org/?date=1&time=2",
    "- [ ] update=1 downtime=2 x", "- [ ] pay rent 📅 2026-03-29 🔁 every month",
    "- [ ] task [due:: 2026-03-29]", "- [x] done date=2026-03-29 time=01:30",
    "-[ ]" + LINE[5:].replace("=", ":"), "# date=2026-03-29 time=01:30", "<!-- " + LINE + " -->",
    "~~" + LINE + "~~", "`" + LINE + "`", "%% " + LINE + " %%", "Write `" + LINE + "` for that",
    "a line has date=, time=, recur= and msg=", "> 1) " + LINE.replace("[ ]", "[x]")[2:] + " ^b",
]  # fmt: skip

#: files in which R is a reminder: what is one of them, and which are hidden for want of an end
PARTS = [
    ("```\nR\n```\nR", [4], []), ("```md\nR\n```\nR", [4], []), ("~~~\nR\n```\nR\n~~~\nR", [6], []),
    ("````\n```\nR\n```\nR\n````\nR", [7], []), ("```\nR\n````  \nR", [4], []),
    ("R\n```\nR\nR", [1], [3, 4]), ("  ```\n  R\n  ```\nR", [4], []),
    ("- item\n  ```\n  R\n  ```\n  R", [5], []), ("- item\n  ```\n  R\nR", [4], [3]),
    ("- ```\n  R\nR", [3], [2]), ("1. a\n\t- b\n\t\t~~~\n\t\tR\n\t- R", [5], [4]),
    ("> ```\n> R\n> ```\n> R", [4], []), ("> ```\n> R\nR", [3], [2]),
    ("> [!note]\n> ~~~\n> R\n\nR", [5], [3]), ("```\n> ```\nR\n```\nR", [5], []),
    ("text ``` text\nR", [2], []), ("```a`b```\nR", [2], []), ("    ```\nR", [2], []),
    ("%%\nR\n%%\nR", [4], []), ("text %% R\nR\n%% text\nR", [4], []), ("%% a %%\nR", [2], []),
    ("%% R %%\nR", [2], []), ("R\n%%\nR\n\nR", [1], [3, 5]), ("`%%`\nR", [2], []),
    ("<!--\nR\n-->\nR", [4], []), ("<!-- R\nR --> %%\nR\n%% x\nR", [5], []),
    ("<!-- a --> b\nR", [2], []), ("a <!--\nR", [], [2]), ("%% <!-- %%\nR", [2], []),
    ("<!--\n```\n-->\nR", [4], []), ("```\n%%\n```\nR", [4], []), ("%%\n```\n%%\nR", [4], []),
    ("P\nR\nP\nR", [1, 2, 3, 4], []), ("X\nR", [2], []), ("C\nR", [1, 2], []),
]  # fmt: skip
