"""Ranking on fields of a few events, where the answer can be seen."""

from itertools import pairwise

import pytest
from plainmind.recall import rank, relevance


class Field:
    """Events by number: (relevance, upper bound of it, recency). sim is the relevance."""

    pinned = beyond = ()

    def __init__(self, events):
        self.relevances = {n: relevance for n, (relevance, _, _) in enumerate(events)}
        self.upper = {n: upper for n, (_, upper, _) in enumerate(events)}
        self.recency = {n: recency for n, (_, _, recency) in enumerate(events)}

    def exact(self, events):
        return {event: self.relevances[event] for event in events}

    def sim(self, relevance, best):
        return relevance

    def pair(self, one, other):
        return 0.0

    def likeness(self, events, chosen):
        return [0.0] * len(events)

    def discount(self, event, weights):
        return False

    def ceiling(self, event):
        return self.upper[event]

    def equals(self, event):
        return [event]

    def may_exceed(self, event):
        return event in self.upper

    def repeats(self, event):
        return 0

    def order(self, event):
        return (event,)


def test_the_first_is_the_greatest_sim_even_when_all_that_was_looked_at_first_is_below_the_floor():
    recent = [(0.1, 0.3, 1.0)] * 4  # great bases by their bounds, and below the floor
    others = [(0.25, 0.3, 0.9), (0.26, 0.3, 0.0)]  # the greater score, the greater sim
    ranking = rank.rank(Field(recent + others), rank.Limits(2, 0.2), first_pool=4)
    assert [pick.event for pick in ranking.picks] == [5, 4]


def test_a_loose_bound_never_wins_over_the_truth():
    ranking = rank.rank(
        Field([(0.5, 1.0, 0.0), (0.9, 0.9, 0.0), (0.7, 1.0, 0.0)]),
        rank.Limits(3, 0.0),
        first_pool=1,
    )
    assert [pick.event for pick in ranking.picks] == [1, 2, 0]


@pytest.mark.parametrize(
    "k, pins, picks",
    [
        # events 0 to 2 are 0.9, 0.8 and 0.3 like the query, 3 and 4 not at all; the floor is 0.2
        (1, [], [0]), (1, [2], [0]), (1, [0], [0]), (1, [3], [0]), (2, [3], [3, 0]),
        (2, [3, 4], [3, 0]), (3, [3, 4], [3, 0, 1]), (3, [2, 3], [2, 0, 1]),
        (3, [1, 2, 3], [1, 0, 2]), (3, [0, 1, 3], [0, 1, 2]), (4, [2, 3, 4], [2, 3, 0, 1]),
        (9, [2, 3, 4], [2, 3, 4, 0, 1]),
        # what others do not want is theirs
        (4, [1, 2, 3, 4], [1, 2, 0, 3]), (5, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]),
    ],
)  # fmt: skip
def test_pins_have_half_of_the_places_while_others_want_them(k, pins, picks):
    field = Field([(sim, sim, 0.5) for sim in (0.9, 0.8, 0.3, 0.0, 0.0)])
    field.pinned = pins
    assert [pick.event for pick in rank.rank(field, rank.Limits(k, 0.2)).picks] == picks
    strict = rank.rank(field, rank.Limits(k, 0.2, "floor")).picks
    assert not {3, 4} & {pick.event for pick in strict}


def test_sim_never_falls_is_1_of_the_best_and_depends_on_the_share_of_its_x():
    steps = [0.0, 1e-300, 1e-9, *(n / 50 for n in range(1, 50)), 1 - 1e-12]
    for best in steps:
        sims = [relevance.sim(one, best) for one in steps]
        assert all(a <= b for a, b in pairwise(sims)) and 0 <= min(sims) <= max(sims) <= 1
        assert relevance.sim(best, best) == float(best > 0)
    of = lambda x: relevance.relevance(x, x, 10**6)
    for best in (0.1, 0.3, 0.9):
        spread = [relevance.sim(of(share * best), of(best)) for share in (0.5, 0.7, 0.9)]
        assert spread == pytest.approx([0.1846, 0.6553, 0.9418], abs=2e-4)


@pytest.mark.parametrize("share, first", [(0.95, "new"), (0.85, "new"), (0.7, "old"), (0.3, "old")])
def test_recency_decides_among_what_is_about_equally_relevant(share, first):
    """Of two events beside the best one, the new one has a share of the old one's x."""
    of = lambda x: relevance.relevance(x, x, 10**6)
    field = Field([(of(0.4), 1, 0.0), (of(0.36), 1, 0.0), (of(0.36 * share), 1, 1.0)])
    field.sim = relevance.sim
    second = rank.rank(field, rank.Limits(2, 0.0)).picks[1]
    assert second.event == (2 if first == "new" else 1)
    weights = rank.Weights(0.7, 0.0, 0.1)
    assert rank.rank(field, rank.Limits(2, 0.0, weights=weights)).picks[1].event == 1


class Alike(Field):
    """All but the last two are like each other."""

    def __init__(self, events):
        super().__init__(events)
        self.scored = set()
        self.apart = set(self.upper) - set(range(len(events) - 2))

    def exact(self, events):
        self.scored.update(events)
        return super().exact(events)

    def pair(self, one, other):
        return 0.0 if self.apart & {one, other} else 1.0

    def likeness(self, events, chosen):
        return [self.pair(event, chosen) for event in events]


def test_what_is_like_the_first_chosen_one_is_not_scored_to_learn_that_it_loses():
    field = Alike([(0.9, 0.9, 0.0), *[(0.8, 0.81, 0.0)] * 200, (0.78, 0.79, 0.0), (0.7, 0.7, 0.0)])
    ranking = rank.rank(field, rank.Limits(2, 0.2), first_pool=4)
    assert [pick.event for pick in ranking.picks] == [0, 201]
    assert len(field.scored) < 20
