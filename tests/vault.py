"""A vault of pages as people's hands and other tools leave them: the same one every time.

A line with ¶ is nobody's business but its author's."""

import os
import random
from typing import NamedTuple

WORDS = (
    "amber birch cedar delta ember fjord grove heath inlet juniper kelp larch maple north opal pine"
    " quartz river spruce tundra"
).split()
FOREIGN = [
    "mood¶: good", "# a comment ¶", "rating¶: 4.50 # out of 5 ¶", "aliases¶: [tea, 'green ¶']",
    "cssclass¶: \"wide\\t¶\"", "nested¶:\n  date: 8 May 2026 # ¶\n  list:\n  - '#a' # ¶",
    "note¶: |\n  tags: x ¶\n    deep ¶", "emoji¶: 🍵👩‍👩‍👧 ¶", "'quoted ¶': 'it''s ¶'",
    "base¶: &b¶ {k: v}", "uses¶: &u¶ [x]\nagain¶: *u¶", "? complex¶\n: value ¶", "empty¶:",
    "published¶: 2026-05-08 10:00:00", "fold¶: >-\n  a ¶\n  b ¶", "blank¶: x\n\n# after a blank ¶",
]  # fmt: skip
DATES = [
    "2026-01-20", "2024-05-08", "8 May 2025", "May 8th, 2025", "2025/5/8", "20250508", "25.12.2025",
    "03/04/2025", "soon", "'2026-01-02T10:00:00Z'", "2025-05-08 10:00", "", "12 Jan 2026",
]  # fmt: skip
TYPES = [
    "user", "project", "reference", "agent-feedback", "compaction", "decision", "User", "fact",
    "thing", "", "lesson", "note", "tool", "person",
]  # fmt: skip
TIERS = ["L1", "L2", "l1", "high", "3", "L9", ""]
TAGS = [
    "[auth, api]", "auth, api", "'#auth #api'", "['#auth', user, b]",
    "\n- auth # ¶\n- '#api'\n- l2 # ¶", "\n    - auth\n    - type:user", "[]", "",
    "[a, # ¶\n  user]", "{a: b}", "[1, yes, ~]",
]  # fmt: skip
TRIPLES = [
    "[[a, owns, b]]", "\n- a b | usesModel | c # ¶\n- [x, owns thing, 'y z']", "['a -> b -> c']",
    "[{subject: a, predicate: is in, object: b c}]", "\n- - a b # ¶\n  - usesModel\n  - c",
    "a owns b", "[[a, is, b]]",
]  # fmt: skip
LEGACY = {
    "date": ("created", "timestamp"), "type": ("category", "kind"), "tier": ("priority",),
    "tags": ("keywords",), "triples": ("relations",),
}  # fmt: skip


class Refused(NamedTuple):
    """A page of which no more than this can be said."""

    data: bytes
    line: int
    code: str
    said: str


HEAD = b"---\ndate: 2026-01-20\ntype: project\ntier: L2\n"


def head(*rows: str) -> bytes:
    return HEAD + "\n".join(rows).encode() + b"\n---\nGreen.\n"


def doubled(first: str, next_: str) -> list[str]:
    return [
        f"a0: &a0 {first}",
        *(f"a{n}: &a{n} {next_.replace('@', f'*a{n - 1}')}" for n in range(1, 30)),
    ]


