"""What is wrong with pages, each check with the least vault that shows it; and what retention lets
go, to the day."""

import os
import re
from datetime import date, timedelta
from functools import partial

import pytest
from plainmind.agent import skills
from plainmind.cli import manual
from plainmind.formats.page import page, page_keys
from plainmind.ground import environment, files
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Failure, NoInput, NotPermitted
from plainmind.index import page_reading
from plainmind.truth.log import reader, verify
from plainmind.truth.pages import audit, lint, maintenance, page_files, retention
from plainmind.truth.pages.checks import registry
from scene import NOW

pytestmark = pytest.mark.usefixtures("unsynced", "known_for_long")

TODAY = date(2026, 1, 30)
RIGHT = "---\ndate: 2026-01-20\ntype: project\ntier: L2\n---\n"
LONG = (
    "We chose tokens for the session store because phones forget cookies and the proxy strips "
    "them on every second hop of ours.\n"
)
EVENT = "logs/note/a/20260130T142355Z.md"
EVENTS = (
    "# note/a 20260130T142355Z\n\n## 2026-01-30T14:23:55.120Z user n=1 h=9f2c41d07a3b\n> The "
    "door code is 12.\n\n"
)
DIGEST = page.digest_content("The door code is 12.")


def put(home, files: dict[str, str]) -> None:
    for path, text in files.items():
        full = home.path(path if "/" in path else f"knowledge/{path}")
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "xb") as file:
            file.write(text.encode())


def found(home, *wanted: str) -> list[str]:
    return [
        f"{path.removeprefix('knowledge/')}:{line}: {code}: {message}"
        for path, line, code, message in lint.find_problems(home, wanted, NOW, Environment().mask)
    ]


def with_(*rows: str, body: str = "Green.\n") -> str:
    """A right page, with these keys instead or as well."""
    keys = {row.partition(":")[0] for row in rows}
    kept = [row for row in RIGHT.split("\n")[1:4] if row.partition(":")[0] not in keys]
    return "\n".join(["---", *kept, *rows, "---", body])


