"""Another tool's memory folder in a scope: bullets merged, topic files copied, nothing changed."""

import os

import pytest
from plainmind.ground.errors import Failure, NotPermitted
from plainmind.memory.resident import filling
from residents import tree

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture
def theirs(tmp_path):
    """Claude Code's memory of a project."""
    folder = tmp_path / "claude" / "memory"
    folder.mkdir(parents=True)
    (folder / "MEMORY.md").write_text(
        "# Memory\n- [Clients](clients.md) - phones\n## Build\n- slow\n"
        "- pwd: the password is x9hunter2\n"
    )
    (folder / "clients.md").write_text("---\nname: clients\ntype: project\n---\nPhones.\n")
    (folder / "keys.md").write_text("the password is hunter2x\n")
    (folder / "clients (conflicted copy 2026-01-01).md").write_text("x\n")
    return folder


def fill(place, *paths, scope="global"):
    rows = list(filling.fill(place.memory, str(place.project), scope, map(str, paths)))
    failures = [row for row in rows if isinstance(row, Failure)]
    return [row for row in rows if not isinstance(row, Failure)], failures


def test_it_fills_a_scope_once(place, theirs):
    place.write("global", "## BUILD\n- mine\n")
    before = tree(theirs)
    brought, failures = fill(place, theirs)
    assert len(brought) == 3 and len(failures) == 2  # a bullet and a file that hold a secret
    index = place.write("global", "", "x.md").parent / "MEMORY.md"
    assert index.read_text() == (
        "## BUILD\n- mine\n- slow\n\n## Memory\n\n- [Clients](clients.md) - phones\n"
    )
    assert (index.parent / "clients.md").read_text() == (theirs / "clients.md").read_text()
    assert not (index.parent / "keys.md").exists() and tree(theirs) == before
    fill(place, theirs)  # again: nothing is there twice
    assert index.read_text().count("slow") == 1 and index.read_text().count("Clients") == 1


def test_a_file_of_another_text_stays(place, theirs):
    path = place.write("global", "mine\n", "clients.md")
    _, failures = fill(place, theirs / "clients.md")
    assert "there is one already" in str(failures[0]) and path.read_text() == "mine\n"


def test_a_project_has_to_be_trusted_and_a_dry_run_writes_nothing(place, theirs):
    with pytest.raises(NotPermitted):
        fill(place, theirs, scope="project")
    place.memory = place.memory._replace(dry=True)
    fill(place, theirs)
    assert not os.path.exists(place.home.root)
    place.trust()
    place.memory = place.memory._replace(dry=False)
    fill(place, theirs, scope="project")
    assert (place.project / ".pi" / "memory" / "clients.md").exists()
