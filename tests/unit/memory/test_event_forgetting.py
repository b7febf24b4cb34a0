"""What a person takes back is gone from every byte of the memory folder, what others say is named,
and the logs are still proved."""

import json
import multiprocessing
import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.log import event as events
from plainmind.formats.log import forgotten
from plainmind.formats.resident import operation
from plainmind.formats.resident.operation import Operation
from plainmind.ground import exchange, files
from plainmind.ground.environment import Environment
from plainmind.ground.errors import BadData, Busy, Usage
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.index import cache
from plainmind.index.sqlite import words as sqlite_words
from plainmind.memory import Memory, absence, care, copies, event_forgetting, standing
from plainmind.truth.log import native_answers, pinning, reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from plainmind.truth.pages import maintenance
from plainmind.truth.resident import journal as writeback
from scene import NOW, PATIENCE, STAMP
from unit.index.engines import engine_in_use

pytestmark = pytest.mark.usefixtures("unsynced", "engine")

CONTEXT = "test/forget"
PATH = f"logs/{CONTEXT}/{STAMP}.md"
WORD = "zanzibarquux"
TEXT = f'Ben keeps the {WORD} stamps "for good", in a blue album.\nhe said so\n\tße\u200b ![x]'
PIECE = TEXT.split("\n")[0]
MODEL = "m:1"
TRACE = {"now": "2026-01-30T14:23:55.120Z", "request": {"messages": []}}


class Scene:
    """A home in which one event is to be forgotten, between others."""

    def __init__(self, home: Home, key: bytes = b""):
        self.home, self.key, self.said, self.failures = home, key, [], []
        self.log = Log(home, key)

    @property
    def memory(self) -> Memory:
        now, none = lambda: NOW, Settings("", "", lambda name: "")
        return Memory(self.home, Environment(self.home.root), none, now, self.said.append)

    def say(self, role: str, content: str, context: str = CONTEXT, **meta) -> str:
        return self.log.append(context, [EventDraft(NOW, role, content, meta)], NOW)[0].ref

    def path(self, part: str, data: bytes) -> str:
        files.replace(self.home.path(part), data)
        return part

    def embed(self) -> list[str]:
        """Every text that is to be embedded gets a vector; those texts."""
        with engine_in_use().made_in(self.home, self.home.index) as index:
            index.serve(MODEL)
            due = index.pending(MODEL, NOW)
            kept = {cache.content_hash(one.text): bytes([n + 1]) * 16 for n, one in enumerate(due)}
            cache.Cache(self.home, MODEL).put(kept)
            index.model()
        cache.set_serving(self.home, MODEL)
        care.state(self.memory)
        return [one.text for one in due]

    def forget(self, *refs: str, dry: bool = False, meta_too: bool = False, reason: str = ""):
        """The codes and places that are printed."""
        memory = self.memory._replace(dry=dry)
        found = event_forgetting.forget(
            memory, self.key, refs, meta_too=meta_too, reason=reason, report=self.failures.append
        )
        return [(finding.code, f"{finding.path}:{finding.line}") for finding in found]

    def holding(self, *texts: str) -> list[str]:
        needles = absence.needles(texts)
        return [
            os.path.relpath(path, self.home.root)
            for path in absence.list_files(self.home.root)
            if any(needle in files.read(path) for needle in needles)
        ]

    def lint(self) -> list[tuple[str, int]]:
        return [(f.code, f.line) for f in verify.verify_windows(self.home, [], self.key)]

    def content(self, ref: str) -> str:
        return reader.read_event(self.home, ref).content

    def terms(self) -> set[str]:
        with engine_in_use().made_in(self.home, self.home.index) as index:
            index.model()
            return {term for term, *_ in index.db.execute(index.word_tables.totals(index))}


@pytest.fixture
def scene(home) -> Scene:
    return Scene(home)


# ---- everything that was made from a text, or came with it


