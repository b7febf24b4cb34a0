"""Names that synchronisers give to copies: two machines changed a file, and both texts are kept.

Such a file is nobody's page, skill, memory, reminder or window: it contradicts the one beside it.
Most names leave no doubt (`is_copy`). Others a person may have given (`Plan 2.md`, `Plan (1).md`,
`Plan-OFFICE.md`): those are copies only beside the file that they would be one of, and if both say
nearly the same (`find_copies`).

Owns these names. Refuses to know folders.
"""

import re
from collections.abc import Callable, Collection, Iterator

ALIKE = 0.6  # share of what both say from which a file with a doubtful name is a copy
COMPARED = 8192  # bytes of each

#: one that has a conflict and a copy in brackets, as Dropbox says it in its languages, Nextcloud
#: and Obsidian Sync in English
_CONFLICT = (
    "conflict|conflit|konflikt|конфли|競合|冲突|衝突|충돌|çakış|motstrid|modstrid|bermasalah"
)
_COPY = "cop|cóp|kop|коп|コピー|副本|複本|사본|salin"
_SURE = (  # a pattern, compiled for a name that may be one
    r"(?i)\.sync-conflict-\d{8}-\d{6}"  # Syncthing
    rf"|[(（](?=[^()（）]*(?:{_CONFLICT}))(?=[^()（）]*(?:{_COPY}))[^()（）]*(?: \(\d+\))?[)）]\Z"
    r"|\((?:case|whitespace|selective sync|unicode encoding) conflict(?: \d+)?\)\Z"  # Dropbox
    r"|\((?:sf)?conflict\b[^()]*\d[^()]*\)\Z"  # Seafile, Unison
    r"|_conf\(\d+\)\Z"  # Google Drive, as it was
    r"|_conflict-\d{8}-\d{6}\Z"  # ownCloud
    r"|_\w+-\d+-\d{4}-\d{4}_conflict\Z"  # Synology
    r"|\[conflicted(?: \d+)?\]\Z"  # pCloud
    r"|\.conflict\Z"  # Resilio
)
#: what is still being brought or edited: Syncthing, rsync, Word, Emacs
_UNFINISHED = re.compile(
    r"~syncthing~|\.syncthing\.|~\$|\.~|\.#|#.*#\Z|.*(?:\.tmp|\.part|~)\Z", re.S
)
#: iCloud, Google Drive and browsers, OneDrive (a computer's name), git mergetool
_DOUBTFUL = re.compile(
    r"(.+?)(?: (?:[2-9]|[1-9]\d)| ?\((?:\d{1,3}|conflict)\)|-[A-Z0-9][A-Z0-9-]{2,14}"
    r"|_(?:BACKUP|BASE|LOCAL|REMOTE)_\d+)\Z",
    re.S,
)
#: without one of these at an end, or `conflict` in it, a name is none of the above: most are not
_ENDS = frozenset(")）]~#.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def is_copy(name: str) -> bool:
    """Whether a file's name, without its folder, can only be a copy's."""
    stem, dot, ending = name.rpartition(".")
    stem = stem if dot and " " not in ending and "(" not in ending else name
    says_so = stem[-1:] in ")）]" or "onflict" in stem
    return bool(_UNFINISHED.match(name) or says_so and re.search(_SURE, stem))


def find_copies(names: Collection[str], read: Callable[[str], bytes]) -> Iterator[str]:
    """The copies among the names of one folder. `read` gives the beginning of a file."""
    known = frozenset(names)
    for name in names:
        stem, dot, ending = name.rpartition(".")
        if not _ENDS & {stem[-1:], name[-1:], name[:1]} and "onflict" not in name:
            continue
        if is_copy(name):
            yield name
            continue
        match = _DOUBTFUL.match(stem)
        original = f"{match[1]}{dot}{ending}" if match else ""
        if original in known and is_alike(read(name), read(original)):
            yield name


def is_alike(one: bytes, other: bytes) -> bool:
    """Whether two files have most of their text in common, in any script."""
    pieces = [_cut(data[:COMPARED].decode("utf-8", "replace")) for data in (one, other)]
    both = len(pieces[0] & pieces[1])
    return both > 0 and both >= ALIKE * len(pieces[0] | pieces[1])


def _cut(text: str) -> set[str]:
    """Every four characters of a text."""
    plain = " ".join(text.split())
    return {plain[at : at + 4] for at in range(len(plain) - 3)}
