"""A vault of 2,000 pages that people and other tools have had their hands in (tests/vault.py)."""

import os
import re
import resource
import subprocess

import pytest
import vault
from plainmind.formats.page import head_lines, page, page_edit, page_keys
from plainmind.ground import exchange
from plainmind.ground.errors import Failure
from plainmind.ground.paths import Home
from plainmind.truth.pages import lint, page_files
from scene import NOW, ROOT, THOROUGH, TIME

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Home:
    """For tests that only look."""
    root = str(tmp_path_factory.mktemp("vault") / "home")
    vault.make(root)
    return Home(root)


@pytest.fixture(scope="module")
def found(pristine) -> list:
    before = vault.contents(pristine.root)
    found = list(lint.find_problems(pristine, [], NOW, str))
    assert vault.contents(pristine.root) == before  # looking changes nothing
    return found


def run(home: Home, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_NOW": TIME}
    return subprocess.run(
        [os.path.join(ROOT, "bin", "mem-lint"), *arguments], capture_output=True, env=env,
        cwd=home.root,
    )  # fmt: skip


def test_it_is_the_same_vault_every_time(pristine, tmp_path):
    vault.make(str(tmp_path / "home"))
    again, once = vault.contents(str(tmp_path / "home")), vault.contents(pristine.root)
    assert {name: data for name, (data, _) in again.items()} == {
        name: data for name, (data, _) in once.items()
    }
    assert len(again) > 1990


def test_every_page_is_looked_at_and_no_other_file(pristine, found):
    said = {each.path for each in found}
    assert {f"knowledge/{name}" for name in vault.REFUSED} | {
        "knowledge/huge.md",
        "knowledge/within.md",
    } <= said
    assert not said & {f"knowledge/{name}.md" for name in ("dangling", "loop", "pipe")}
    assert [each.code for each in found if each.path == "knowledge/out.md"] == ["name"]
    inside = {f"knowledge/{name}/inside.md" for name in ("sub", "sub/deeper", "folder.md")}
    assert inside <= {*page_files.list_paths(pristine)}
    assert {each.code for each in found} >= {"date", "type", "tier", "tags", "triples", "predicate",
      "entity", "name", "stale", "link", "image", "sources", "supersedes", "size",
      "twice", "yaml", "head", "text"}  # fmt: skip


def test_every_finding_has_a_line_of_its_file_and_one_clean_line_of_text(pristine, found):
    lines = {
        page_files.to_printable(name): data.count(b"\n") + 1
        for name, (data, _) in vault.contents(pristine.root).items()
    }
    lines |= {"knowledge/within.md": 99, "knowledge/out.md": 1}
    for each in found:
        assert 1 <= each.line <= lines[each.path], each
        assert each.message.isprintable() and each.message.strip(), each


@pytest.mark.parametrize("name", vault.REFUSED)
def test_what_is_refused_is_said_once_and_where(found, name):
    refused = vault.REFUSED[name]
    own = [
        each
        for each in found
        if each.path == f"knowledge/{name}" and each.code not in ("duplicate", "near-duplicate")
    ]
    assert [(each.line, each.code) for each in own] == [(refused.line, refused.code)], own
    assert refused.said in own[0].message


def test_through_the_command(pristine, found):
    ended = run(pristine)
    assert (ended.returncode, ended.stderr) == (1, b"")
    rows = [
        f"{each.path}:{each.line}: {each.code}: {each.message}\n".encode(
            "utf-8", "backslashreplace"
        )
        for each in found
    ]
    assert ended.stdout.splitlines(True) == rows
    assert not os.path.exists(pristine.path("pwned"))


def test_mending_changes_what_it_says_and_nothing_else(tmp_path, monkeypatch):
    home, count = Home(str(tmp_path / "home")), 2000 if THOROUGH else 1000
    vault.make(home.root, count=count)
    before = vault.contents(str(tmp_path))
    dry = list(lint.fix(home, [], dry=True))
    assert vault.contents(str(tmp_path)) == before
    listed = []
    monkeypatch.setattr(
        exchange, "recover", lambda path, real=exchange.recover: listed.append(path) or real(path)
    )
    done = list(lint.fix(home, [], dry=False))
    assert listed == [], "for each page the whole folder"
    after = vault.contents(str(tmp_path))
    alike = [one._replace(code=one.code.replace("fixable-", "fixed-")) for one in dry]
    assert (
        done == alike
        and {one.code[:5] for one in dry} == {"fixab", "unfix"}
        and len(done) > count
        and all(each.message.isprintable() for each in done)
    )
    kept = [each for each in done if each.code == "unfixed"]  # they would age once fixed
    said = {f"home/{each.path}".replace("knowledge/within", "outside") for each in done}
    said -= {f"home/{each.path}" for each in kept}
    changed = {name for name in before if after[name] != before[name]}
    assert (
        {page_files.to_printable(name) for name in changed} == said
        and changed & {"home/outside.md"}
        and not any(name.startswith("home elsewhere") for name in changed)
    )
    assert not {f"home/knowledge/{name}" for name in vault.REFUSED} & changed
    assert set(after) - set(before) <= {"home/raw/maintenance-log/.lock"}
    for name in changed:
        check(before[name][0], after[name][0], name)
    # once more: nothing to say, nothing touched
    assert list(lint.fix(home, [], dry=False)) == kept
    assert vault.contents(str(tmp_path)) == after
    unfixed = {each.path for each in kept}
    left = {e.code for e in lint.find_problems(home, [], NOW, str) if e.path not in unfixed}
    assert {"date", "type", "tier", "yaml", "head", "text"} <= left and "entity" not in left


def check(before: bytes, after: bytes, name: str) -> None:
    """What nobody but a page's author knows is still there, in the same order, and
    means the same."""
    old, new = page.split(before, name), page.split(after, name)
    assert re.findall("¶[0-9]*[.]?", old.text) == re.findall("¶[0-9]*[.]?", new.text), name
    assert new.marked is old.marked and new.body.startswith(old.body), name
    assert old.newline == "\n" or after.count(b"\n") == after.count(b"\r\n"), name
    mine = [
        page_edit.list_values(
            head_lines.read(each.yaml, name, aliases=True).entries, page_keys.KEYS
        )
        for each in (old, new)
    ]
    assert mine[0] == mine[1], name


def test_mending_through_the_command_is_done_once(tmp_path):
    home = Home(str(tmp_path / "home"))
    vault.make(home.root, count=80)
    first = run(home, "--fix")
    after = vault.contents(home.root)
    second = run(home, "--fix")
    assert (
        b": fixed-" in first.stdout
        and b": fixed-" not in second.stdout
        and first.stderr == second.stderr == b""
    )
    assert first.returncode == second.returncode == 1 and vault.contents(home.root) == after
    assert (
        b"".join(row for row in first.stdout.splitlines(True) if b": fixed-" not in row)
        == second.stdout
    )


def test_a_page_that_cannot_be_mended_is_reported_and_the_others_are(home, monkeypatch):
    os.makedirs(home.path("knowledge"))
    long = "x" * 250 + ".md"
    for name in ("a.md", "b.md", long):
        vault.write(home.path("knowledge"), name, vault.head("tags: '#a'"))
    edit = exchange.edit

    def editing(path: str, *more, **how) -> exchange.Edited:
        if path.endswith("b.md"):
            raise OSError(28, "No space left on device", path)
        return edit(path, *more, **how)

    monkeypatch.setattr(exchange, "edit", editing)
    done = list(lint.fix(home, [], dry=False))
    assert [getattr(each, "path", "") for each in done] == [
        "knowledge/a.md", "", f"knowledge/{long}",
    ]  # fmt: skip
    assert isinstance(done[1], Failure) and "no space left on device" in str(done[1])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_page_that_may_not_be_read_is_said(home):
    vault.normal(home.root, 3)
    os.chmod(home.path("knowledge/page-0001.md"), 0)
    assert list(lint.fix(home, [], dry=False)) == []
    assert [
        (each.path, each.code)
        for each in lint.find_problems(home, [], NOW, str)
        if each.code == "text"
    ] == [("knowledge/page-0001.md", "text")]


def test_2000_normal_pages_in_time(home):
    """3 s of CPU on a slow core at most; twice that here, since others use the machine as well."""
    vault.normal(home.root)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = run(home)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(f"\nmem-lint, 2,000 pages: {seconds:.2f} s CPU")
    assert seconds < 6