@pytest.mark.parametrize("files, finding", [
    # of one page: test_page.py has them all
    ({"a.md": "Green.\n"}, "a.md:1: head: no frontmatter"),
    ({"a.md": with_("x: 'y")}, "a.md:5: yaml: not valid YAML"),
    ({"a.md": with_("x: 1", "x: 2")}, "a.md:6: twice: 'x' appears twice"),
    ({"a.md": with_("date: soon")}, "a.md:4: date: 'soon' is not an ISO"),
    ({"a.md": with_("type: x")}, "a.md:4: type: unknown"),
    ({"a.md": with_("tier: x")}, "a.md:4: tier: unknown"),
    ({"a.md": with_("tags: x")}, "a.md:5: tags: 'tags' is not a list"),
    ({"a.md": with_("triples: [x]")}, "a.md:5: triples: no [subject"),
    ({"a.md": with_("triples: [[a, is, b]]")}, "a.md:5: predicate: 'is'"),
    ({"a.md": with_("triples: [[a b, owns, c]]")}, "a.md:5: entity: 'a b'"),
    ({"a.md": with_("source: [x]")}, "a.md:5: source: 'source'"),
    ({"a.md": with_("valid_from: soon")}, "a.md:5: validity: 'soon'"),
    ({"a.md": with_("sources: [x]")}, "a.md:5: sources: no reference"),
    # names, folders
    ({"a-b.md": RIGHT + "1", "c.md": RIGHT + "2", "A b.md": RIGHT + "3"},
      "A b.md:1: name: a link to it may mean knowledge/a-b.md as well\na-b.md:1: name: a link to "
      "it may mean knowledge/A b.md as well"),
    ({"knowledge/x.md/y/a.md": RIGHT + "[[b]]"}, "x.md/y/a.md:6: link: no page 'b'"),
    # duplicates
    ({"a.md": RIGHT + LONG, "b.md": RIGHT + "\n" + LONG.replace(" ", "  ")},
      "b.md:6: duplicate: says word for word what knowledge/a.md says"),
      ({"a.md": RIGHT + LONG, "raw/compaction/b.md": RIGHT + LONG},
        "raw/compaction/b.md:6: duplicate: says"),
    ({"a.md": RIGHT + LONG, "b.md": RIGHT + LONG.replace("hop of", "hop in")},
      "b.md:6: near-duplicate: 87% of it is in knowledge/a.md too"),
      ({"a.md": RIGHT + LONG, "b.md": RIGHT + LONG.upper()}, "b.md:6: near-duplicate: 100% of it"),
    # time
    ({"a.md": with_("date: 2025-01-29")},
      "a.md:4: stale: dated 2025-01-29, 366 days ago; if it still holds: mem-note --update a "
      "--date 2026-01-30"),
    ({"a.md": with_("date: 2025-01-29", "type: user")}, "a.md:3: stale: "),
    ({"a.md": with_("date: 2026-02-01")}, "a.md:4: future: dated 2026-02-01"),
    ({"a.md": with_("type: reference", "date: 2025-10-31")},
      "a.md:4: expired: dated 2025-10-31, and reference is kept 90 days"),
      ({"a.md": with_("type: agent-feedback", "date: 2025-11-30")},
        "a.md:4: expired: dated 2025-11-30, and agent-feedback is kept 60 days"),
    # what it points at
    ({"a.md": RIGHT + "\n[[nowhere|x]]"}, "a.md:7: link: no page 'nowhere'"),
    ({"a.md": RIGHT + "[[b]]", "raw/compaction/b.md": RIGHT}, "a.md:6: link: no page 'b'"),
    ({"a.md": RIGHT + "![](gone.png)"}, "a.md:6: image: no file 'gone.png'"),
    ({"a.md": RIGHT + "![](../../out.png)", "../out.png": ""}, "a.md:6: image: no file"),
    ({"a.md": with_("image: raw/images/x.png")},
      "a.md:5: image: no file 'raw/images/x.png' in the memory folder"),
      ({"a.md": with_("image: ../x.png")}, "a.md:5: image: '../x.png' is outside the memory "
                                           "folder"),
      ({"a.md": with_('image: "a\\0b"')}, "a.md:5: image: 'a\ufffdb' is outside the memory folder"),
    ({"a.md": with_("image: raw/images/x.png"), "raw/images/x.png": ""},
      "a.md:5: image: 'raw/images/x.png' is not shown in the body; mem-lint --fix shows it"),
    ({"a.md": with_("sources:", f"- {EVENT}:9 sha256:{DIGEST}"), EVENT: EVENTS},
      f"a.md:6: sources: no event at {EVENT}:9"),
      ({"a.md": with_(f"sources: ['{EVENT}:3 sha256:{'0' * 12}']"), EVENT: EVENTS},
        f"a.md:5: sources: {EVENT}:3 says something else now"),
    ({"a.md": with_(f"sources: ['{EVENT}:3 sha256:{DIGEST}']")},
      f"a.md:5: sources: no event at {EVENT}:3"),
      ({"a.md": with_(f"sources: ['logs/../../x/y.md:3 sha256:{DIGEST}']")},
        "a.md:5: sources: no event at"),
        ({"a.md": with_(f'sources: ["logs/a/b/\\0.md:3 sha256:{DIGEST}"]')},
          "a.md:5: sources: no event at"),
    # one instead of the other
    ({"a.md": with_("supersedes: gone")}, "a.md:5: supersedes: no page 'gone'"),
    ({"a.md": with_("supersedes: a")}, "a.md:5: supersedes: 'a' takes the place of this page, too"),
    ({"a.md": with_("supersedes: b", body="A"), "b.md": with_("supersedes: c", body="B"),
      "c.md": RIGHT + "C"}, ""),
    ({"a.md": with_("supersedes: b", body="A"), "b.md": with_("supersedes: a", body="B")},
      "a.md:5: supersedes: 'b' takes the place of this page, too; remove one\n"
      "b.md:5: supersedes: 'a' takes"),
    ({"a.md": with_("supersedes: B"), "b.md": with_("tier: L1", body="B")},
      "b.md:4: superseded: still L1, and 'a' takes its place"),
    ({"a.md": with_("tier: L1", "valid_to: 2026-01-29")},
      "a.md:5: superseded: still L1, and its last day was 2026-01-29"),
    # what it says
    ({"a.md": with_("tier: L1", body="x" * 4001)},
      "a.md:6: size: about 1,001 tokens, of which a turn is given a part; make pages of at most "
      "1,000"),
    ({"a.md": RIGHT + "x" * 16001},
      "a.md:6: size: about 4,001 tokens, of which a turn is given a part; make pages of at most "
      "4,000"),
    ({"a.md": RIGHT + "one\nsk-abcdefghijklmnop1234\n"},
      "a.md:7: secret: something that looks like a secret"),
      ({"a.md": with_("key: sk-abcdefghijklmnop1234")},
        "a.md:5: secret: something that looks like a secret"),
    ({"a.md": RIGHT + '\nINJECTED_CONTEXT_KNOWLEDGE\n{"pages": []}\n'},
      "a.md:7: recalled: a recall's own block"),
      ({"a.md": RIGHT + "x\nlogs/a/b/c.md:3: y\n"}, "a.md:6: recalled: lines of a recall's answer"),
], ids=lambda value: value[:40] if isinstance(value, str) else None)  # fmt: skip
def test_each_check_finds_what_it_is_for_and_nothing_else(home, files, finding):
    put(home, files)
    got, wanted = found(home), finding.split("\n") if finding else []
    assert len(got) == len(wanted) and all(one.startswith(two) for one, two in zip(got, wanted)), (
        got
    )