REFUSED = {
    "laughs.md": Refused(
        head(*doubled("[x, x]", "[@, @]")), 17, "yaml", "aliases that stand for more",
    ),
    "laughs in maps.md": Refused(
        head(*doubled("{k: v}", "{x: @, y: @}")), 16, "yaml", "aliases that stand for more",
    ),
    "merges.md": Refused(
        head(*doubled("{k: v}", "{<<: [@, @]}")), 16, "yaml", "aliases that stand for more",
    ),
    "itself.md": Refused(head("a: &a [*a]"), 5, "yaml", "an alias that stands for itself"),
    "each other.md": Refused(
        head("a: &a {b: &b [*a, *b]}"), 5, "yaml", "an alias that stands for itself",
    ),
    "python.md": Refused(
        head("x: !!python/object/apply:os.system ['touch pwned']"), 5, "yaml",
        "the tag 'tag:yaml.org,2002:python",
    ),
    "python-name.md": Refused(
        head("x: 1", "y: [!!python/name:os.system ]"), 6, "yaml",
        "the tag 'tag:yaml.org,2002:python",
    ),
    "ruby.md": Refused(
        head("x: !ruby/object:Gem::Installer {}"), 5, "yaml", "the tag '!ruby/object",
    ),
    "custom.md": Refused(
        head("x: !<tag:example.org,2026:thing> y"), 5, "yaml", "the tag 'tag:example.org",
    ),
    "handle.md": Refused(head("x: !e!thing y"), 5, "yaml", "not valid YAML"),
    "deep.md": Refused(head("x: " + "[" * 5000), 5, "yaml", "nested too deep"),
    "deep blocks.md": Refused(head("x:", "  " + "- " * 5000 + "y"), 6, "yaml", "nested too deep"),
    "deep keys.md": Refused(head("x: " + "{a: " * 5000), 5, "yaml", "nested too deep"),
    "wide.md": Refused(
        head(f"x: [{', '.join('1' * 100_000)}]"), 1, "yaml", "frontmatter of more than 256 KB",
    ),
    "wide and short.md": Refused(
        head(f"x: [{','.join('1' * 100_000)}]"), 5, "yaml",
        "frontmatter of more than 10,000 values",
    ),
    "long head.md": Refused(
        head("x: " + "y" * 300_000), 1, "yaml", "frontmatter of more than 256 KB",
    ),
    "no head.md": Refused(b"# Green\n\nNo head.\n", 1, "head", "no frontmatter"),
    "late head.md": Refused(b"\n" + head(), 1, "head", "no frontmatter"),
    "open head.md": Refused(HEAD + b"# Green\n", 1, "head", "frontmatter that does not end"),
    "empty.md": Refused(b"", 1, "head", "no frontmatter"),
    "latin.md": Refused(HEAD + "x: é\n---\n".encode("latin-1"), 5, "text", "not valid UTF-8"),
    "utf-16.md": Refused(head().decode().encode("utf-16"), 1, "text", "not valid UTF-8"),
    "nul in head.md": Refused(head("x: \0"), 5, "yaml", "not valid YAML"),
    "bell.md": Refused(head("x: \a"), 5, "yaml", "not valid YAML"),
    "open quote.md": Refused(head("x: 'y"), 5, "yaml", "not valid YAML"),
    "list.md": Refused(b"---\n- a\n---\n", 2, "yaml", "the frontmatter is not a list of"),
    "lone alias.md": Refused(head("x: *none"), 5, "yaml", "not valid YAML"),
}  # fmt: skip


def make(root: str, count: int = 2000, seed: int = 1) -> None:
    """Fill the home `root` with so many pages, the refused ones and what is no page among them."""
    dice = random.Random(seed)
    knowledge = os.path.join(root, "knowledge")
    os.makedirs(knowledge)
    for folder in (
        "raw/compaction",
        "raw/observations",
        "raw/images",
        "knowledge/sub/deeper",
        "knowledge/folder.md",
        "knowledge/.hidden",
    ):
        os.makedirs(os.path.join(root, folder))
    for name, refused in REFUSED.items():
        write(knowledge, name, refused.data)
    write(knowledge, "huge.md", head() + b"x [[page-0100]] `y` \xf0\x9f\x8d\xb5\n" * 40_000)
    write(knowledge, "long.md", HEAD + b"note: " + b"y \xc3\xa9 " * 40_000 + b"\n---\n")
    write(knowledge, "x" * 240 + ".md", head())
    write(knowledge, "nul.md", head() + b"a\0b\0\n")
    for place in (
        "knowledge/sub",
        "knowledge/sub/deeper",
        "knowledge/folder.md",
        "knowledge/.hidden",
    ):
        write(os.path.join(root, place), "inside.md", head())
    write(root, "outside.md", head("tags: '#mend me'"))
    os.makedirs(root + " elsewhere")
    write(root + " elsewhere", "secret.md", head("tags: '#mend me'"))
    os.symlink(os.path.join(root + " elsewhere", "secret.md"), os.path.join(knowledge, "out.md"))
    os.symlink("../outside.md", os.path.join(knowledge, "within.md"))
    os.symlink("nowhere.md", os.path.join(knowledge, "dangling.md"))
    os.symlink("loop.md", os.path.join(knowledge, "loop.md"))
    os.mkfifo(os.path.join(knowledge, "pipe.md"))
    names = [
        "Green Tea.md", "green_tea.md", "日本 🍵.md", "e\u0301.md", "é.md", "-dash.md", "a'b\"c.md",
        "a\\b.md", "with: colon.md", "[[link]].md", "UPPER.MD.md", "tab\there.md", "%20.md",
        "$HOME.md", "*.md", "half\udcff.md",
    ]  # fmt: skip
    rest = count - len(os.listdir(knowledge))
    for number in range(rest):
        name = names[number] if number < len(names) else f"page-{number:04}.md"
        place = (
            "raw/compaction"
            if number % 50 == 48
            else "raw/observations"
            if number % 50 == 49
            else "knowledge"
        )
        write(os.path.join(root, place), name, page(dice, number))


