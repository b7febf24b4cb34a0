"""Two versions of a file that several machines changed, made one: by what kind of file it is."""

from typing import NamedTuple


class Merged(NamedTuple):
    """What two versions became. `is_whole`: everything of both is in it; otherwise `theirs` stands
    where both changed the same, and who merges keeps `ours` beside it."""

    data: bytes
    is_whole: bool = True