@pytest.mark.parametrize("files", [
    {}, {"a.md": RIGHT}, {"a.md": RIGHT, "b.md": RIGHT},
    {"a.md": RIGHT + "[[A B]] [[a_b]] [[a-b.md]] [[A-B#x|y]] `[[no]]`", "a-b.md": RIGHT},
    {"a.md": RIGHT + "![](x.png) ![](/raw/images/x.png) ![[x.png]] ![](../raw/images/x.png)",
      "raw/images/x.png": ""},
    {"a.md": with_("image: raw/images/x y.png", body="![](<raw/images/x y.png>)"),
      "raw/images/x y.png": ""},
      {"a.md": with_(f"sources: ['{EVENT}:3 sha256:{DIGEST}']"), EVENT: EVENTS},
    {"a.md": with_("date: 2025-01-30")}, {"a.md": with_("date: 2026-01-31")},
    {"a.md": with_("type: reference", "date: 2025-11-01")},
    {"a.md": with_("type: agent-feedback", "date: 2025-12-01")},
    {"a.md": with_("type: compaction", "date: 2001-01-01")},
    {"raw/observations/a.md": with_("date: 2001-01-01")},
    {"a.md": with_("tier: L1", "valid_to: 2026-01-30")},
    {"a.md": with_("tier: L1", body="x" * 4000)}, {"a.md": RIGHT + "x" * 16000},
    {"a.md": RIGHT + LONG,
      "b.md": RIGHT + LONG.replace("tokens", "x").replace("proxy", "y").replace("hop", "z")},
      {"a.md": with_("supersedes: b"), "b.md": RIGHT + "B"},
    {".a.md": "", "a.txt": "", "knowledge/.git/a.md": "", "knowledge/sub/.a.md": ""},
])  # fmt: skip
def test_what_is_well_is_not_found(home, files):
    put(home, files)
    assert found(home) == []


@pytest.mark.parametrize(
    "row",
    [
        'date: "a\\nb"', 'type: "\\u202ex"', 'tier: "\\Lx"', 'triples: [[a, "us\\nes", b]]',
        '"x\\ny": 1\n"x\\ny": 2', 'triples: [["a\\nb", owns, c]]', 'tags: ["type:\\nuser"]',
        'image: "\\e[2J"', 'supersedes: "\\n"', 'supersedes: "a\\nb"',
    ],
)  # fmt: skip
def test_a_message_is_one_clean_line(home, row):
    put(home, {"a.md": with_(row)})
    assert found(home) and all(each.isprintable() for each in found(home))


def test_only_what_is_named_is_looked_at_but_all_is_known(home):
    put(
        home,
        {
            "a.md": RIGHT + LONG + "[[b]] [[none]]", "b.md": RIGHT + LONG + "[[b]] [[none]]",
            "c.md": "", "knowledge/sub/d.md": "",
        },
    )  # fmt: skip
    assert found(home, "knowledge/a.md") == [
        "a.md:7: link: no page 'none'; make it, or fix the link",
        "b.md:6: duplicate: says word for word what knowledge/a.md says; remove one",
    ]