def page(dice: random.Random, number: int) -> bytes:
    keys = []
    for key, choices in (
        ("date", DATES),
        ("type", TYPES),
        ("tier", TIERS),
        ("tags", TAGS),
        ("triples", TRIPLES),
    ):
        if dice.random() < (0.9 if key in ("date", "type", "tier") else 0.5):
            said = dice.choice((key, key, key, *LEGACY[key]))
            value = dice.choice(choices)
            keys.append(f"{said}:{'' if value.startswith(chr(10)) else ' '}{value}")
    keys += dice.sample(FOREIGN, dice.randrange(4))
    if dice.random() < 0.1:
        keys.append(
            dice.choice(
                (
                    "image: raw/images/a b.png",
                    "supersedes: page-9999",
                    "source: explicit # ¶",
                    "valid_to: 1 Jan 2026",
                    "sources: [logs/a/b/20260130T142355Z.md:3 sha256:0123456789ab]",
                    "date: 2026-01-01",
                    "x:\n\ty: 1",
                )
            )
        )
    dice.shuffle(keys)
    rows = "\n".join(keys).split("\n")
    body = " ".join(dice.choices(WORDS, k=dice.randrange(5, 60))) + f" {number}"
    body += dice.choice(
        (
            "",
            "",
            " [[page-0001]]",
            " [[nowhere|x]]",
            " ![](gone.png)",
            "\n```\n[[code]]\n",
            "\n---\nmore ¶",
        )
    )
    text = "\n".join(
        [
            "---",
            *rows,
            "---",
            *([f"# {dice.choice(WORDS)} {number} ¶", ""] if number % 2 else []),
            body,
        ]
    ) + "\n" * (number % 3)
    marks = iter(range(1000))
    text = (
        "".join(f"{part}¶{next(marks)}." for part in text.split("¶")[:-1]) + text.split("¶")[-1]
        if "&" not in text
        else text
    )
    if number % 7 == 0:
        text = text.replace("\n", "\r\n")
    return ("\ufeff" * (number % 11 == 0) + text).encode()


def normal(root: str, count: int = 2000) -> None:
    """Pages as mem-note writes them, of some 150 words each."""
    dice = random.Random(2)
    vocabulary = [a + b + c for a in WORDS for b in ("", "s", "ing", "ed") for c in ("", "ly")]
    os.makedirs(os.path.join(root, "knowledge"))
    for number in range(count):
        kind = ("user", "project", "reference", "agent-feedback")[number % 4]
        rows = [
            f"date: 2026-01-{1 + number % 29:02}", f"type: {kind}",
            f"tier: L{1 + (number % 40 > 0)}",
            f"tags: [{dice.choice(WORDS)}, {dice.choice(WORDS)}]",
            f"triples: [[p{number}, owns, s{number % 300}]]", "source: explicit",
        ]  # fmt: skip
        words = [w + str(dice.randrange(30)) for w in dice.choices(vocabulary, k=150)]
        link = f"[[page-{dice.randrange(count):04}]]"
        body = f"# {' '.join(words[:5])}\n\n{' '.join(words[5:])} See {link}.\n"
        write(
            os.path.join(root, "knowledge"),
            f"page-{number:04}.md",
            "\n".join(["---", *rows, "---", "", body]).encode(),
        )


def write(folder: str, name: str, data: bytes) -> None:
    with open(os.path.join(folder, name), "xb") as file:
        file.write(data)


def contents(root: str) -> dict[str, tuple[bytes, int]]:
    """Every regular file below a folder: its bytes, and when it was changed."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            full = os.path.join(folder, name)
            if os.path.isfile(full) and not os.path.islink(full):
                with open(full, "rb") as file:
                    found[os.path.relpath(full, root)] = file.read(), os.stat(full).st_mtime_ns
    return found
