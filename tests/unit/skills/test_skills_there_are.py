"""Which skills there are: the home's before the shipped ones, by name; broken ones left out; and
what the model is told."""

import json
import os
import shlex

import pytest
from plainmind.agent import skills
from plainmind.ground import files
from skill_files import write

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture
def shipped(tmp_path) -> str:
    folder = str(tmp_path / "shipped")
    for name in ("brew", "tea-timer"):
        write(os.path.join(folder, name))
    return folder


@pytest.fixture
def own(home):
    return lambda name, *rows, **more: write(home.path("skills", name), *rows, **more)


@pytest.fixture
def found(home, shipped):
    """The skills there are, and the remarks made while looking."""

    def look(**options):
        remarks: list[str] = []
        return skills.discover(home, shipped, remarks.append, **options), remarks

    return look


def names(found) -> list[str]:
    return [each.name for each in found()[0]]


def test_shipped_and_own_by_name(found, own):
    own("coffee")
    assert names(found) == ["brew", "coffee", "tea-timer"] and found()[1] == []


def test_no_folder_at_all(home, tmp_path):
    assert skills.discover(home, str(tmp_path / "none"), pytest.fail) == []
    assert not os.path.exists(home.root)


def test_ones_own_stands_for_the_shipped_one(found, own, home):
    own("brew", "name: brew", "description: Mine.")
    brew = found()[0][0]
    assert (brew.description, brew.path) == ("Mine.", home.path("skills", "brew", "SKILL.md"))
    assert len(found()[0]) == 2


def test_a_broken_one_is_left_out_with_one_remark(found, own, home):
    own("coffee", "name: coffee", "description: 'open")
    own("milk", "name: cream", "description: D")
    made, remarks = found()
    assert [each.name for each in made] == ["brew", "tea-timer"]
    assert [remark.replace(" YAML: ", "; ").partition("; ")[0] for remark in remarks] == [
        f"{home.path('skills/coffee/SKILL.md')}:3: not valid",
        f"{home.path('skills/milk/SKILL.md')}:2: the name 'cream' is not the folder's, 'milk'",
    ]


def test_a_broken_one_of_ones_own_leaves_the_shipped_one(found, own, shipped):
    own("brew", "name: brew")
    made, remarks = found()
    assert made[0].path == os.path.join(shipped, "brew", "SKILL.md") and len(remarks) == 1


def test_a_link_to_a_folder_is_a_skill(found, home, tmp_path):
    write(str(tmp_path / "elsewhere" / "coffee"))
    os.makedirs(home.path("skills"))
    os.symlink(tmp_path / "elsewhere" / "coffee", home.path("skills", "coffee"))
    assert home.path("skills", "coffee", "SKILL.md") in [each.path for each in found()[0]]


def test_what_is_no_skill_is_passed_over(found, home, own):
    own(".coffee")
    os.makedirs(home.path("skills", "empty"))
    os.makedirs(home.path("skills", "folder", "SKILL.md"))
    os.makedirs(home.path("skills", "pipe"))
    os.mkfifo(home.path("skills", "pipe", "SKILL.md"))
    os.symlink("nowhere", home.path("skills", "gone"))
    with open(home.path("skills", "README.md"), "w") as file:
        file.write("---\nname: README\ndescription: D\n---\n")
    assert names(found) == ["brew", "tea-timer"] and found()[1] == []


def test_a_folder_that_is_none(home, shipped):
    files.make_folder(home.root)
    with open(home.path("skills"), "w"):
        remarks: list[str] = []
    assert len(skills.discover(home, shipped, remarks.append)) == 2
    assert remarks == [f"{home.path('skills')}: not a directory"]


def test_the_order_of_the_disk_does_not_matter(found, own, monkeypatch):
    own("coffee")
    before, listdir = skills.prompt_text(found()[0]), os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: sorted(listdir(path), reverse=True))
    assert skills.prompt_text(found()[0]) == before


# --- what the model is told


def test_one_line_a_skill_with_the_path_of_its_file(found, own, home, shipped):
    own("brew", "name: brew", 'description: "Brews.\\nUse it:\\tdaily.\\e[31m"')
    told = skills.prompt_text(found()[0])
    lines = told.split("\n")
    assert "read its file with bash" in lines[0] and lines[1] == ""
    assert (
        lines[2]
        == f"- brew: Brews. Use it: daily. [31m ({shlex.quote(home.path('skills/brew/SKILL.md'))})"
    )
    assert (
        lines[3] == f"- tea-timer: Does it. Use it when asked. "
        f"({shlex.quote(shipped + '/tea-timer/SKILL.md')})"
    )
    assert len(lines) == 4 and all(line.isprintable() for line in lines)