@pytest.mark.parametrize(
    "line",
    ["x" * 1_200_000 + "\n", "é" * 600_000, ("x" * 99 + "\n") * 12_000, "x" * 1_048_500 + " {}\n"],
)
def test_a_page_that_is_too_large_is_read_from_its_beginning_and_looked_at_to_its_end(home, line):
    """It was: of a body on one line nothing was read, and nothing beyond it looked at."""
    key = "sk-abcdefghijklmnop1234\n"
    put(home, {"a.md": (RIGHT + line).replace("{}", key) + "\n" + key})
    read = page_files.read_page(home, "knowledge/a.md")
    assert len(read.body) > 500_000 and not read.problems
    size, *secret = sorted(found(home), key=lambda each: " size: " not in each)
    tokens = int(size.split("about ")[1].split(" tokens")[0].replace(",", ""))
    assert size.startswith("a.md:6: size: ") and abs(tokens - len(line) / 4) < 100
    last = (RIGHT + line).replace("{}", key).count("\n") + 2
    assert [int(each.split(":")[1]) for each in secret] == ([6] if "{}" in line else []) + [last]


def test_what_is_no_file_keeps_nobody_waiting(home):
    put(home, {"a.md": "", "knowledge/b.md/c.md": ""})
    os.mkfifo(home.path("knowledge/ff.md"))
    os.symlink("/dev/zero", home.path("knowledge/zz.md"))
    for name, refusal in (("ff", NoInput), ("zz", NotPermitted), ("b", NoInput)):
        rendered = partial(page_files.render_page, parsed=True)
        for reading in (page_files.read_page, page_files.read_whole, rendered):
            with pytest.raises(refusal):
                reading(home, f"knowledge/{name}.md")
        with pytest.raises((Failure, NotPermitted)) as failed:
            page_files.create_page(home, "knowledge", name, b"x")
        assert failed.value.code in (1, 77)
    with pytest.raises(
        Failure, match="'knowledge/b.md' is taken by something that is not a page; give another one"
    ):
        page_files.create_page(home, "knowledge", "b", b"x")
    with pytest.raises(Failure, match="'knowledge/a.md' is taken; "):
        page_files.create_page(home, "knowledge", "a", b"x")


def test_names_that_no_line_can_name_and_links_out_of_the_home_are_told(home):
    put(home, {"a.md": RIGHT, "b\x1b[2J.md": RIGHT, "../out.md": RIGHT})
    os.rename(home.path("knowledge/a.md"), os.fsencode(home.path("knowledge/c")) + b"\xff.md")
    os.symlink("../../out.md", home.path("knowledge/out.md"))
    assert [each.split("; ")[0] for each in found(home)] == [
        "b\ufffd[2J.md:1: name: a control character, or bytes that are not valid UTF-8, in "
        "its name, so that nothing reads it",
        "c\ufffd.md:1: name: a control character, or bytes that are not valid UTF-8, in its "
        "name, so that nothing reads it",
        "out.md:1: name: a link that leads out of the memory folder, where nothing is read",
    ]


def test_at_the_end_of_time(home):
    put(home, {"a.md": with_("date: 9999-12-31")})
    assert list(lint.find_problems(home, [], 253402297200000, str)) == []


def test_what_lint_calls_expired_retention_lets_go(home):
    put(
        home,
        {
            "a.md": with_("type: bogus", "date: 2001-01-01"),
            "b.md": with_("type: reference", "date: 2001-01-01", "x: 1", "x: 2"),
        },
    )
    assert not [each for each in found(home) if "expired" in each] and not list(
        retention.find_expired(home, NOW)
    )


def unreadable(monkeypatch, *names: str) -> None:
    """Root reads everything."""
    real = os.open

    def opening(path, *more, **also):
        if str(path).endswith(names):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *more, **also)

    monkeypatch.setattr(os, "open", opening)


def test_one_page_that_cannot_be_read_stops_nothing(home, monkeypatch):
    put(home, {"a.md": with_("tags: x"), "b.md": with_("tags: y"), "raw/observations/c.md": RIGHT})
    unreadable(monkeypatch, "a.md", "c.md")
    assert found(home)[:2] == ["a.md:1: text: cannot be read: permission denied",
      "raw/observations/c.md:1: text: cannot be read: permission denied"]  # fmt: skip
    assert [each.path for each in lint.fix(home, [], dry=False)] == ["knowledge/b.md"]
    assert list(retention.find_expired(home, NOW)) == []
    looked = audit.survey(home, NOW, str)
    assert looked.counts["pages unreadable"] == 1 and looked.counts["unreadable"] == 2
    assert [(each.path, each.code) for each in looked.findings] == [
        ("knowledge/a.md", "unreadable"), ("raw/observations/c.md", "unreadable"),
    ]  # fmt: skip


