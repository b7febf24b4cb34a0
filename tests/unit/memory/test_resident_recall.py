"""recall with a reason in any case, and what nobody has confirmed for long."""

import errno
import json
import os
import stat
import subprocess

import pytest
from plainmind.ground import regular
from plainmind.truth.resident import records, trust
from residents import Place, tree
from scene import ROOT, TIME

pytestmark = pytest.mark.usefixtures("unsynced")

INDEX = (
    "## Build\n- make test takes a minute\n- [Quirks](quirks.md) — sccache\n## Ann\n- drinks tea\n"
)


def close(place: Place) -> None:
    """As with a mode of 000, which root may read all the same."""
    path, read = place.write("global", "tea\n", "closed.md").name, regular.read_at

    def refuse(folder: int, name: str, size: int = -1) -> bytes:
        if name == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        return read(folder, name, size)

    place.patch.setattr(regular, "read_at", refuse)


def make_pipe(place: Place) -> None:
    os.unlink(place.home.path("memory/MEMORY.md"))
    os.mkfifo(place.home.path("memory/MEMORY.md"))


def break_record(place: Place) -> None:
    """A switch that cannot be read stops no answer."""
    os.mkdir(place.home.path("resident"))
    with open(place.home.path("resident/switch.json"), "w") as file:
        file.write("{")


def close_scope(place: Place) -> None:
    place.write("project", '{"enabled":false}', "config.json")


#: reason, exit code, question, scope, what is done before
REASONS = [
    ("ok", 0, "how long do tests take", None, None),
    ("no_match", 1, "zebra", None, None),
    ("denied", 77, "tea", "project", None),
    ("unavailable", 69, "tea", "project", lambda place: trust.switch(place.home, None, False)),
    ("unavailable", 69, "tea", "project", lambda p: p.trust() or close_scope(p)),
    ("no_match", 1, "zebra", None, break_record),
    ("malformed", 65, "  ", None, None),
    ("malformed", 65, "?!", None, None),
    ("malformed", 65, "x" * 1001, None, None),
    ("unavailable", 69, "tea", None, lambda place: trust.switch(place.home, None, False)),
    (
        "unavailable",
        69,
        "tea",
        None,
        lambda p: p.write("global", '{"enabled":false}', "config.json"),
    ),
    ("backend_error", 74, "tea", None, make_pipe),
    ("ok", 0, "tea", None, lambda place: os.mkfifo(place.home.path("memory/pipe.md"))),
    ("ok", 0, "tea", None, close),
    ("backend_error", 74, "zebra", None, close),
    ("backend_error", 74, "zebra", None, lambda p: os.mkfifo(p.home.path("memory/pipe.md"))),
]


@pytest.mark.parametrize("reason, code, query, scope, before", REASONS)
def test_every_answer_has_a_reason_and_its_code(  # noqa: PLR0913
    place, monkeypatch, reason, code, query, scope, before
):
    place.write("global", INDEX)
    place.patch = monkeypatch
    if before:
        before(place)
    rows, found = place.ask("recall", query, scope=scope)
    assert found == code
    assert (rows != [None]) == (reason == "ok")
    told = [said for said in place.said if said.endswith("; replace it with a file, or remove it")]
    closed = [said for said in place.said if "closed.md: permission denied; let it be" in said]
    assert len(closed) == (before is close)
    assert len(told) == sum(
        stat.S_ISFIFO(mode) for mode, _ in tree(place.home.path("memory")).values()
    )
    assert reason == "ok" or any(said.startswith(f"{reason}: ") for said in place.said)
    faults = [one["type"] for one in records.read(place.home, records.FAULTS)]
    assert faults == (["silent-recall"] if reason == "backend_error" else [])


@pytest.mark.parametrize(
    "query, ref",
    [
        ("how long do tests take", "memory/MEMORY.md:2"),
        ("sccache", "memory/MEMORY.md:3"),
        ("Ann", "memory/MEMORY.md:5"),  # by its heading
        ("sccache -Werror", "memory/quirks.md:3"),
        ("TEA", "memory/MEMORY.md:5"),
    ],
)
def test_the_best_line_is_first(place, query, ref):
    place.write("global", INDEX)
    place.write("global", "# Quirks\n\nsccache breaks -Werror with sccache 0.7\n", "quirks.md")
    place.write("global", "# Old\n\nsccache\n", "archive.txt")
    rows, code = place.ask("recall", query)
    assert code == 0 and rows[0].startswith(f"{ref}: "), rows


def test_a_project_is_recalled_once_it_is_trusted(place):
    place.write("project", "- the schema is generated\n")
    place.write("project", "- my own schema\n", "MEMORY.local.md")
    assert place.ask("recall", "schema")[1] == 1
    place.trust()
    rows, _ = place.ask("recall", "schema")
    folder = place.project / ".pi" / "memory"
    assert sorted(rows) == [
        f"{folder}/MEMORY.local.md:1: - my own schema",
        f"{folder}/MEMORY.md:1: - the schema is generated",
    ]
    assert len(place.ask("recall", "schema", scope="local")[0]) == 1


def test_no_line_of_a_private_key_is_recalled(place):
    line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
    key = f"-----BEGIN PRIVATE KEY-----\n{line}\n{line}\n-----END PRIVATE KEY-----\n"
    place.write("global", f"# Deploy key\n\nof the server\n{key}kept by Ann\n", "deploy.md")
    rows, _ = place.ask("recall", "deploy key")
    assert rows == ["memory/deploy.md:3: of the server", "memory/deploy.md:8: kept by Ann"]


def test_json_has_the_reason_in_any_case(place):
    place.write("global", INDEX)
    for query, keys in (("tea", {"reason", "ref", "text", "score"}), ("zebra", {"reason"})):
        command = [os.path.join(ROOT, "bin", "mem-resident"), "recall", "--json", query]
        env = {"PATH": os.environ["PATH"], "MIND_HOME": place.home.root}
        ended = subprocess.run(command, env=env, capture_output=True)
        assert set(json.loads(ended.stdout)) == keys
        assert json.loads(ended.stdout)["reason"] == ("ok" if query == "tea" else "no_match")


def test_stale_lists_what_nobody_confirmed_and_changes_nothing(place):
    path = place.write(
        "global", "- old (2025-01-01)\n- older (2024-01-01)\n- new (2026-01-20)\n- undated\n"
    )
    before = path.read_bytes()
    assert place.ask("stale")[0] == [
        "memory/MEMORY.md:2: 2024-01-01: older", "memory/MEMORY.md:1: 2025-01-01: old"
    ]  # fmt: skip
    os.utime(path, (0, 0))
    assert place.ask("stale")[0][0] == "memory/MEMORY.md:4: no date: undated"
    assert len(place.ask("stale", days=5)[0]) == 4 and path.read_bytes() == before
    place.ask("confirm", "memory/MEMORY.md:4"), place.ask("confirm", "memory/MEMORY.md:2")
    place.ask("confirm", "memory/MEMORY.md:1")
    assert place.ask("stale") == ([], 1)
    assert path.read_text().count(TIME[:10]) == 3