def everywhere(scene: Scene, folder: str) -> str:
    """The text in all places that the suite puts it; its reference."""
    home = scene.home
    scene.say("user", "before")
    image = scene.path("raw/images/7-0-album.png", b"\x89PNG\r\n\x1a\n")
    other = scene.path("relay/files/7-1-list.txt", PIECE.encode())
    attached = [home.path(image), home.path(other)]
    ref = scene.say("user", TEXT, message_id="7", id="7", author="Ann", attachments=attached)
    scene.say("agent", "fine", reply_to="7")
    scene.say("user", "what else?")
    pinning.pin(home, reader.read_event(home, ref))
    scene.embed()
    received = {"did": "received", "message": {"id": 7, "context": CONTEXT, "text": f"{TEXT} "}}
    scene.path("relay/inbox.jsonl", b"".join(map(line, [received, {"did": "done", "of": [7]}])))
    asked = json.dumps({"text": TEXT})
    quoted = {"role": "user", "content": [{"text": f"{TEXT}\n"}], "arguments": asked}
    told = {"did": "sent", "of": [], "text": [f"Read: {PIECE}!", "tea"]}
    scene.path("remind/journal.jsonl", line(told))
    scene.path("raw/sessions/a/b.jsonl", line(quoted) + line({"role": "x"}) + b"torn {")
    files.make_folder(home.path("resident"))
    for n, text in enumerate(("tea ", f"{PIECE} ", PIECE)):
        one = Operation(
            f"op-{n}",
            "global",
            "",
            "add",
            "Notes",
            f"{text} (2026-01-30)".replace("  ", " "),
            "",
            "agent",
        )
        writeback.append(home, operation.render_stage(one, "2026-01-30"))
    writeback.append(home, operation.render_reject("op-2", "2026-01-30", "caps", "d"))
    trace = os.path.join(folder, "trace.jsonl")
    files.replace(trace, line(TRACE | {"reply": TEXT}) + line({"reply": "other"}))
    maintenance.record_trace(home, trace)
    scene.path(f"logs/{CONTEXT}/.{STAMP}.md.999999-0.tmp", files.read(home.path(PATH)))
    scene.path("index/mind.db.x.bad", TEXT.encode())
    return ref


def line(value: dict) -> bytes:
    return json.dumps(value).encode() + b"\n"


def test_it_goes_from_everything_that_was_made_from_it_or_came_with_it(scene, tmp_path):
    home, ref = scene.home, everywhere(scene, str(tmp_path))
    held = set(scene.holding(PIECE)) - {"index/mind.db"}  # with PostgreSQL it is elsewhere
    assert len(held) == 9, "there is nothing to be found"
    found = scene.forget(ref, reason="a slip")
    assert found == [
        ("forgotten", ref), ("metadata", ref), ("reply", f"{PATH}:11"),
        ("deleted", "raw/images/7-0-album.png:1"), ("deleted", "relay/files/7-1-list.txt:1"),
        ("unpinned", "pins/pins.md:3"), ("blanked", "raw/sessions/a/b.jsonl:1"),
        ("blanked", "relay/inbox.jsonl:1"), ("blanked", "remind/journal.jsonl:1"),
        *(("dropped", f"resident/writeback-journal.jsonl:{n}") for n in (2, 3)),
    ]  # fmt: skip
    assert [*writeback.read(home).staged, *writeback.read(home).rejected] == ["op-0"]
    assert scene.holding(PIECE, WORD) == [] and WORD not in scene.terms()
    assert files.read(str(tmp_path / "trace.jsonl")) == line({"reply": "other"})
    rows = files.read(home.path("raw/sessions/a/b.jsonl")).split(b"\n")
    assert json.loads(rows[1]) == {"role": "x"} and rows[2] == b"torn {"
    assert json.loads(rows[0])["role"] == "user"
    told = json.loads(files.read(home.path("remind/journal.jsonl")))
    assert told["text"] == ["(forgotten)", "tea"]
    assert scene.lint() == [] and scene.failures == []
    assert scene.content(ref) == "(forgotten)\n(forgotten)\n(forgotten)"
    assert not os.path.exists(home.path(event_forgetting.UNFINISHED))
    assert "a slip" in files.read(home.path(PATH)).decode()
    # nothing of it comes back: by its id, by a rebuild, by asking again
    assert scene.say("user", TEXT, id="7") == ref and scene.holding(WORD) == []
    assert care.verify(scene.memory) == []
    assert scene.forget(ref) == [] and scene.said[-1] == f"{ref}: it has no text any more"