def test_an_audit_of_raw(home):
    """Line by line only where there is something; what cannot be read is neither
    recalled nor well."""
    rows = ["x"] * 50_000
    rows[7] = "logs/a/b/c.md:3: y"
    rows[49_000] = "sk-abcdefghijklmnop1234"
    put(home, {"raw/x/a.txt": "\n".join(rows), "raw/x/b.txt": "x\n" * 50_000})
    os.symlink("b.txt", home.path("raw/x/link.txt"))
    asked = []
    looked = audit.survey(
        home, NOW, lambda text: asked.append(text) or text.replace("sk-abcdefghijklmnop1234", "***")
    )
    assert [(each.path, each.line, each.code) for each in looked.findings] == [("raw/x/a.txt", 8,
      "recalled"), ("raw/x/a.txt", 49_001, "secret")]  # fmt: skip
    assert len([text for text in asked if "sk-" not in text]) < 50_000


def test_a_secret_of_several_lines_is_found(home):
    put(home, {"a.md": RIGHT + "one\ntwo\n"})
    assert [
        each.code
        for each in lint.find_problems(home, [], NOW, lambda text: text.replace("one\ntwo", "***"))
    ] == ["secret"]


@pytest.mark.parametrize(
    "path, refusal",
    [
        ("knowledge/none.md", NoInput), ("raw/sub/d.md", NotPermitted),
        ("knowledge/a.txt", NotPermitted), ("raw/images/x.md", NotPermitted),
        ("/etc/passwd", NotPermitted), ("knowledge/out.md", NotPermitted),
        ("knowledge/x.md", NoInput),
    ],
)  # fmt: skip
def test_paths_that_are_no_pages(home, path, refusal):
    put(
        home,
        {
            "a.md": "", "knowledge/sub/d.md": "", "a.txt": "", "raw/images/x.md": "",
            "knowledge/x.md/y.md": "",
        },
    )  # fmt: skip
    os.symlink("/etc/passwd", home.path("knowledge/out.md"))
    with pytest.raises(refusal):
        lint.resolve_page(home, path)
    assert lint.resolve_page(home, home.path("knowledge/a.md")) == "knowledge/a.md"


# --- retention


def days_ago(days: int) -> str:
    return (TODAY - timedelta(days)).isoformat()


def headed(kind: str, days: int, *rows: str) -> str:
    return with_(f"type: {kind}", f"date: {days_ago(days)}", *rows)


