"""What mem-lint keeps of pages: whatever happens to a vault, it says what a look at all would say,
and reads no page that did not change."""

import json
import os
import random
import shutil

import pytest
from plainmind.formats.page import page as grammar
from plainmind.ground import clock, file_states
from plainmind.ground.environment import Environment
from plainmind.ground.masks import Mask
from plainmind.ground.paths import Home
from plainmind.truth.log.writer import EventDraft, Log
from plainmind.truth.pages import lint, page_facts, page_files
from scene import NOW, THOROUGH, TIME, know

pytestmark = pytest.mark.usefixtures("unsynced")

NAMES = ["tea", "Tea time", "leek-soup", "boiler", "projects/boiler", "old", "ü", "raw"]
TEXT = "We chose tokens for the session store because phones forget cookies on every second hop"
SECRET = "a-password-nobody-guesses"


@pytest.fixture
def kept(monkeypatch):
    """Of every vault something is kept, of every file at once."""
    monkeypatch.setattr(page_facts, "LEAST", 0)
    monkeypatch.setattr(file_states, "UNSETTLED", -(10**12))


class Vault:
    """One that things happen to; each save is another file, at another time."""

    def __init__(self, home: Home, seed: int):
        self.home, self.dice, self.now, self.saves = home, random.Random(seed), NOW, 0
        self.refs: list[str] = []

    def save(self, path: str, text: str) -> None:
        full = self.home.path(path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(f"{full}.new", "wb") as file:
            file.write(text.encode())
        self.saves += 1
        os.utime(f"{full}.new", ns=(self.saves, self.saves))
        os.rename(f"{full}.new", full)

    def name(self) -> str:
        return self.dice.choice(NAMES)

    def write(self) -> None:
        one, dice = self.dice.choice, self.dice
        day = (
            f"{one([2019, 2024, 2025, 2026])}-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"
        )
        head = [f"date: {day}", f"type: {one(['user', 'project', 'reference', 'odd', 'a: b'])}"]
        head += [f"tier: {one(['L1', 'L2', 'L2', 'L3'])}"] * one([0, 1, 1, 1])
        head += [f"supersedes: {self.name()}"] * one([0, 0, 1])
        head += [f"valid_to: {day}", f"aliases: [{self.name()}]"] * one([0, 0, 1])
        head += [f"image: raw/images/{one('ab')}.png"] * one([0, 0, 1])
        head += ["triples: [[ann, owns, tea], [ann, is, tea]]"] * one([0, 0, 1])
        if self.refs and one([0, 1]):
            digest = grammar.digest_content(one(["said", "said otherwise"]))
            head.append(f"sources: ['{one(self.refs)} sha256:{digest}']")
        words = TEXT.split()
        words[dice.randrange(len(words))] = one(["jam", "tokens", "hop"])
        body = one([TEXT, " ".join(words), TEXT.replace(" ", "\n", 3), "Short.", "", SECRET])
        links = [f"[[{self.name()}]]", f"![]({one('ab')}.png)", "INJECTED_CONTEXT_KNOWLEDGE", "`x`"]
        body += "\n\n" + " ".join(dice.sample(links, dice.randrange(len(links))))
        place = one(["knowledge", "knowledge", "raw/observations"])
        self.save(f"{place}/{self.name()}.md", "\n".join(["---", *head, "---", body]))

    def rename(self) -> None:
        if paths := list(page_files.list_paths(self.home)):
            one = self.dice.choice(paths)
            full = self.home.path(os.path.dirname(one), os.path.basename(self.name()) + ".md")
            os.rename(self.home.path(one), full)

    def remove(self) -> None:
        if paths := list(page_files.list_paths(self.home)):
            os.unlink(self.home.path(self.dice.choice(paths)))

    def picture(self) -> None:
        full = self.home.path("raw/images", f"{self.dice.choice('ab')}.png")
        if os.path.exists(full):
            os.unlink(full)
        else:
            os.makedirs(os.path.dirname(full), exist_ok=True)
            open(full, "wb").close()

    def say(self) -> None:
        draft = EventDraft(self.now, "user", self.dice.choice(["said", "said otherwise"]), {})
        self.refs += [one.ref for one in Log(self.home).append("note/a", [draft], self.now)]

    def forget_window(self) -> None:
        shutil.rmtree(self.home.logs, ignore_errors=True)

    def wait(self) -> None:
        self.now += self.dice.choice([1, 40, 400]) * clock.DAY

    def obsidian(self) -> None:
        folder = self.home.path("knowledge/.obsidian")
        (shutil.rmtree if os.path.exists(folder) else os.makedirs)(folder)

    def seen(self) -> None:
        know(self.home, *page_files.list_paths(self.home))

    def damage(self) -> None:
        path = self.home.path("index/pages.json")
        if os.path.exists(path):
            with open(path, "r+b") as file:
                file.seek(self.dice.randrange(os.path.getsize(path)))
                file.write(b"7")


HAPPENINGS = [
    Vault.write, Vault.write, Vault.write, Vault.write, Vault.rename, Vault.remove, Vault.picture,
    Vault.say, Vault.forget_window, Vault.wait, Vault.obsidian, Vault.seen, Vault.damage,
]  # fmt: skip


def test_what_is_kept_says_what_a_look_at_all_says(tmp_path, kept):
    masks = [Environment().mask, Mask([SECRET])]
    for seed in range(200 if THOROUGH else 5):
        vault = Vault(Home(str(tmp_path / str(seed))), seed)
        for _ in range(6):
            vault.write()
        for step in range(8):
            for _ in range(vault.dice.randrange(4)):
                vault.dice.choice(HAPPENINGS)(vault)
            wanted = (
                list(page_files.list_paths(vault.home))[:2] if vault.dice.random() < 0.2 else []
            )
            mask = vault.dice.choice(masks)
            found = list(lint.find_problems(vault.home, wanted, vault.now, mask))
            path = page_facts._name(vault.home)
            aside = f"{path}.aside"
            os.rename(path, aside)
            fresh = list(lint.find_problems(vault.home, wanted, vault.now, mask, dry=True))
            assert not os.path.exists(path)
            os.rename(aside, path)
            assert found == fresh, (seed, step)


def test_a_page_that_did_not_change_is_not_read(home, kept, monkeypatch):
    vault, read = Vault(home, 1), []
    for number in range(30):
        vault.save(f"knowledge/page-{number}.md", f"# {number}\n\n[[page-{number // 2}]] {TEXT}\n")
    real = page_files.open_page
    monkeypatch.setattr(
        page_files, "open_page", lambda home, path: read.append(path) or real(home, path)
    )
    mask = Environment().mask
    first = list(lint.find_problems(home, [], NOW, mask))
    assert len(read) >= 30
    read.clear()
    assert list(lint.find_problems(home, [], NOW, mask)) == first and not read
    os.unlink(home.path("knowledge/page-3.md"))  # others link to it
    found = list(lint.find_problems(home, [], NOW + 400 * clock.DAY, mask))
    assert not read and {one.path for one in found if one.code == "link"} == {
        "knowledge/page-6.md", "knowledge/page-7.md",
    }  # fmt: skip
    vault.save("knowledge/page-9.md", "Something else.")
    list(lint.find_problems(home, [], NOW, mask))
    assert set(read) == {"knowledge/page-9.md"}


def test_what_a_page_rests_on_and_whose_it_is_is_looked_at_again(home, kept):
    vault, mask = Vault(home, 1), Environment().mask
    vault.say()
    (ref,) = vault.refs
    content = grammar.digest_content("said")
    head = "---\ndate: 2026-01-20\ntype: user\ntier: L2\n"
    vault.save("knowledge/tea.md", f"{head}sources: ['{ref} sha256:{content}']\n---\n{TEXT}\n")
    for name in ("one", "two"):
        vault.save(f"knowledge/{name}.md", f"# Head\n\n{TEXT} again, and again, and once more.\n")
    codes = lambda: [each.code for each in lint.find_problems(home, [], NOW, mask)]
    first = codes()
    window = home.path(ref.partition(":")[0])
    with open(window, "rb") as file:
        data = file.read()
    assert ("sources" in first) == (b"otherwise" in data)
    other = b"> said\n" if b"otherwise" in data else b"> said otherwise\n"
    with open(window, "wb") as file:
        file.write(data.replace(b"> said otherwise\n", other).replace(b"> said\n", other))
    assert ("sources" in codes()) != ("sources" in first)
    assert codes().count("duplicate") == 1
    vault.obsidian()  # theirs, now: what they say by themselves is compared
    assert codes().count("duplicate") == 1


def test_what_is_kept_is_of_this_suite_and_these_secrets(home, kept, monkeypatch):
    vault = Vault(home, 1)
    vault.save("knowledge/tea.md", f"The code is {SECRET}.")
    codes = lambda mask: {one.code for one in lint.find_problems(home, [], NOW, mask)}
    assert "secret" not in codes(Environment().mask)
    assert "secret" in codes(Mask([SECRET]))
    name = page_facts._name(home)
    with open(name, "rb") as file:
        before = json.loads(file.read().partition(b"\n")[2])
    assert SECRET not in json.dumps(before)
    monkeypatch.setattr(page_facts, "_VERSION", -1)
    codes(Mask([SECRET]))
    with open(name, "rb") as file:
        assert json.loads(file.read().partition(b"\n")[2])["made by"] != before["made by"]


def test_what_is_forgotten_is_not_kept(home, kept, command):
    vault = Vault(home, 1)
    name = page_facts._name(home)
    vault.save("knowledge/tea.md", f"---\ndate: 2020-01-01\ntype: reference\ntier: L2\n---\n{TEXT}")
    vault.save("knowledge/jam.md", TEXT)
    vault.say()
    for arguments in (["mem-lint", "--prune", "--apply"], ["mem-forget", vault.refs[0]]):
        vault.seen()
        list(lint.find_problems(home, [], NOW, Environment().mask))
        assert os.path.exists(name)
        command(*arguments, "--now", TIME, home=home)
        assert not os.path.exists(name)


def test_of_few_pages_and_where_nothing_can_be_written_nothing_is_kept(home, monkeypatch):
    vault = Vault(home, 1)
    vault.save("knowledge/tea.md", TEXT)
    mask = Environment().mask
    assert list(lint.find_problems(home, [], NOW, mask))
    assert not os.path.exists(home.index)
    monkeypatch.setattr(page_facts, "LEAST", 0)
    with open(home.index, "w"):  # somebody's file
        pass
    assert list(lint.find_problems(home, [], NOW, mask))
    assert os.path.isfile(home.index)
