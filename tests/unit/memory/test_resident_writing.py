"""remember and flush: what is validated, what a person changes meanwhile, all or nothing."""

import json
import os

import pytest
from plainmind.formats.resident import bullets, operation
from plainmind.formats.resident.operation import Operation
from plainmind.ground import exchange, files
from plainmind.ground.errors import BadData, Failure, NoInput, NotPermitted, Usage
from plainmind.memory.resident import verbs
from plainmind.truth.resident import journal, trust
from residents import Place, tree
from scene import TIME

pytestmark = pytest.mark.usefixtures("unsynced")

DAY = "(2026-01-30)"


def read(place, scope: str = "global", name: str = "MEMORY.md") -> str:
    folder = place.home.path("memory") if scope == "global" else place.project / ".pi" / "memory"
    with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
        return file.read()


def flush(place) -> tuple[list[str], list[str]]:
    """What a flush printed, and why it rejected the rest."""
    answer = verbs.carry_out(place.memory, verbs.parse("flush", (), None, {}))
    rows = list(answer.rows)
    reasons = [row.what for row in rows if isinstance(row, Failure)]
    return [row.text for row in rows if not isinstance(row, Failure)], reasons


def stage(place, **more: str) -> Operation:
    """An operation that somebody wrote into the journal."""
    made = Operation("op-1", "global", "", "add", "Notes", "a fact", "", "user")._replace(**more)
    with trust.lock(place.home):
        journal.stage(place.home, made, TIME)
    return made


# --- where a bullet goes

WHERE = [
    ("", "## Notes\n\n- x\n"),
    ("# Mine\n", "# Mine\n\n## Notes\n\n- x\n"),
    ("## Notes\n- a\n", "## Notes\n- a\n- x\n"),
    ("## Notes\n- a", "## Notes\n- a\n- x\n"),
    ("## NOTES\n\n- a\n\n\n## B\n- b\n", "## NOTES\n\n- a\n- x\n\n\n## B\n- b\n"),
    ("## Notes\nwords\n", "## Notes\nwords\n\n- x\n"),
    ("## Notes\n## B\n", "## Notes\n- x\n## B\n"),
    ("## Notes\r\n- a\r\n", "## Notes\r\n- a\r\n- x\r\n"),
    ("## Notes\n- a\n  goes on\n", "## Notes\n- a\n  goes on\n- x\n"),
    ("```\n## Notes\n```\n", "```\n## Notes\n```\n\n## Notes\n\n- x\n"),
    ("## Notes\n- x (2020-01-01)\n", "## Notes\n- x (2020-01-01)\n"),  # it is there
    ("* x\n", "* x\n"),
    ("- x (2020-01-01)\nsaved right below\n", "- x (2020-01-01)\nsaved right below\n"),
]


@pytest.mark.parametrize("before, after", WHERE)
def test_a_bullet_is_added_once_and_nothing_else_changes(before, after):
    one = Operation("op-1", "global", "", "add", "Notes", "x", "", "user")
    made = operation.apply(before.encode(), one)
    assert made.decode() == after
    assert operation.apply(made, one) == made and operation.is_applied(made, one)


@pytest.mark.parametrize(
    "text, kept",
    [
        ("a fact", "a fact"),
        ("a - b * c", "a - b * c"),
        ("  - a\n  fact\t", "a fact"),
        ("", None),
        (" - ", None),
        ("x" * 1001, None),
        ("a\x1b[31m", None),
        ("a\u202eb", None),
        ("## not a heading", "## not a heading"),
    ],
)
def test_a_text_becomes_one_line(place, text, kept):
    if kept is None:
        with pytest.raises(BadData, match="a bullet is one line"):
            place.ask("remember", "global", text)
        assert not os.path.exists(place.home.root)
    else:
        place.ask("remember", "global", text)
        flush(place)
        assert read(place) == f"## Notes\n\n- {kept} {DAY}\n"
        assert [one.text for one in bullets.parse(read(place).encode()).bullets] == [
            f"{kept} {DAY}"
        ]


# --- validation: a row is a reason


def reject_schema(place):
    stage(place, action="burn")


def reject_untrusted(place):
    place.trust()
    place.ask("remember", "project", "a fact")
    trust.untrust(place.home, str(place.project))


def reject_provenance(place):
    stage(place, by="somebody")


def reject_provenance_of_a_project(place):
    stage(place, scope="project")


def reject_changed(place):
    path = place.write("global", "## Notes\n- a\n- b\n")
    place.ask("remember", "global", "A", replaces=f"{path}:2")
    path.write_text("## Notes\n- a, as they say\n- b\n")