@pytest.mark.parametrize("path, text, age, goes", [
    # knowledge: by the date in the head, whatever the file's
    ("a.md", headed("agent-feedback", 60), 999, False),
    ("a.md", headed("agent-feedback", 61), 0, True), ("a.md", headed("reference", 90), 999, False),
    ("a.md", headed("reference", 91), 0, True), ("a.md", headed("reference", 9000), 0, True),
    ("a.md", headed("user", 9999), 999, False), ("a.md", headed("project", 9999), 999, False),
    ("a.md", headed("compaction", 9999), 999, False), ("a.md", headed("reference", -5), 999, False),
    ("a.md", headed("reference", 9999), 999, False),  # before 2000: what is that?
    ("a.md", headed("reference", 91, "tier: L1"), 0, True),
    # not sure: it stays
    ("a.md", with_("type: reference", "date: 1 Jan 2001"), 999, False),
    ("a.md", with_("type: Reference", "date: 2001-01-01"), 999, False),
    ("a.md", with_("type: reference", "date:"), 999, False),
    ("a.md", "---\ntype: reference\ntier: L2\n---\n", 999, False),
    ("a.md", "---\ndate: 2001-01-01\ntier: L2\n---\n", 999, False),
    ("a.md", headed("reference", 91, "x: 1", "x: 2"), 999, False),
    ("a.md", headed("reference", 91, "x: 'y"), 999, False), ("a.md", "Green.\n", 999, False),
    ("a.md", headed("reference", 91, "tags: x"), 0, True),
    ("knowledge/sub/a.md", headed("reference", 91), 0, True),
    ("knowledge/.trash/a.md", headed("reference", 91), 999, False),
    (".a.md", headed("reference", 91), 999, False), ("a.txt", headed("reference", 91), 999, False),
    # the others: by their last change
    ("raw/compaction/a.md", headed("compaction", 0), 30, False),
    ("raw/compaction/a.md", headed("compaction", 0), 31, True),
    ("raw/compaction/a.md", "", 31, True), ("raw/compaction/a.txt", "", 31, False),
    ("raw/compaction/.a.md", "", 31, False), ("raw/compaction/sub/a.md", "", 31, False),
    ("raw/sessions/-home-x/a.jsonl", "", 14, False), ("raw/sessions/-home-x/a.jsonl", "", 15, True),
    ("raw/sessions/-home-x/a.txt", "", 15, False), ("raw/sessions/a.jsonl", "", 15, False),
    ("raw/maintenance-log/2025-12.jsonl", "", 30, False),
    ("raw/maintenance-log/2025-12.jsonl", "", 31, True),
    ("raw/maintenance-log/recalled-2025-12.jsonl", "", 31, True),
    ("raw/maintenance-log/last-forget.json", "", 999, False),
    ("raw/maintenance-log/last-audit.json", "", 999, False),
    ("raw/maintenance-log/window-heads.jsonl", "", 999, False),
    ("raw/maintenance-log/traces.txt", "", 999, False),
    ("raw/observations/a.md", headed("reference", 999), 999, False), (EVENT, EVENTS, 999, False),
    ("raw/images/a.png", "", 999, False), ("pins/pins.md", "", 999, False),
    ("memory/a.md", headed("reference", 999), 999, False),
])  # fmt: skip
def test_what_is_kept_how_long(home, path, text, age, goes):
    put(home, {path: text})
    path = path if "/" in path else f"knowledge/{path}"
    full = home.path(path)
    changed = NOW * 1_000_000 - age * 86_400_000_000_000
    os.utime(full, ns=(changed, changed))
    assert [each.path for each in retention.find_expired(home, NOW)] == ([path] if goes else [])
    texts: list[str] = []
    with maintenance.lock(home):
        gone = retention.delete_expired(
            home, NOW, lambda gone: texts.extend(each.expired.path for each in gone)
        )
    assert [each.expired.path for each in gone] == ([path] if goes else []) and os.path.exists(
        full
    ) is not goes
    assert texts == ([path] if goes and path.endswith(".md") else [])


@pytest.mark.parametrize(
    "path, days",
    [
        ("raw/compaction/a.md", 30),
        ("raw/sessions/x/a.jsonl", 14),
        ("raw/maintenance-log/2025-12.jsonl", 30),
    ],
)
def test_to_the_millisecond(home, path, days):
    put(home, {path: ""})
    for late, goes in ((0, False), (1, True)):
        changed = (NOW - days * 86_400_000 - late) * 1_000_000
        os.utime(home.path(path), ns=(changed, changed))
        assert [each.path for each in retention.find_expired(home, NOW)] == ([path] if goes else [])


def test_a_folder_of_sessions_goes_when_it_is_empty_and_links_stay(home):
    put(
        home,
        {
            "raw/sessions/one/a.jsonl": "", "raw/sessions/two/a.jsonl": "",
            "raw/sessions/two/b.txt": "", "else.jsonl": "",
        },
    )  # fmt: skip
    os.symlink(home.path("knowledge/else.jsonl"), home.path("raw/sessions/two/c.jsonl"))
    for name in ("one/a.jsonl", "two/a.jsonl", "two/c.jsonl"):
        os.utime(home.path("raw/sessions", name), (10**9, 10**9))
    with maintenance.lock(home):
        retention.delete_expired(home, NOW, lambda gone: None)
    assert os.listdir(home.path("raw/sessions")) == ["two"] and sorted(
        os.listdir(home.path("raw/sessions/two"))
    ) == ["b.txt", "c.jsonl"]


def test_a_finding_says_rule_and_age(home):
    put(home, {"a.md": headed("reference", 91)})
    (expired,) = retention.find_expired(home, NOW)
    assert tuple(expired.finding) == (
        "knowledge/a.md", 1, "expired",
        f"reference is kept 90 days; this is of {days_ago(91)}, 91 days ago",
    )  # fmt: skip


def test_every_check_there_is_is_registered_and_told_in_the_manual():
    folder = os.path.dirname(registry.__file__)
    modules = {name.removesuffix(".py") for name in os.listdir(folder) if name.endswith(".py")}
    known = [*registry.OF_ONE, *registry.OF_PAGES, *registry.OF_VAULTS]
    assert sorted(known) == sorted(modules - {"__init__", "registry", "vault"})
    page = manual.help_text("mem-lint")
    for check in registry.load(known):
        for code in re.findall(r"(?:^|[.:\n] ?)([a-z-]+): ", check.__doc__):
            assert re.search(rf"\b{code}\b", page), f"{check.__name__}: {code}"