def test_a_path_with_a_space_can_be_pasted(tmp_path):
    write(str(tmp_path / "a home" / "skills" / "tea-timer"))
    home = skills.Home(str(tmp_path / "a home"))
    told = skills.prompt_text(skills.discover(home, str(tmp_path / "none"), pytest.fail))
    path = told.rpartition("(")[2].removesuffix(")")
    assert shlex.split(path) == [home.path("skills", "tea-timer", "SKILL.md")]


def test_a_hidden_one_is_not_told_and_hides_the_shipped_one(found, own):
    own("brew", "name: brew", "description: D", "disable-model-invocation: true")
    made, _ = found()
    assert [each.name for each in made if each.hidden] == ["brew"]
    assert "brew" not in skills.prompt_text(made) and "tea-timer" in skills.prompt_text(made)


def test_nothing_to_tell():
    assert skills.prompt_text([]) == ""
    assert skills.prompt_text([skills.Skill("a", "b", "/c", True)]) == ""


# --- the heads that are kept


@pytest.fixture
def kept(home, found, monkeypatch):
    """Heads kept by a first look; `kept()` looks again, and fails if a file is parsed."""
    files.make_folder(home.index)
    before = found()

    def again():
        with monkeypatch.context() as patch:
            patch.setattr(skills.skill, "_check", lambda *_: pytest.fail("parsed again"))
            assert found() == before

    return again


def test_a_second_look_parses_nothing(kept, home):
    kept()
    assert os.listdir(home.index) == ["skills.json"]


def test_without_the_index_the_same_is_found(kept, found, home):
    before = found()
    os.unlink(os.path.join(home.index, "skills.json"))
    os.rmdir(home.index)
    assert found() == before and not os.path.exists(home.index)


def test_an_edit_of_the_same_length_and_time_is_seen(kept, found, shipped):
    path = os.path.join(shipped, "brew", "SKILL.md")
    times = os.stat(path)
    with open(path, "r+b") as file:
        data = file.read()
        file.seek(0)
        file.write(data.replace(b"Does it.", b"Did that"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert found()[0][0].description == "Did that Use it when asked."


def test_a_renamed_folder_is_seen(kept, found, shipped):
    os.rename(os.path.join(shipped, "brew"), os.path.join(shipped, "boil"))
    made, remarks = found()
    assert [each.name for each in made] == ["tea-timer"]
    assert "boil/SKILL.md:2: the name 'brew' is not the folder's, 'boil'" in remarks[0]


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: b"", lambda kept: b"\xff{", lambda kept: b"[" * 100_000, lambda kept: b"[1]",
        lambda kept: dict.fromkeys(kept), lambda kept: {digest: [] for digest in kept},
        lambda kept: {digest: {"name": 1, "description": "D"} for digest in kept},
        lambda kept: {digest: {"name": "brew"} for digest in kept},
        lambda kept: {digest: {"name": "brew", "description": "x" * 1025} for digest in kept},
        lambda kept: {digest: {"name": "../brew", "description": "D"} for digest in kept},
    ],
    ids=[
        "empty",
        "no JSON",
        "deep",
        "a list",
        "null",
        "lists",
        "numbers",
        "half",
        "long",
        "a path",
    ],
)  # fmt: skip
def test_what_was_kept_may_be_damaged(kept, found, home, damage):
    before, path = found(), os.path.join(home.index, "skills.json")
    made = damage(json.loads(files.read(path)))
    with open(path, "wb") as file:
        file.write(made if isinstance(made, bytes) else json.dumps(made).encode())
    assert found() == before


def test_what_is_gone_is_not_kept(kept, found, own, shipped, home):
    own("coffee")
    files.replace(
        os.path.join(shipped, "brew", "SKILL.md"), b"---\nname: brew\ndescription: New.\n---\n"
    )
    found()
    values = json.loads(files.read(os.path.join(home.index, "skills.json"))).values()
    assert sorted(each["description"] for each in values) == ["Does it. Use it when asked."] * 2 + [
        "New."
    ]


def test_a_dry_run_keeps_nothing(found, home):
    files.make_folder(home.index)
    assert len(found(dry=True)[0]) == 2 and os.listdir(home.index) == []


def test_a_full_disk_is_no_failure(found, home, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    files.make_folder(home.index)
    monkeypatch.setattr(files, "replace", full)
    assert len(found()[0]) == 2 and found()[1] == []
