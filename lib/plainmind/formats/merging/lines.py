"""Texts, merged three-way by lines, and journals, merged as sets of lines.

`base` is what both versions were made from; without one it is empty. Lines end with `\\n` only, so
bytes of any encoding stay as they are. No marker is ever written into a text: files that commands
read have no conflict in them."""

from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from . import Merged

Lines = list[bytes]
MOST = 20_000  # lines that are compared one by one; a longer text is merged as a whole


class _Passage(NamedTuple):
    """The same place in three versions."""

    base: Lines
    ours: Lines
    theirs: Lines


def merge_text(base: bytes, ours: bytes, theirs: bytes, *, union: bool = False) -> Merged:
    """What was added on either side is there, what was taken out on one and not changed on the
    other is not. Where both changed the same lines, theirs stand, with `union` ours, too."""
    if ours == theirs or theirs == base:
        return Merged(ours)
    if ours == base:
        return Merged(theirs)
    if b"\0" in base + ours + theirs:
        return Merged(theirs, False)
    versions = [_split(data) for data in (base, ours, theirs)]
    if max(map(len, versions)) > MOST:
        return Merged(theirs, False)
    found: Lines = []
    is_whole = True
    for part in _parts(*versions):
        lines = _merge_part(part, union)
        if lines is None:
            is_whole = is_whole and union
            more = [one for one in part.ours if one not in part.base and one not in part.theirs]
            lines = [*part.theirs, *(more if union else ())]
        found += lines
    return Merged(_join(found), is_whole)


def merge_journal(base: bytes, ours: bytes, theirs: bytes) -> Merged:
    """Every line of either that the other has not taken out, each as often as it stands in one of
    them: ours in their order, then what theirs have more."""
    left, taken_out = Counter(_split(theirs)), Counter(_split(base)) - Counter(_split(theirs))
    found: Lines = []
    for line in _split(ours):
        if left[line] > 0:
            left[line] -= 1
        elif taken_out[line] > 0:
            taken_out[line] -= 1
            continue
        found.append(line)
    taken_out = Counter(_split(base)) - Counter(_split(ours))
    for line in _split(theirs):
        if left[line] > 0:
            left[line] -= 1
            if taken_out[line] > 0:
                taken_out[line] -= 1
            else:
                found.append(line)
    return Merged(_join(found))


def _merge_part(part: _Passage, union: bool) -> Lines | None:
    """What one place becomes; None where both changed it."""
    base, ours, theirs = part
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    if not base:  # both put something in
        return _put_together(theirs, ours, union)
    if not ours or not theirs:  # taken out by one and changed by the other: that stays
        return ours or theirs
    for one, other in ((ours, theirs), (theirs, ours)):
        more = len(one) - len(base)
        if more > 0 and one[: len(base)] == base:  # one put something in right behind it
            return _put_together(other, one[len(base) :], union)
        if more > 0 and one[more:] == base:
            return _put_together(one[:more], other, union)
    return None


def _put_together(one: Lines, other: Lines, union: bool) -> Lines:
    """Both, one after the other, unless one has all of the other: a merge that was killed is made
    again on what it had made."""
    if union:
        return one + [line for line in other if line not in one]
    for whole, part in ((one, other), (other, one)):
        rest = iter(whole)
        if all(line in rest for line in part):
            return whole
    return one + other


def _parts(base: Lines, ours: Lines, theirs: Lines) -> Iterator[_Passage]:
    """The three versions in step: what all have, and what lies between."""
    at = [0, 0, 0]
    for start, in_ours, in_theirs, length in _find_common(base, ours, theirs):
        yield _Passage(base[at[0] : start], ours[at[1] : in_ours], theirs[at[2] : in_theirs])
        same = base[start : start + length]
        yield _Passage(same, same, same)
        at = [start + length, in_ours + length, in_theirs + length]


def _find_common(base: Lines, ours: Lines, theirs: Lines) -> Iterator[tuple[int, int, int, int]]:
    """(start in base, in ours, in theirs, lines) of what all three have; last, their ends."""
    one = _matches(base, ours)
    other = _matches(base, theirs)
    i = j = 0
    while i < len(one) and j < len(other):
        start = max(one[i].a, other[j].a)
        end = min(one[i].a + one[i].size, other[j].a + other[j].size)
        if start < end:
            yield (start, one[i].b + start - one[i].a, other[j].b + start - other[j].a, end - start)
        if one[i].a + one[i].size < other[j].a + other[j].size:
            i += 1
        else:
            j += 1
    yield len(base), len(ours), len(theirs), 0


def _matches(base: Lines, other: Lines) -> list:
    return SequenceMatcher(None, base, other, autojunk=False).get_matching_blocks()


def _split(data: bytes) -> Lines:
    """Lines without their ends. A last one that has no end is given one by `_join`."""
    lines = data.split(b"\n")
    return lines[:-1] if not lines[-1] else lines


def _join(lines: Lines) -> bytes:
    return b"".join(line + b"\n" for line in lines)
