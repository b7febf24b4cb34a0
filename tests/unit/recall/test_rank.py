"""Ranking on fields of a few events, where the answer can be seen."""

import pytest
from plainmind.recall import rank


class Field:
    """Events by number: (sim, upper bound of it, recency)."""

    pinned = ()

    def __init__(self, events):
        self.sims = {n: sim for n, (sim, _, _) in enumerate(events)}
        self.upper = {n: upper for n, (_, upper, _) in enumerate(events)}
        self.recency = {n: recency for n, (_, _, recency) in enumerate(events)}

    def exact(self, events):
        return {event: self.sims[event] for event in events}

    def pair(self, one, other):
        return 0.0

    def equals(self, event):
        return [event]

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
