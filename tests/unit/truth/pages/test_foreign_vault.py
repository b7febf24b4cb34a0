"""A folder of pages outside the memory folder is somebody's vault: looked at by its owner's rules,
mended only where YAML refuses it, and otherwise left alone to the byte."""

import json
import os

import pytest
import vault
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Failure, NotPermitted
from plainmind.truth.pages import checking, page_files
from scene import NOW

KEY = "sk-q7Rk2mZp9XtL4vBn8wYc"
PROSE = "We chose tokens for the session store because phones forget cookies on every second hop."
RIGHT = "---\ndate: 2026-01-20\ntype: project\ntier: L2\n---\n"


def put(root: str, files: dict[str, str]) -> str:
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "xb") as file:
            file.write(text.encode())
    return root


@pytest.fixture
def notes(tmp_path) -> str:
    """A folder where there is no memory folder above."""
    os.makedirs(root := str(tmp_path / "some notes"))
    return root


def choose(home, *paths: str, inside: bool = False) -> list[checking.Selection]:
    return [checking.resolve_argument(home, path, False, inside) for path in paths]


def check(home, *paths: str) -> list[str]:
    mask, chosen = Environment().mask, choose(home, *paths) if paths else None
    return list(
        map(str, checking.find_problems(home, chosen, False, NOW, mask, b"", lambda done, of: None))
    )


def mend(home, path: str, dry: bool = False) -> list[str]:
    return list(map(str, checking.fix(home, choose(home, path), dry)))


OWN_WAYS = {
    "bare.md": "No head.\n",
    "person.md": "---\ntype: person\ncreated: 2020-01-01\ntags: one, two\n---\nAnn.\n",
    "dates.md": "---\ndate: 2019/1/30\nsource: [a, b]\nimage: https://x.example/a.png\n---\nB.\n",
    "older.md": "---\ntype: concept\ntags: [user, '#x', type/fact]\n---\nC.\n",
    "tiers.md": "---\ntier: gold\ntriples: many\nsources: [x]\nsupersedes: gone\n---\nD.\n",
    "rule.md": "---\n\nA line above.\n",
    "long.md": "x" * 20_000,
    "daily/2026-01-01.md": "[[2026-01-02]] [[README]] [12]: [[12]](https://x.example/)\n",
    "a/README.md": "[up](../bare.md) ![[Board.canvas]] ![[song.m4a]]\n", "b/README.md": "Other.\n",
    "Board.canvas": "{}", "song.m4a": "",
    "twins/1.md": "# Day\n\n![[bare]]\n", "twins/2.md": "# Day\n\n![[bare]]\n",
    "near/1.md": f"{PROSE} One.\n", "near/2.md": f"{PROSE} Two.\n",
    "keys.md": "Bearer ${token} Bearer TOKEN http://user:password@<host> Bearer 토큰으로\n",
    "recall.md": "logs/a/b/c.md:3: said\n",
    ".obsidian/x.md": "[[none]]", ".trash/y.md": "[[none]]",
    ".obsidian/templates.json": json.dumps({"folder": "Extra/Templates"}),
    "Extra/Templates/t.md": f"---\na: {{{{x}}\n---\n[[none]] {PROSE}\n", "made.md": f"{PROSE}\n",
    "new.md": "---\ndate: <% tp.date.now() %>: x\n---\n[[<% tp.file.title %>]] [x](none.md)\n",
    "made of.md": "Text [[{{title}}]].\n",
}  # fmt: skip


@pytest.mark.parametrize("kept", [True, False], ids=["Obsidian's", "a folder"])
def test_what_its_owner_would_call_right_is_neither_found_nor_changed(home, notes, kept):
    files = {path: text for path, text in OWN_WAYS.items() if kept or path[0] not in ".E"}
    put(notes, files)
    before = vault.contents(notes)
    assert check(home, notes) == [] and mend(home, notes) == []
    assert vault.contents(notes) == before and not os.path.exists(home.root)


@pytest.mark.parametrize("files, finding", [
    ({"a.md": "---\nx: [1\ntitle: b\n---\n"}, "a.md:2: yaml: "),
    ({"a.md": "---\nx: 1\nx: 2\n---\n"}, "a.md:3: twice: 'x' appears twice"),
    ({"a.md": "[[none]] [[none]] [[x/none]]\n"}, "a.md:1: unwritten: no page 'none'\n"
      "a.md:1: unwritten: no page 'x/none'"),
    ({"a.md": "[[b/gone]]\n", "b/c.md": "."}, "a.md:1: link: no page 'b/gone'"),
    ({"a.md": "[[b/gone]]\n", "b/c.md": ".", "d/gone.md": ".."}, "a.md:1: link: no page 'b/gone'"),
    ({"a.md": "[x](./none.md) ![[none]]\n"}, "a.md:1: link: no page './none'\n"
      "a.md:1: link: no page 'none'"),
    ({"a.md": "![[none.webm]]\n"}, "a.md:1: image: no file 'none.webm'"),
    ({"a.md": f"{PROSE}\n", "b.md": f"{PROSE}\n"}, "b.md:1: duplicate: says word for word what a"),
    ({"a.md": f"x\n{KEY}\n"}, "a.md:2: secret: "),
    ({"a.md": ".", "a.sync-conflict-20260302-090000-ABCDEFG.md": "..", "n/b.md": "A b c d e f.",
      "n/b 2.md": "A b c d e f."}, "a.sync-conflict-20260302-090000-ABCDEFG.md:1: copy: \n"
                                   "n/b 2.md:1: copy: "),
    # one of ours, which says a tier, by our rules
    ({"a.md": RIGHT.replace("project", "x")}, "a.md:3: type: unknown type 'x'"),
])  # fmt: skip
def test_what_is_wrong_by_anybodys_rules_is_found(home, notes, files, finding):
    put(notes, files)
    got, wanted = check(home, notes), finding.split("\n")
    assert len(got) == len(wanted), got
    for one, two in zip(got, wanted):
        assert one.startswith(f"{notes}/{two}")


