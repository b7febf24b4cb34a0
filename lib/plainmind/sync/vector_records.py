"""Two files of vectors of one model made one: ours, with what theirs have more, and without what
they have taken out. What is ours keeps its place, as whoever reads the file knows it by that."""

from ..formats.merging import Merged
from ..index import vector_records


def merge(base: bytes, ours: bytes, theirs: bytes) -> Merged:
    if ours == theirs or theirs == base:
        return Merged(ours)
    known, mine, other = map(vector_records.read_records, (base, ours, theirs))
    if mine is None or other is None or mine.size != other.size:
        return Merged(ours if other is None else theirs, mine is None or other is None)
    taken_out = set(known.places if known else ()) - set(other.places)
    more = [hash for hash in other.places if hash not in mine.places]
    own_gone = set(known.places if known else ()) - set(mine.places)
    data = bytearray(ours)
    for hash in taken_out & set(mine.places):
        at = mine.places[hash]
        data[at : at + mine.size] = bytes(mine.size)
    data += bytes(-(len(data) - mine.start) % mine.size)
    for hash in more:
        if hash not in own_gone:
            data += theirs[other.places[hash] : other.places[hash] + other.size]
    return Merged(bytes(data))