def test_its_vectors_go_and_those_of_others_answer(scene):
    """Also of the events that were embedded with it; equal texts elsewhere keep theirs."""
    scene.say("user", "before")
    ref = scene.say("user", TEXT)
    scene.say("agent", "after it")
    scene.say("user", "quite another thing", "test/other")
    texts = scene.embed()
    mine = [text for text in texts if WORD in text]
    assert len(mine) >= 2, "nothing was embedded with it"
    scene.forget(ref)
    hashes = {text: cache.content_hash(text) for text in texts}
    left = cache.Cache(scene.home, MODEL).get(list(hashes.values()))
    assert {text for text in texts if hashes[text] not in left} == set(mine)
    with engine_in_use().made_in(scene.home, scene.home.index) as index:
        index.model()
        model = {path: model for path, _, model, _ in index.rows()["vectors"]}
        assert set(model) == {PATH, f"logs/test/other/{STAMP}.md"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_derived_file_that_is_closed_is_opened_to_be_looked_through(scene):
    ref = scene.say("user", "the code of the safe is 4711, by the window")
    scene.say("agent", "noted, and nothing else")
    scene.embed()
    for path in ("vectors/serving", scene.path("remind/seen.json", b"{}")):
        os.chmod(scene.home.path(path), 0)
    assert "stands" not in dict(scene.forget(ref)) and scene.failures == []
    assert scene.holding("the code of the safe is 4711") == []


@pytest.mark.parametrize("broken", [
    "words", "vectors", "journals", "files",
])  # fmt: skip
def test_each_of_them_is_seen_when_it_is_left_out(scene, tmp_path, monkeypatch, broken, request):
    """The controls: one step left out, and the proof names the place, or the check above fails."""
    if broken == "words":
        request.getfixturevalue("index_is_a_file")
    ref = everywhere(scene, str(tmp_path))
    if broken == "words":
        monkeypatch.setattr(sqlite_words, "purge", lambda index, table: None)
        scene.forget(ref)
        assert WORD in scene.terms() or scene.holding(WORD)
        return
    if broken == "vectors":
        gone = []
        monkeypatch.setattr(cache, "forget", lambda home, hashes: gone.append(len(hashes)))
        scene.forget(ref)
        assert gone and gone[0] >= 2
        return
    name, place = {
        "journals": ("list_journals", "relay/inbox.jsonl:1"),
        "files": ("files_of", "relay/files/7-1-list.txt:1"),
    }[broken]
    monkeypatch.setattr(copies, name, lambda *given: [])
    assert ("stands", place) in scene.forget(ref)


# ---- what others say


@pytest.mark.parametrize("where, expected", [
    ("event", ("stands", f"{PATH}:8")),
    ("header", ("stands", f"{PATH}:8")),
    ("page", ("stands", "knowledge/a.md:3")),
    ("file", ("stands", "workspace/notes.txt:2")),
    ("base64", ("stands", "workspace/mail.eml:1")),
    ("torn", ("stands", f"logs/test/torn/{STAMP}.md:7")),
])  # fmt: skip
def test_what_others_say_is_named_and_stays(scene, where, expected):
    ref = scene.say("user", TEXT)
    if where == "event":
        scene.say("agent", f"I know: {PIECE}")
    elif where == "header":
        scene.say("tool", "ok", args={"command": f"echo '{PIECE}'"})
    elif where == "page":
        scene.path("knowledge/a.md", f"# a\n\n{PIECE}\n".encode())
    elif where == "file":
        scene.path("workspace/notes.txt", f"a\n{PIECE[10:]}\n".encode() * 2)
    elif where == "base64":
        import base64

        scene.path("workspace/mail.eml", base64.b64encode(b"x" + TEXT.encode()))
    else:
        scene.say("user", "x", "test/torn")
        with open(scene.home.path(f"logs/test/torn/{STAMP}.md"), "ab") as file:
            file.write(f"## 2026-01-30T14:23:55.120Z user n=2 h=000000000000\n> {PIECE}".encode())
    before = {path: files.read(path) for path in absence.list_files(scene.home.root)}
    found = [each for each in scene.forget(ref) if each[0] == "stands"]
    place = found[0][1].rpartition(":")[0]
    assert expected in found and {each[1].rpartition(":")[0] for each in found} == {place}
    assert place == PATH or files.read(scene.home.path(place)) == before[scene.home.path(place)]


@pytest.mark.parametrize("text, others", [
    ("ok", [f"{PATH}:6", "knowledge/a.md:1"]), ("tuk", []), ("", []), (" \n", []),
])  # fmt: skip
def test_a_short_text_is_looked_for_among_words(scene, text, others):
    ref = scene.say("user", text)
    scene.say("agent", "OK, then")
    scene.say("agent", "token")
    scene.path("knowledge/a.md", b"ok.\n")
    found = scene.forget(ref)
    assert [place for code, place in found if code == "stands"] == others
    assert scene.lint() == []


def test_an_attachment_that_somebody_else_names_stays(scene):
    image = scene.path("raw/images/1.png", b"png")
    mine = os.path.join(os.path.dirname(scene.home.root), "mine.txt")
    files.replace(mine, b"mine")
    ref = scene.say("user", TEXT, attachments=[scene.home.path(image), mine, "../x", 7])
    other = scene.say("user", "this one", attachments=[scene.home.path(image)])
    assert [each for each in scene.forget(ref) if each[0] == "attached"] == [
        ("attached", f"{image}:1"), ("attached", f"{mine}:1")
    ]  # fmt: skip
    assert ("deleted", f"{image}:1") in scene.forget(other) and files.read(mine) == b"mine"


def test_the_whole_of_a_long_output_goes(scene):
    ref = scene.say("tool", f"{PIECE}\n" + "x\n" * 200_000, name="bash")
    assert len(scene.holding(WORD)) == 2
    scene.forget(ref)
    assert scene.holding(WORD) == [] and scene.lint() == []


def test_words_in_the_header_go_only_when_that_is_asked_for(scene):
    meta = {"name": "bash", "call": "c1", "args": {"command": f"echo '{PIECE}'", "timeout": 3}}
    ref = scene.say("tool", PIECE, **meta)
    found = scene.forget(ref)
    assert ("metadata", ref) in found and ("stands", ref) in found
    assert scene.forget(ref, meta_too=True) == [("forgotten", ref)]
    assert scene.holding(WORD) == [] and scene.lint() == []
    event = reader.read_event(scene.home, ref)
    assert event.meta == {**meta, "args": {"command": "(forgotten)", "timeout": 3}}


# ---- the proof of the logs


def blanked(home: Home, path: str = PATH, line: int = 3) -> bytes:
    data = files.read(home.path(path))
    block = next(b for b in events.scan(data) if b.line == line)
    return data[: block.offset] + events.render_raw(forgotten.blank(block)) + data[block.end :]


@pytest.mark.parametrize("key", [b"", b"secret"], ids=["no key", "key"])
def test_a_blank_needs_its_record_and_a_record_its_blank(home, key):
    scene = Scene(home, key)
    ref = scene.say("user", "one\ntwo", author="Ann")
    scene.say("user", "last")
    whole = files.read(home.path(PATH))
    files.replace(home.path(PATH), blanked(home))
    assert scene.lint() == [("chain", 3)], "blanked by hand"
    files.replace(home.path(PATH), whole)
    scene.forget(ref)
    assert scene.lint() == []
    data = files.read(home.path(PATH))
    for old, new in (
        (b"> (forgotten)\n> (f", b"> (forgotten)\n> (g"), (b'r":"Ann"}', b'r":"Eve"}'),
        (b"user n=2", b"tool n=2"), (b"> (forgotten)\n> (forgotten)", b"> one\n> three"),
    ):  # fmt: skip
        files.replace(home.path(PATH), data.replace(old, new, 1))
        assert ("chain", 3) in scene.lint(), f"altered to {new!r}"
    files.replace(home.path(PATH), data.replace(b"> (forgotten)\n> (forgotten)", b"> one\n> two"))
    assert scene.lint() == [("unforgotten", 3)], "the text came back"
    files.replace(home.path(PATH), data)
    # a record that is altered, or gone, is none
    files.replace(home.path(PATH), data.replace(b'"blank":"', b'"blank":"0'))
    assert ("chain", 3) in scene.lint()
    files.replace(home.path(PATH), data[: events.scan(data)[-1].offset])
    assert ("chain", 3) in scene.lint()
    if key:  # nor is one that somebody made without the key
        files.replace(home.path(PATH), blanked(home))
        block = next(b for b in events.scan(whole) if b.line == 3)
        digest = forgotten.digest_now(forgotten.blank(block), f"# {CONTEXT} {STAMP}", b"")
        record = forgotten.Forgotten(PATH, 3, block.digest, digest)
        draft = EventDraft(NOW, "system", "", record.meta())
        files.replace(home.path(PATH), blanked(home))
        Log(home).append(CONTEXT, [draft], NOW, records=True)
        assert ("chain", 3) in scene.lint()


def test_no_command_but_this_one_writes_a_record(scene):
    with pytest.raises(BadData, match="only mem-forget writes 'forgot'"):
        scene.say("system", "x", forgot={"ref": f"{PATH}:3"})


@pytest.mark.parametrize("reason", [TEXT.replace("\n", " "), ""])
def test_a_record_can_be_forgotten_and_still_records(scene, reason):
    """Only its reason is taken back: what it names stands in the log and its proof, and stays."""
    ref = scene.say("user", "one")
    scene.forget(ref, reason=reason)
    record = f"{PATH}:6"
    assert scene.forget(record, meta_too=True, dry=True) == [("forgotten", record)]
    assert scene.forget(record) == [("forgotten", record)]
    assert scene.lint() == [] and scene.holding(WORD) == []
    assert scene.content(ref) == "(forgotten)"


def test_what_events_are_found_by_stays_and_nothing_else_is_advised(scene, monkeypatch):
    """Neither --metadata, which leaves it, nor the journal that proves the logs."""
    other = scene.say("user", "before", author_id="serial4711x")
    block = reader.read_window(scene.home, PATH).blocks()[0]
    ref = scene.say("user", f"{block.digest} is of the author serial4711x")
    found = {}
    keep = lambda kind: lambda *given: found.setdefault(given[:2], kind(*given))
    monkeypatch.setattr(standing, "Finding", keep(standing.Finding))
    assert [place for code, place in scene.forget(ref) if code == "stands"] == [other]
    assert found[PATH, 3].message == "another event's header has it; " + standing._STAYS


@pytest.mark.parametrize("dry", [False, True])
@pytest.mark.parametrize("text, reason, refused", [
    (TEXT, f"he named {WORD}s", False), (TEXT, f"well: {PIECE}", True),
    ("The alarm code is blue-Heron-7741.", "BLUE-heron-7741 is secret", True),
    ("The alarm code is blue-Heron-7741.", "the alarm code", False),
    ("My PIN is 4711.", "PIN 4711", True), ("My PIN is 4711.", "a PIN of five digits", False),
    ("my words: correct horse battery staple", "Correct  horse battery staple leaked", True),
    ("tomato", "the word tomato", True), ("tomato", "tomatoes", False), ("", "why", False),
])  # fmt: skip
def test_a_reason_that_repeats_the_text_is_refused_before_anything_is_written(
    scene, text, reason, refused, dry
):
    ref = scene.say("user", text)
    before = files.read(scene.home.path(PATH))
    if refused:
        with pytest.raises(Usage, match="the reason repeats"):
            scene.forget(ref, reason=reason, dry=dry)
        assert files.read(scene.home.path(PATH)) == before
        assert not event_forgetting.is_unfinished(scene.home)
    else:
        scene.forget(ref, reason=reason, dry=dry)


def test_a_text_that_was_taken_out_by_hand_is_made_good_by_forgetting_it(scene):
    ref = scene.say("user", "one")
    files.replace(scene.home.path(PATH), blanked(scene.home))
    assert scene.lint() == [("chain", 3)]
    assert scene.forget(ref) == [("forgotten", ref)]
    assert scene.lint() == [] and "it had been altered before" in scene.content(f"{PATH}:6")


# ---- at the same moment


def test_an_append_at_the_same_moment_is_not_lost(scene, monkeypatch):
    """The exchange holds the lock of appends, and a process that has the window in mind looks at
    the new file."""
    ref = scene.say("user", TEXT, id="1")
    other = Log(scene.home)
    other.append(CONTEXT, [EventDraft(NOW, "user", "two", {"id": "2"})], NOW)
    swap, lost = exchange.swap, []

    def swapping(one: str, two: str) -> bool:
        with pytest.raises(Busy), files.lock(scene.home.lock, wait=0):
            lost.append(one)
        return swap(one, two)

    monkeypatch.setattr(exchange, "swap", swapping)
    scene.forget(ref)
    for id in ("1", "2", "3"):
        other.append(CONTEXT, [EventDraft(NOW, "user", "three", {"id": id})], NOW)
    scene.log.append(CONTEXT, [EventDraft(NOW, "user", "four", {})], NOW)
    opened = reader.read_window(scene.home, PATH)
    said = [opened.event(block).content for block in opened.blocks() if block.role == "user"]
    assert said[1:] == ["two", "three", "four"] and not lost
    assert scene.lint() == []


def test_what_a_person_saves_at_the_same_moment_is_kept(scene, monkeypatch):
    ref = scene.say("user", TEXT)
    swap, window = exchange.swap, scene.home.path(PATH)

    def swapping(one: str, two: str) -> bool:
        if files.read(window).endswith(b"\n\n"):
            with open(window, "ab") as file:
                file.write(b"a note of mine\n")
        return swap(one, two)

    monkeypatch.setattr(exchange, "swap", swapping)
    scene.forget(ref)
    assert (
        files.read(window).endswith(b"a note of mine\n") and WORD not in files.read(window).decode()
    )


def test_a_run_of_mem_embed_is_waited_for(scene, monkeypatch):
    ref = scene.say("user", TEXT)
    scene.embed()
    monkeypatch.setattr(files, "LOCK_WAIT", 0.01)
    monkeypatch.setattr(files.lock.__wrapped__, "__defaults__", (0.01,))
    with files.lock(scene.home.path("index", "embed.lock")):
        scene.forget(ref)
    assert [failure.code for failure in scene.failures] == [75]
    assert os.path.exists(scene.home.path(event_forgetting.UNFINISHED))
    scene.forget()
    assert scene.holding(WORD) == [] and scene.lint() == []


def test_a_run_of_mem_embed_that_goes_on_for_hours_is_not_waited_for_that_long(scene, monkeypatch):
    ref = scene.say("user", TEXT)
    scene.embed()
    monkeypatch.setattr(files, "LOCK_WAIT", 0.05)
    lock, fork = scene.home.path("index", "embed.lock"), multiprocessing.get_context("fork")
    has, done = fork.Event(), fork.Event()

    def embed() -> None:
        with files.lock(lock):
            has.set()
            for _ in range(3000):  # whoever asks waits for one that goes on
                if done.wait(0.01):
                    return

    run = fork.Process(target=embed)
    run.start()
    assert has.wait(PATIENCE)
    scene.forget(ref)
    assert run.is_alive() and [failure.code for failure in scene.failures] == [75]
    assert "mem-embed is at work" in str(scene.failures[0])
    done.set()
    run.join()
    scene.forget()
    assert scene.holding(WORD) == [] and scene.lint() == []


def test_a_dry_run_says_the_same_and_changes_nothing(scene, tmp_path):
    ref = everywhere(scene, str(tmp_path))
    scene.say("agent", f"so: {PIECE}", "test/other")
    before = {path: files.read(path) for path in absence.list_files(str(tmp_path))}
    would = scene.forget(ref, dry=True)
    assert {path: files.read(path) for path in absence.list_files(str(tmp_path))} == before
    trace = f"{tmp_path}/trace.jsonl: records that show what is forgotten"
    assert scene.said[-1] == f"{trace} would be removed"
    assert would == scene.forget(ref)


# ---- any text


@settings(max_examples=60)
@given(text=st.text(st.characters(codec="utf-8"), max_size=300), after=st.text(max_size=40))
def test_any_text_goes_and_the_chain_holds(tmp_path_factory, text, after):
    scene = Scene(Home(str(tmp_path_factory.mktemp("any"))))
    ref = scene.say("user", text)
    scene.say("agent", after)
    scene.forget(ref)
    pieces = absence.pieces(text)
    held = {piece for piece in pieces if scene.holding(piece)}
    assert held <= {piece for piece in pieces if piece in after or piece in "(forgotten)"}
    assert scene.lint() == [] and scene.failures == []
    assert care.verify(scene.memory) == []


@pytest.mark.parametrize(
    "text", ["short", "one line of some length", "x" * 500, "a b " * 200, TEXT]
)
def test_who_quotes_enough_of_a_text_quotes_a_piece(text):
    pieces = absence.pieces(text)
    assert bool(pieces) == (len(text) > 5 and text != "x" * 500)
    for start in range(0, max(1, len(text) - 110), 7):
        quoted = text[start : start + 110]
        assert not pieces or "\n" in quoted or any(piece in quoted for piece in pieces)


def test_a_needle_at_any_place_of_a_large_file_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(absence, "CHUNK", 16)
    path = str(tmp_path / "file")
    for size in (31, 32, 33, 48):
        for at in range(size - 8):
            data = bytearray(b"\n" * size)
            data[at : at + 8] = b"needle42"
            files.replace(path, bytes(data))
            found = list(absence.find(path, {b"needle42": "needle42", b"longer needle": "x"}))
            assert found == [("needle42", at, at + 1)], (size, at)


# ---- what is not the event's own


@pytest.mark.parametrize("place", ["home", "outside"])
@pytest.mark.parametrize("folder", ["raw/images/d", "work/turns/test/forget"])
def test_nothing_goes_that_a_link_leads_to(scene, tmp_path, place, folder):
    """Attachments and answers that are kept: each folder on the way is the real one."""
    home = scene.home
    far = home.root if place == "home" else str(tmp_path / "far")
    theirs = os.path.join(far, "mine.json")
    files.replace(theirs, b"{}")
    files.make_folder(os.path.dirname(home.path(folder)))
    os.symlink(far, home.path(folder))
    ref = scene.say("user", TEXT, attachments=[f"{folder}/mine.json"])
    assert "deleted" not in dict(scene.forget(ref)) and files.read(theirs) == b"{}"
    with pytest.raises(OSError):
        native_answers.keep(home, CONTEXT, "1", {}) if "turns" in folder else files.read(far)
    native_answers.remove(home, CONTEXT, "1")
    assert os.listdir(far).count("mine.json") == 1 and scene.holding(PIECE) == []


@pytest.mark.parametrize("text, row, blanked", [
    (TEXT, {"text": TEXT, "context": "a/b", "id": 8}, True),
    (TEXT, {"text": f"Eve: {TEXT}", "context": "a/b", "id": 8}, False),
    (TEXT, {"text": f"Eve: {TEXT}", "context": CONTEXT, "id": 8}, False),
    (TEXT, {"text": f"Eve: {TEXT}", "context": CONTEXT, "id": 7}, True),
    ("ok", {"text": "ok", "context": CONTEXT, "id": 7}, True),
    ("ok", {"text": "ok", "context": CONTEXT, "id": 8}, False),
    (CONTEXT, {"text": "x", "context": CONTEXT, "id": 8}, False),
    ("/home/Ann/a project", {"cwd": "/home/Ann/a project"}, False),
])  # fmt: skip
@pytest.mark.parametrize("linked", [False, True])
def test_a_journal_loses_what_is_the_event_s_own(scene, tmp_path, text, row, blanked, linked):
    ref = scene.say("user", text, message_id="7")
    path, far = scene.home.path("relay", "inbox.jsonl"), str(tmp_path / "far.jsonl")
    files.replace(far if linked else path, line({"did": "received", "message": row}))
    if linked:
        files.make_folder(os.path.dirname(path))
        os.symlink(far, path)
    found = scene.forget(ref)
    after = json.loads(files.read(path))["message"]
    assert after == (row | {"text": "(forgotten)"} if blanked and not linked else row)
    stands = len(text) > len(CONTEXT) and not blanked and not linked
    assert (("stands", "relay/inbox.jsonl:1") in found) == stands


@pytest.mark.parametrize("where, name", [
    ("body", "raw/images/a b é.png"), ("memory/x.md", "a b é.png"),
    ("knowledge/x.md", "a%20b%20%C3%A9.png"), ("knowledge/x.md", "a b e\u0301.png"),
    ("skills/s/SKILL.md", "a b é.png"), ("reminders.md", "a b é.png"),
    ("raw/observations/x.md", "a b é.png"), ("raw/mail/x.txt", "a b é.png"),
])  # fmt: skip
def test_an_attachment_that_is_named_anywhere_stays(scene, where, name):
    image = scene.path("raw/images/a b é.png", b"png")
    ref = scene.say("user", TEXT, attachments=[image])
    if where == "body":
        scene.say("agent", f"see {name}")
    else:
        scene.path(where, f"![]({name})\n".encode())
    assert ("attached", f"{image}:1") in scene.forget(ref)
    assert files.read(scene.home.path(image)) == b"png"


def test_a_file_that_was_a_trace_is_a_person_s(scene, tmp_path):
    ref, trace = scene.say("user", TEXT), str(tmp_path / "t.jsonl")
    whole = line({"note": TEXT}) + f"{PIECE}\n".encode()
    files.replace(trace, whole + line(TRACE | {"reply": TEXT}))
    maintenance.record_trace(scene.home, trace)
    assert ("stands", f"{trace}:1") in scene.forget(ref) and files.read(trace) == whole


def test_keys_that_are_words_go_with_the_words_of_a_header(scene):
    ref = scene.say("tool", "x", args={PIECE: 1, f"{PIECE}!": "y", "hunter2": {"timeout": 3}})
    assert ("metadata", ref) in scene.forget(ref)
    scene.forget(ref, meta_too=True)
    assert scene.holding(WORD, "hunter2") == [] and scene.lint() == []
    args = reader.read_event(scene.home, ref).meta["args"]
    assert args == {
        "(forgotten)": 1, "(forgotten)*": "(forgotten)", "(forgotten)**": {"timeout": 3}
    }  # fmt: skip
    assert scene.forget(ref, meta_too=True) == []


def test_what_was_blanked_says_nothing(scene):
    scene.forget(scene.say("user", "a secret"))
    found = scene.forget(scene.say("user", "forgotten"))
    assert [place for code, place in found if code == "stands"] == []


# ---- jobs that cannot be done


def test_a_job_that_fails_is_kept_and_keeps_no_other_from_it(scene, monkeypatch):
    """Until what failed is gone, by the hand of a person."""
    stuck, ref = scene.say("user", TEXT, "test/stuck"), scene.say("user", "another secret text")
    folder, edit = scene.home.path("logs/test/stuck"), exchange.edit

    def refuse(path: str, *given, **how):
        if path.startswith(folder):
            raise PermissionError(13, "permission denied", path)
        return edit(path, *given, **how)

    with monkeypatch.context() as patched:
        patched.setattr(exchange, "edit", refuse)
        scene.forget(stuck)
        assert ("forgotten", ref) in scene.forget(ref)
        assert scene.holding("another secret text") == []
        assert [failure.code for failure in scene.failures] == [77, 77]
        assert len(event_forgetting.read_unfinished(scene.home)) == 1
    shutil.rmtree(folder)
    scene.forget()
    assert scene.holding(PIECE) == [] and event_forgetting.read_unfinished(scene.home) == []
    assert len(scene.failures) == 2 and not os.path.exists(folder)


def test_a_window_behind_a_link_is_refused_before_anything_is_done(scene, tmp_path):
    ref, path = scene.say("user", TEXT), scene.home.path(PATH)
    os.rename(path, f"{path}.real")
    os.symlink(f"{path}.real", path)
    assert scene.forget(ref) == [] and scene.failures[0].code == 77
    assert not os.path.exists(scene.home.path(event_forgetting.UNFINISHED))