def test_a_part_of_a_vault_is_looked_at_and_links_lead_into_all_of_it(home, notes, monkeypatch):
    put(notes, {".obsidian/app.json": "{}", "p/a.md": "[[b]] [[none]]", "q/b.md": "[[gone]]"})
    assert check(home, f"{notes}/p") == check(home, f"{notes}/p/a.md")
    monkeypatch.chdir(f"{notes}/q")
    none = "unwritten: no page 'none'; make it, or fix the link"
    gone = "b.md:1: unwritten: no page 'gone'; make it, or fix the link"
    assert check(home, "../p") == [f"../p/a.md:1: {none}"] and check(home, ".") == [gone]
    both = [f"{notes}/p/a.md:1: {none}", f"{notes}/q/{gone}"]
    assert sorted(check(home, "b.md", f"{notes}/p")) == both
    monkeypatch.chdir("/")
    assert check(home, notes) == both


def test_what_yaml_refuses_is_put_in_quotes_and_no_other_byte_changes(home, notes):
    head = (
        "---\r\ntitle: Re: x\r\ntype: note\r\nauthor: @ann\r\ndate: 8 Jan 2026\r\n---\r\nText.\r\n"
    )
    put(notes, {"a.md": head, "b.md": "---\ntype: note\n---\n", "x.txt": "author: @ann"})
    before = vault.contents(notes)
    dry = mend(home, notes, dry=True)
    assert vault.contents(notes) == before and len(dry) == 2
    done = mend(home, notes)
    assert [row.partition(": fix")[0] for row in done] == [row.partition(": fix")[0] for row in dry]
    made = head.replace("Re: x", '"Re: x"').replace("@ann", '"@ann"')
    after = vault.contents(notes)
    assert after["a.md"][0] == made.encode() and mend(home, notes) == []
    assert {name for name in after if after[name] != before.get(name)} == {"a.md"}
    assert not os.path.exists(home.root), "no lock is left anywhere"


def test_another_memory_folder_is_looked_at_by_its_own_rules(home, notes):
    put(notes, {"raw/maintenance-log/x.jsonl": "", "knowledge/a.md": "Bare.\n", "b.md": "[[x]]"})
    (found,) = check(home, notes)
    assert found.startswith(f"{notes}/knowledge/a.md:1: head: ")
    assert check(home, f"{notes}/knowledge") == [found]


def test_a_folder_of_the_memory_folder(home):
    put(
        home.root, {"knowledge/p/a.md": f"{RIGHT}[[b]] [[none]]", "knowledge/b.md": f"{RIGHT}[[x]]"}
    )
    none = "knowledge/p/a.md:6: link: no page 'none'; make it, or fix the link"
    assert check(home, "knowledge/p") == check(home, home.path("knowledge", "p")) == [none]
    assert len(check(home, "knowledge")) == 2 and check(home, home.root) == check(home)
    for path in ("logs", "raw", "raw/other", "index"):
        os.makedirs(home.path(path))
        with pytest.raises(NotPermitted):
            check(home, path)


@pytest.mark.parametrize("path", ["/etc/passwd", "none.md", "\0", "x.txt", "pipe.md", "none"])
def test_what_is_no_page_and_no_folder_is_refused(home, notes, path, monkeypatch):
    put(notes, {"x.txt": ""})
    os.mkfifo(os.path.join(notes, "pipe.md"))
    monkeypatch.chdir(notes)
    with pytest.raises(Failure):
        choose(home, path)


def test_the_agent_is_told_nothing_of_other_folders(home, notes):
    put(notes, {"a.md": "[[none]]"})
    for path in (notes, f"{notes}/a.md"):
        with pytest.raises(NotPermitted, match="is outside the memory folder"):
            choose(home, path, inside=True)


def test_a_link_out_of_a_vault_and_a_pipe_in_it_are_passed_over(home, notes):
    put(notes, {"a.md": ".", "../out.md": KEY})
    os.symlink("../out.md", os.path.join(notes, "out.md"))
    os.mkfifo(os.path.join(notes, "pipe.md"))
    assert check(home, notes) == []
    (chosen,) = choose(home, notes)
    assert list(page_files.list_paths(chosen.home)) == ["a.md"]
