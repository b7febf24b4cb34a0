"""Likeness: exact, near and different texts; sketches that estimate; candidates that miss none."""

import random
import time
from itertools import combinations

import pytest
from plainmind.formats.page import likeness

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "lmnrst"]
TEXT = (
    "We chose tokens for the session store because phones forget cookies and the proxy strips "
    "them on every second hop"
)


def share(one: str, other: str) -> float:
    return likeness.measure_share(likeness.extract_features(one), likeness.extract_features(other))


def changed(words: list[str], count: int, dice: random.Random) -> list[str]:
    made = list(words)
    for at in dice.sample(range(len(made)), count):
        made[at] = dice.choice(WORDS)
    return made


@pytest.mark.parametrize("other, least, most", [
    (TEXT, 1, 1), (TEXT.upper() + "!", 1, 1), (TEXT.replace(" ", "\n\n- "), 1, 1),
    (TEXT.replace("tokens", "_tokens_"), 1, 1), (TEXT + " again", 0.9, 0.99),
    (TEXT.replace("hop", "jump"), 0.8, 0.95), (TEXT.replace("phones", "browsers"), 0.75, 0.9),
    (" ".join(reversed(TEXT.split())), 0.25, 0.5),
    (TEXT.replace("tokens", "cookies").replace("phones", "x").replace("proxy",
      "y").replace("every", "z"), 0.3, 0.7),
    ("Green tea steeps for three minutes at eighty degrees", 0, 0.1), ("", 0, 0), ("!!! ---", 0, 0),
], ids=lambda value: value[:20] if isinstance(value, str) else None)  # fmt: skip
def test_the_share_of_two_texts(other, least, most):
    assert least <= share(TEXT, other) <= most
    assert share(TEXT, other) == share(other, TEXT)


@pytest.mark.parametrize(
    "one, other, wanted",
    [
        ("a b c", "a b c", 1), ("a b", "a c", 0.2), ("a b", "b a", 0.5), ("a", "a", 1),
        ("a", "b", 0), ("", "", 0), ("Straße", "STRASSE", 1), ("日本 語", "日本 茶", 3 / 7),
    ],
)  # fmt: skip
def test_shares_by_hand(one, other, wanted):
    assert share(one, other) == pytest.approx(wanted)


def test_a_sketch_is_small_ascending_and_exact_for_short_texts():
    dice = random.Random(1)
    for length in (0, 1, 5, 20, 30, 500):
        words = dice.choices(WORDS, k=length)
        sketch = likeness.sketch(likeness.extract_features(" ".join(words)))
        assert (
            list(sketch) == sorted(set(sketch))
            and len(sketch) <= likeness.KEPT
            and sketch.itemsize == 4
        )
    for _ in range(200):
        words = dice.choices(WORDS, k=16)  # 31 features: two texts fit into one sketch
        one, other = (
            likeness.extract_features(" ".join(changed(words, n, dice)))
            for n in (0, dice.randrange(16))
        )
        assert likeness.estimate(likeness.sketch(one), likeness.sketch(other)) == pytest.approx(
            likeness.measure_share(one, other)
        )
    assert likeness.estimate(likeness.sketch([]), likeness.sketch([])) == 0


def test_an_estimate_keeps_its_bound():
    """SLACK is four standard deviations: in 2,000 pairs no estimate is lower than that, and on the
    average they are right.
    """
    dice, errors = random.Random(2), []
    for _ in range(2000):
        words = dice.choices(WORDS, k=dice.randrange(40, 300))
        one, other = (
            likeness.extract_features(" ".join(changed(words, n, dice)))
            for n in (0, dice.randrange(len(words) // 3))
        )
        errors.append(
            likeness.estimate(likeness.sketch(one), likeness.sketch(other))
            - likeness.measure_share(one, other)
        )
    assert max(map(abs, errors)) <= likeness.SLACK and abs(sum(errors) / len(errors)) < 0.01
    assert max(map(abs, errors)) > 0.05  # the bound is not idle


def test_candidates_are_every_pair_that_is_alike():
    dice, texts = random.Random(3), {}
    for family in range(60):
        words = dice.choices(WORDS, k=dice.randrange(8, 250))
        for member in range(dice.randrange(1, 6)):
            texts[f"{family:02}-{member}"] = " ".join(
                changed(words, dice.randrange(1 + len(words) // 8), dice)
            )
    features = {name: likeness.extract_features(text) for name, text in texts.items()}
    alike = {
        pair
        for pair in combinations(sorted(texts), 2)
        if likeness.measure_share(features[pair[0]], features[pair[1]]) >= likeness.ALIKE
    }
    found = list(
        likeness.find_candidates({name: likeness.sketch(each) for name, each in features.items()})
    )
    assert len(alike) > 60 and alike <= set(found)
    assert found == sorted(set(found)) and len(found) < 4 * len(alike)  # few in vain


def test_a_text_is_found_among_many_by_few_hashes():
    """Whatever it has in common with all the others: a head of the same words, a small language."""
    dice = random.Random(5)
    head = dice.choices(WORDS, k=40)
    texts = [head + dice.choices(WORDS[:60], k=dice.randrange(8, 200)) for _ in range(600)]
    sketches = [likeness.sketch(likeness.extract_features(" ".join(text))) for text in texts]
    where: dict[int, list[int]] = {}
    for number, sketch in enumerate(sketches):
        for value in sketch[: likeness.KEYS]:
            where.setdefault(value, []).append(number)
    for number, words in enumerate(texts):
        near = " ".join(changed(words, len(words) // 16, dice))
        if share(near, " ".join(words)) < likeness.ALIKE:
            continue
        keys = likeness.sketch(likeness.extract_features(near))[: likeness.KEYS]
        found = likeness.find_likely([where.get(value, [])[-200:] for value in keys])
        assert number in found and len(found) <= likeness.MOST_LIKELY


def test_more_of_a_kind_than_a_hash_is_looked_at_for():
    """A text that was written 100 times, each with a word changed, is found, and the same letter's
    head on 1,000 texts costs little.
    """
    dice = random.Random(4)
    words = dice.choices(WORDS, k=100)
    sketches = {
        f"copy-{n:03}": likeness.sketch(
            likeness.extract_features(" ".join(changed(words, 1, dice)))
        )
        for n in range(100)
    }
    found = set(likeness.find_candidates(sketches))
    assert {name for pair in found for name in pair} == set(sketches)
    head = " ".join(dice.choices(WORDS, k=60))
    begun = time.process_time()
    many = {
        f"{n:04}": likeness.sketch(
            likeness.extract_features(head + " " + " ".join(dice.choices(WORDS, k=120)))
        )
        for n in range(1000)
    }
    assert list(likeness.find_candidates(many)) == []
    assert time.process_time() - begun < 3
