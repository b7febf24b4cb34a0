"""Looking memory over: what `raw/` and the pages hold, and samples of what should not be there.

    duplicate        the same bytes in two files of raw/
    near-duplicate   two observations or summaries, four fifths alike
    recalled         a recall loop: a recall's block or answers, stored again
    secret           something that looks like a key, a token or a webhook
    unreadable       a file that cannot be read, so that nobody knows
    unused           a page of L2, older than 30 days, that no turn on record was given

The whole of raw/ is scanned, since any package may own a folder there; files are read in pieces,
and pictures and other binaries only compared. Owns these findings. Changes nothing; refuses to know
the index."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Set
from itertools import chain
from typing import NamedTuple

from ...formats import secrets
from ...formats.log import injected_blocks
from ...formats.page import likeness, page
from ...ground import clock, files, regular
from ...ground.errors import Failure
from ...ground.paths import Home
from ...ground.zone import to_day
from ..log.verify import Finding
from . import given, maintenance, page_files

KINDS = tuple("duplicate near-duplicate recalled secret unreadable unsearched unused".split())
UNUSED_DAYS = 30
PIECE = 1 << 20  # bytes
LONGEST_LINE = 1 << 20  # of a line, that is looked at

Mask = Callable[[str], str]  # hides secrets

#: markers of maintenance: nobody's memory, and alike by nature
_OWN = ("raw/maintenance-log/",)


class Survey(NamedTuple):
    """What there is, by name, in the order in which it is told; and what should not be there."""

    counts: dict[str, int | str]
    findings: list[Finding]


def survey(home: Home, now: int, mask: Mask) -> Survey:
    counts: dict[str, int | str] = {}
    findings: list[Finding] = []
    last = maintenance.read_audit(home, now)
    counts["last audit"] = clock.to_text(last.time)[:10] if last.time else "never"
    counts["writes since"] = last.writes
    counts["overdue"] = "yes" if last.overdue else "no"
    known: dict[str, page.Page] = {}
    for path in page_files.list_paths(home, (page_files.KNOWLEDGE,)):
        try:
            known[path] = page_files.read_page(home, path)
        except (OSError, Failure) as error:
            findings.append(_unreadable(path, error))
    unread = len(findings)
    broken = {"yaml", "head", "text"}
    sound = [
        one for one in known.values() if one.lines or not broken & {p.code for p in one.problems}
    ]
    counts |= sorted(Counter(f"pages {one.type} {one.tier}" for one in sound).items())
    counts["pages unreadable"] = len(known) - len(sound) + unread
    counts["forgotten"] = sum(1 for _ in maintenance.read_tombstones(home))
    findings += _of_raw(home, mask, counts)
    findings += _near(home)
    findings += _unused(home, known, now)
    for kind in KINDS:
        counts[kind] = sum(1 for one in findings if one.code == kind)
    return Survey(
        counts, sorted(findings, key=lambda one: (KINDS.index(one.code), one.path, one.line))
    )


def _of_raw(home: Home, mask: Mask, counts: dict[str, int | str]) -> list[Finding]:
    """Every file below raw/: how many there are, by folder, and what is wrong with each."""
    found: Counter[str] = Counter()
    first: dict[bytes, str] = {}
    searched = {path for path, _ in page_files.list_foreign(home)}
    findings = []
    for folder, folders, names in os.walk(home.path("raw")):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            full = os.path.join(folder, name)
            path = os.path.relpath(full, home.root)
            if name.startswith(".") or not os.path.isfile(full) or os.path.islink(full):
                continue
            found[path.split(os.sep)[1] if path.count(os.sep) > 1 else "(raw)"] += 1
            try:
                digest, wrong = _file(full, path, mask, searched)
            except OSError as error:
                findings.append(_unreadable(path, error))
                continue
            findings += wrong
            if path.startswith(_OWN) or not os.path.getsize(full):
                continue
            if (before := first.setdefault(digest, path)) != path:
                findings.append(Finding(path, 1, "duplicate", f"the same bytes as {before}"))
    counts |= {f"files {folder}": number for folder, number in sorted(found.items())}
    return findings


def _unreadable(path: str, error: OSError | Failure) -> Finding:
    return Finding(path, 1, "unreadable", f"cannot be read: {files.to_failure(error).what}")


def _file(full: str, path: str, mask: Mask, searched: Set[str]) -> tuple[bytes, list[Finding]]:
    """SHA-256 of a file, and what is wrong with its lines, the first of each kind."""
    sha, binary = hashlib.sha256(), False
    wrong: dict[str, Finding] = {}
    with regular.open_file(full) as file:
        number, rest = 0, b""
        while chunk := file.read(PIECE):
            sha.update(chunk)
            binary = binary or b"\0" in chunk
            if binary or path.startswith(_OWN):
                continue
            *lines, rest = (rest + chunk).split(b"\n")
            text = b"\n".join(lines).decode("utf-8", "replace")
            if _is_recalled(text) or mask(text) != text:
                for at, line in enumerate(lines, number + 1):
                    _line(line, path, at, mask, wrong)
            number += len(lines)
            rest = rest[:LONGEST_LINE]
        if rest and not binary:
            _line(rest, path, number + 1, mask, wrong)
    if page_files.is_foreign(path) and (binary or path not in searched):
        why = "it is binary" if binary else "it lies too deep, or there is too much under raw/"
        wrong["unsearched"] = Finding(path, 1, "unsearched", f"recall passes it over: {why}")
    return sha.digest(), [one for code, one in wrong.items() if not binary or code == "unsearched"]


def _line(line: bytes, path: str, number: int, mask: Mask, wrong: dict[str, Finding]) -> None:
    text = line[:LONGEST_LINE].decode("utf-8", "replace")
    if "recalled" not in wrong and _is_recalled(text):
        what = "what a recall had answered, stored again; tell which program does that"
        wrong["recalled"] = Finding(path, number, "recalled", what)
    if "secret" not in wrong and secrets.is_masked(text, mask):
        what = "something that looks like a secret; remove it, and change it where it is used"
        wrong["secret"] = Finding(path, number, "secret", what)


def _is_recalled(text: str) -> bool:
    return "INJECTED_CONTEXT_" in text or injected_blocks.strip_recalled_lines(text) != text


def _near(home: Home) -> Iterator[Finding]:
    bodies = {}
    own = page_files.list_paths(home, (page_files.OBSERVATIONS, page_files.COMPACTION))
    for path in chain(own, (path for path, _ in page_files.list_foreign(home))):
        try:
            bodies[path] = likeness.extract_features(page_files.read_page(home, path).body)
        except (OSError, Failure):
            continue
    sketches = {path: likeness.sketch(found) for path, found in bodies.items() if found}
    for one, other in likeness.find_candidates(sketches):
        share = likeness.measure_share(bodies[one], bodies[other])
        if share >= likeness.ALIKE:
            yield Finding(other, 1, "near-duplicate", f"{share:.0%} of it is in {one} too")


def _unused(home: Home, known: dict[str, page.Page], now: int) -> Iterator[Finding]:
    last, today = given.find_last(home), to_day(now)
    for path, one in known.items():
        age = (today - one.day).days if one.day else 0
        if one.tier == "L2" and path not in last and age > UNUSED_DAYS:
            question = "is it worth keeping, or hard to find?"
            what = f"dated {one.day}, and never given to a turn; {question}"
            yield Finding(path, one.lines.get("date", 1), "unused", what)