def test_a_synchronisers_copies_are_read_nowhere_and_named(home):
    """Whatever the part of the suite; each at a place of its own."""
    name = "home.sync-conflict-20260302-090000-ABCDEFG.md"
    odd = "home (Copia en conflicto de Ann 2026-03-02).md"
    read = {f"{place}/home.md": RIGHT for place in ("knowledge", "raw/compaction", "raw/other")}
    skill = "---\nname: {}\ndescription: Tea.\n---\n"
    read |= {"skills/tea/SKILL.md": skill.format("tea"), EVENT: EVENTS}
    passed = [f"{os.path.dirname(path)}/{one}" for path in read for one in (name, odd)]
    passed += [f"./{name}", f"memory/{odd}", "knowledge/home 2.md", "raw/other/home (1).md"]
    folder = "skills/tea (conflicted copy 2026-03-02)"
    put(home, read | dict.fromkeys(passed, RIGHT) | {f"{folder}/SKILL.md": skill.format("tea")})
    found = [path for path, _ in page_files.list_recalled(home)]
    assert found == ["knowledge/home.md", "raw/compaction/home.md", "raw/other/home.md"]
    assert [one.path for one in skills.discover(home, home.path("none"), str)] == [
        home.path("skills/tea/SKILL.md")
    ]
    assert list(reader.list_windows(home)) == [EVENT]
    said = [*lint.find_problems(home, [], NOW, str), *verify.verify_windows(home, [])]
    assert sorted(one.path for one in said if one.code == "copy") == sorted(
        map(os.path.normpath, [*passed, folder])
    )


def test_a_skill_whose_head_yaml_refuses_is_named_by_line(home):
    head = "---\nname: tea\ndescription: {}\n---\nSteep it.\n"
    put(home, {"skills/tea/SKILL.md": head.format("Use when: asked for tea")})
    (finding,) = lint.find_problems(home, [], NOW, str)
    assert finding[:3] == ("skills/tea/SKILL.md", 3, "skill") and "quotes" in finding.message
    put(home, {"skills/milk/SKILL.md": head.format("milk")})
    assert len(list(lint.find_problems(home, [], NOW, str))) == 2


def test_the_head_of_a_skill_is_mended_where_it_can_be_one_text_only(home, monkeypatch):
    head = "---\r\nname: {0}\r\ndescription: {1}\r\nmine: @x\r\n---\r\n# Tea: steep it\r\n"
    odd = head.format("odd", "'open")
    put(home, {"skills/tea/SKILL.md": head.format("tea", "Use when: asked"), "outside.md": "---",
               "skills/odd/SKILL.md": odd, "skills/bare/SKILL.md": "No head.\n"})  # fmt: skip
    put(home, {"elsewhere/SKILL.md": head.format("link", "Use when: asked")})
    os.symlink(home.path("elsewhere"), home.path("skills/link"))
    dry = list(lint.fix(home, [], dry=True))
    monkeypatch.setattr(environment, "read_turn", lambda: "a turn")
    assert list(lint.fix(home, [], dry=False)) == []
    monkeypatch.undo()
    done = list(lint.fix(home, [], dry=False))
    assert [(one.path, one.line, one.code) for one in done] == [
        (one.path, one.line, one.code.replace("fixable", "fixed")) for one in dry
    ] == [(f"skills/{name}/SKILL.md", line, "fixed-yaml")
          for name, line in (("odd", 4), ("tea", 3), ("tea", 4))]  # fmt: skip
    read = lambda path: files.read(home.path(path)).decode()
    assert read("skills/tea/SKILL.md") == head.format("tea", '"Use when: asked"').replace(
        "@x", '"@x"'
    )
    assert read("skills/odd/SKILL.md") == odd.replace("@x", '"@x"')
    assert "Use when: asked" in read("elsewhere/SKILL.md").split("\r\n")[2].split(": ", 1)[1]
    assert list(lint.fix(home, [], dry=False)) == []