def reject_changed_when_gone(place):
    path = place.write("global", "## Notes\n- a\n- b\n")
    place.ask("remember", "global", "A", replaces="memory/MEMORY.md:2")
    path.write_text("## Notes\n- b\n")


def reject_invariant(place):
    place.write("global", "## Rules\n- never push\n")
    Place(place.project.parent, inside=True).ask(
        "remember", "global", "push", replaces="memory/MEMORY.md:2"
    )


def reject_secret(place):
    stage(place, text="the password is hunter2x")


def reject_caps(place):
    place.write("global", "- a\n" * 200)
    place.ask("remember", "global", "one more")


def reject_unreadable(place):
    place.ask("remember", "global", "one more")
    os.makedirs(place.home.path("memory"))
    os.mkfifo(place.home.path("memory/MEMORY.md"))


def reject_large(place):
    os.truncate(place.write("global", ""), 1 << 21)
    place.ask("remember", "global", "one more")


REJECTED = [reject_schema, reject_untrusted, reject_provenance, reject_provenance_of_a_project]
REJECTED += [reject_changed, reject_changed_when_gone, reject_invariant, reject_secret]
REJECTED += [reject_caps, reject_unreadable, reject_large]


@pytest.mark.parametrize("make", REJECTED, ids=lambda make: make.__name__)
def test_a_rejected_operation_blocks_no_other_and_stays_until_it_is_dropped(place, make):
    make(place)
    ids = [*journal.read(place.home).staged, *journal.read(place.home).rejected]
    folder = place.home.path("memory")
    before = tree(folder)
    made, reasons = flush(place)
    reason = make.__name__.split("_")[1]
    if reason != "schema":
        assert reasons == [f"rejected: {operation.REASONS[reason]}"] and made == []
    there = journal.read(place.home)
    assert [why for why, _, _ in there.rejected.values()] == [reason] and not there.staged
    assert flush(place) == ([], []), "it is told once"
    assert tree(folder) == before, "nothing was written"
    rows = [row for row in place.ask("show")[0] if row.startswith("op-")]
    assert len(rows) == 1 and f"rejected ({reason})" in rows[0]
    place.ask("drop", *ids)
    assert not journal.read(place.home).rejected
    with pytest.raises(NoInput):
        place.ask("drop", *ids)


def test_of_a_secret_only_reason_and_digest_stay(place):
    with pytest.raises(BadData, match="key or a password"):
        place.ask("remember", "global", "the token is ghp_abcdefghijklmnopqrstuvwxyz0123")
    stage(place, text="the password is hunter2x")
    flush(place)
    data = files.read(place.home.writeback_journal).decode()
    assert "ghp_" not in data and "hunter2x" not in data
    assert len(journal.read(place.home).rejected) == 2 and '"digest":"' in data


@pytest.mark.parametrize("verb, words", [("flush", ()), ("drop", ("op-1",))])
def test_what_is_rejected_or_dropped_stands_there_until_it_is_gone(place, monkeypatch, verb, words):
    """A secret: never as done with, and yet in the journal, where no later flush would look."""

    def die(*_):
        raise KeyboardInterrupt

    stage(place, text="the password is hunter2x")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(files, "replace", die)
        place.ask(verb, *words)
    place.ask(verb, *words)
    assert not journal.read(place.home).staged
    assert b"hunter2x" not in files.read(place.home.writeback_journal)


def test_without_strict_writeback_what_is_doubtful_is_written(place):
    place.write("global", '{"strictWriteback": false}', "config.json")
    place.write("global", "- a\n" * 200)
    place.ask("remember", "global", "the password is hunter2x")
    assert len(flush(place)[0]) == 1
    with pytest.raises(BadData):
        place.ask("remember", "global", "ghp_abcdefghijklmnopqrstuvwxyz0123")


def test_the_others_are_committed_and_lines_that_are_not_ours_harm_nobody(place):
    place.ask("remember", "global", "one")
    stage(place, text="the password is hunter2x")
    place.ask("remember", "global", "two", topic="Build")
    with open(place.home.writeback_journal, "ab") as file:
        file.write(b'not ours\n{"did":"dance"}\n[1]\n{"did":"begin"}\n{"torn')
    place.ask("remember", "global", "three")
    made, reasons = flush(place)
    assert [line.partition(": ")[2] for line in made] == [
        f"{w} {DAY}" for w in ("one", "two", "three")
    ]
    assert len(reasons) == 1
    assert read(place) == f"## Notes\n\n- one {DAY}\n- three {DAY}\n\n## Build\n\n- two {DAY}\n"