def test_a_page_of_l1_with_a_line_that_yaml_refuses_is_given_with_its_triples(home):
    put(
        home, {"a.md": with_("tier: L1", "title: Re: x", "author: @ann", "triples: [[a, owns, b]]")}
    )
    found = page_reading.record(files.read(home.path("knowledge/a.md")), "knowledge/a.md")
    assert (found.tier, found.type) == ("L1", "project")
    assert [row[1:4] for row in found.triples] == [("a", "owns", "b")]


@pytest.mark.parametrize("text", [
    "[[tea]] [[tea#Steeping]] [[tea#^b1|how]] [[Herbs/tea|tea]] [[herbs/tea.md]] ![[tea]]",
    "[[Paper.pdf]] ![[pic 1.png]] ![[pic 1.png|300]] [[Board.canvas]] [[Herbs/files/Paper.pdf]]",
    "![](<files/pic 1.png>) ![](files/pic%201.png) ![x](pic%201.png#interface) ![](tea.md#a)",
    "[tea](tea.md) [tea](./Herbs/tea.md#Steeping) [t](<Herbs/tea.md>) [m](Mint%20Tea.md)",
    "[[Green tea]] [[the green one]] [[note-of-claude]]",
    "%% [[none]] ![[none.png]] %% <!-- [[none]]\n[x](none.md) --> `[[none]]`",
    "[w](https://example.org/a.md)",
    "%%\n[[none]]\n%%\n\n    $$ a $$\n",
])  # fmt: skip
def test_a_vault_is_read_as_obsidian_reads_it(home, text):
    put(home, {
        "a.md": with_(body=f"{text}\n"), "knowledge/Herbs/tea.md": with_("aliases: [Green tea]"),
        "knowledge/Herbs/Mint Tea.md": with_("aliases: the green one", body="Mint.\n"),
        "knowledge/deep/er/tea.md": with_("name: note_of_claude", body="Also tea.\n"),
        "knowledge/Herbs/files/Paper.pdf": "", "knowledge/Herbs/files/pic 1.png": "",
        "knowledge/Board.canvas": "{}", "knowledge/.trash/gone.md": "", "knowledge/.git/x.md": "",
    })  # fmt: skip
    assert found(home) == []
    assert [path for path, _ in page_files.list_recalled(home)] == [
        f"knowledge/{name}.md" for name in ("Herbs/Mint Tea", "Herbs/tea", "a", "deep/er/tea")
    ], "none is lost, though two have one name"
    assert page_files.find_page(home, "deep/er/tea") == "knowledge/deep/er/tea.md"


@pytest.mark.parametrize(
    "text", ["[[none]]", "[x](none.md)", "[x](<no ne.md#a>)", "%% a %% [[none]] %%", "[[gone]]"]
)
def test_a_link_that_leads_nowhere_is_found_in_every_form(home, text):
    put(home, {"a.md": with_(body=f"{text}\n"), "knowledge/.trash/gone.md": ""})
    assert [row.split(": ")[1] for row in found(home)] == ["link"]


@pytest.mark.parametrize("key", ["type", "source"])
def test_what_pi_mind_wrote_without_a_tier_is_well_once_it_is_fixed(home, key):
    put(home, {
        f"{word}.md": f"---\ndate: 2026-01-20\n{key}: {word}\n---\nOf {word}.\n"
        for word in page_keys.LEGACY_TYPES
    })  # fmt: skip
    codes = {row.split(": ")[1] for row in found(home)}
    assert codes == {"type", "tier"} if key == "type" else codes >= {"type"}
    list(lint.fix(home, [], dry=False))
    assert found(home) == []
    tiers = {page_files.read_page(home, path).tier for path in page_files.list_paths(home)}
    assert tiers == {"L1", "L2"}, "no default is written, and none is missed"


def test_a_vault_that_obsidian_keeps_has_its_own_rules(home):
    pages = {
        "a.md": "Green.\n", "b.md": "---\ntags: [x]\n---\nA tree.\n",
        "c.md": "---\ntype: person\ncreated: 2020-01-01\n---\nAnn.\n",
    }  # fmt: skip
    put(home, pages)
    assert {row.split(": ")[1] for row in found(home)} == {"head", "date", "type", "tier"}
    os.makedirs(home.path("knowledge/.obsidian"))
    assert found(home) == [] and list(lint.fix(home, [], dry=False)) == []
    assert list(retention.find_expired(home, NOW)) == []
    put(home, {"d.md": "---\ntier: L1\n---\nOurs.\n"})
    assert {row.split(": ")[1] for row in found(home)} == {"date", "type"}