# --- scopes


def test_project_and_local_go_where_they_belong(place):
    for scope in ("project", "local"):
        with pytest.raises(NotPermitted, match="no trusted project"):
            place.ask("remember", scope, "x")
    with pytest.raises(Usage):
        place.ask("remember", "somewhere", "x")
    assert tree(place.project) == {} and not os.path.exists(place.home.root)
    place.trust()
    assert tree(place.project) == {}
    place.ask("remember", "project", "team"), place.ask("remember", "local", "mine")
    assert tree(place.project) == {}, "nothing is created before the first write"
    flush(place)
    assert read(place, "project") == f"## Notes\n\n- team {DAY}\n"
    assert read(place, "project", "MEMORY.local.md") == f"## Notes\n\n- mine {DAY}\n"
    assert read(place, "project", ".gitignore") == "MEMORY.local.md\n"
    assert sorted(os.listdir(place.project / ".pi" / "memory")) == [
        ".gitignore", "MEMORY.local.md", "MEMORY.md"
    ]  # fmt: skip


@pytest.mark.parametrize("link", [".pi", ".pi/memory", ".pi/memory/MEMORY.md"])
def test_nothing_is_written_through_a_link_of_a_project(place, link, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    place.trust()
    place.ask("remember", "project", "x")
    path = place.project / link
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(tmp_path / "elsewhere")
    before = tree(tmp_path / "elsewhere")
    try:
        _, reasons = flush(place)
        assert reasons
    except NotPermitted:
        assert journal.read(place.home).staged
    assert tree(tmp_path / "elsewhere") == before


# --- a person at the same moment


@pytest.mark.parametrize(
    "theirs, after",
    [
        ("## Notes\n- a\n- mine\n", f"## Notes\n- a\n- mine\n- x {DAY}\n"),  # elsewhere: merged
        ("## Other\n", f"## Other\n\n## Notes\n\n- x {DAY}\n"),
        ("", f"## Notes\n\n- x {DAY}\n"),
        (f"- x {DAY}\n", f"- x {DAY}\n"),
    ],
)
def test_what_somebody_saves_between_staging_and_writing_is_merged(place, theirs, after):
    path = place.write("global", "## Notes\n- a\n")
    place.ask("remember", "global", "x")
    path.write_text(theirs)
    flush(place)
    assert read(place) == after


def test_what_somebody_saves_while_it_is_written_is_merged(place, monkeypatch):
    """Between the reading and the exchange: theirs comes out, and the change is made on it."""
    path = place.write("global", "## Notes\n- a\n")
    place.ask("remember", "global", "x")
    real, saves = exchange.swap, [f"## Notes\n- a\n- saved {n}\n" for n in range(2)]

    def swap(one: str, other: str) -> bool:
        if saves:
            path.write_text(saves.pop())
        return real(one, other)

    monkeypatch.setattr(exchange, "swap", swap)
    flush(place)
    assert read(place).count("- x") == 1 and "saved 0" in read(place)


def test_a_bullet_changed_while_it_is_written_rejects_its_operation_alone(place, monkeypatch):
    path = place.write("global", "## Notes\n- a\n- b\n")
    place.ask("remember", "global", "A", replaces="memory/MEMORY.md:2")
    place.ask("remember", "global", "c")
    real = exchange.edit

    def edit(name, change, **more):
        path.write_text("## Notes\n- a!\n- b\n")
        monkeypatch.setattr(exchange, "edit", real)
        return real(name, change, **more)

    monkeypatch.setattr(exchange, "edit", edit)
    _, reasons = flush(place)
    assert reasons == [f"rejected: {operation.REASONS['changed']}"]
    assert read(place) == f"## Notes\n- a!\n- b\n- c {DAY}\n"


# --- all or nothing


@pytest.mark.parametrize("scope", ["global", "project"])
def test_when_one_index_cannot_be_written_none_is(place, monkeypatch, scope):
    place.trust()
    place.write("global", "- a\n"), place.write("project", "- b\n")
    place.ask("remember", "global", "x"), place.ask("remember", "project", "y")
    real = exchange.edit

    def edit(name, change, **more):
        if (".pi" in name) == (scope == "project") and b"x" not in files.read(name):
            raise OSError(28, "No space left on device", name)
        return real(name, change, **more)

    monkeypatch.setattr(exchange, "edit", edit)
    with pytest.raises(OSError):
        flush(place)
    monkeypatch.setattr(exchange, "edit", real)
    assert (read(place).strip(), read(place, "project").strip()) == ("- a", "- b")
    assert len(journal.read(place.home).staged) == 2
    assert len(flush(place)[0]) == 2 and flush(place) == ([], [])


# --- a death in between: what the journal says of it


def killed(place, monkeypatch, *, before: bool):
    """A flush that dies right before, or right after, the file is in place."""
    real = exchange.swap

    def swap(one: str, other: str) -> bool:
        if not before:
            real(one, other)
        raise KeyboardInterrupt  # no handler of ours stops at it

    monkeypatch.setattr(exchange, "swap", swap)
    with pytest.raises(KeyboardInterrupt):
        flush(place)
    monkeypatch.setattr(exchange, "swap", real)
    folder = place.home.path("memory")
    for name in os.listdir(folder):  # of a process that runs no more
        os.rename(
            os.path.join(folder, name),
            os.path.join(folder, name.replace(str(os.getpid()), "999999")),
        )


@pytest.mark.parametrize("by_rename", [False, True], ids=["in place", "by rename"])
@pytest.mark.parametrize(
    "before, theirs, after, reason",
    [
        (True, None, f"## Notes\n- a\n- x {DAY}\n", ""),
        (True, "## Notes\n- mine\n", f"## Notes\n- mine\n- x {DAY}\n", ""),
        (False, None, f"## Notes\n- a\n- x {DAY}\n", ""),
        (False, f"## Notes\n- x {DAY}\n- mine\n", f"## Notes\n- x {DAY}\n- mine\n", ""),
    ],
)
def test_after_a_death_it_is_there_once(  # noqa: PLR0913
    place, monkeypatch, before, theirs, after, reason, by_rename
):
    path = place.write("global", "## Notes\n- a\n")
    place.ask("remember", "global", "x")
    killed(place, monkeypatch, before=before)
    if theirs is not None and by_rename:
        path.with_suffix(".new").write_text(theirs)
        os.rename(path.with_suffix(".new"), path)
    elif theirs is not None:
        path.write_text(theirs)
    flush(place)
    assert read(place) == after
    there = journal.read(place.home)
    assert not there.staged and [why for why, _, _ in there.rejected.values()] == [reason] * bool(
        reason
    )


def test_what_a_person_deleted_after_a_death_does_not_come_back(place, monkeypatch):
    path = place.write("global", "## Notes\n- a\n")
    place.ask("remember", "global", "x")
    killed(place, monkeypatch, before=False)
    path.write_text("## Notes\n- a\n")
    assert flush(place) == ([], []) and read(place) == "## Notes\n- a\n"
    place.ask("remember", "global", "y")
    killed(place, monkeypatch, before=False)
    path.with_suffix(".new").write_text("## Notes\n- b\n")
    os.rename(path.with_suffix(".new"), path)
    _, reasons = flush(place)  # nobody can tell whether it ever was there: it is kept, and told
    assert reasons == [f"rejected: {operation.REASONS['doubt']}"]
    assert read(place) == "## Notes\n- b\n"


# --- confirm, dry runs


def test_confirm_dates_a_bullet_anew_and_keeps_the_rest(place):
    place.write("global", "## Rules\n* old rule (2020-01-01)\n- undated\n")
    Place(place.project.parent, inside=True).ask("confirm", "memory/MEMORY.md:2")
    place.ask("confirm", place.home.path("memory/MEMORY.md:3"))
    assert read(place) == f"## Rules\n* old rule {DAY}\n- undated {DAY}\n"
    with pytest.raises(NoInput):
        place.ask("confirm", "memory/MEMORY.md:1")


@pytest.mark.parametrize(
    "words",
    [
        ("remember", "global", "x"),
        ("flush",),
        ("trust",),
        ("off",),
        ("confirm", "memory/MEMORY.md:1"),
    ],
)
def test_a_dry_run_writes_nothing(place, words):
    place.write("global", "- a\n")
    stage(place)
    before = tree(place.home.root)
    place.memory = place.memory._replace(dry=True)
    place.ask(*words)
    assert tree(place.home.root) == before


def test_records_are_json_for_programs(place):
    place.ask("remember", "global", "x")
    call = verbs.parse("flush", (), None, {})
    (row,) = verbs.carry_out(place.memory, call).rows
    assert json.loads(json.dumps(row.record))["ref"] == "memory/MEMORY.md:3"
