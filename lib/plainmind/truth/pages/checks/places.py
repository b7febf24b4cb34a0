"""What nothing reads where it is.

name: a link that leads out of the memory folder.
copy: what a synchroniser made of a page, a skill, a memory or the reminders (formats.copies)."""

from collections.abc import Iterator

from ...log.verify import Finding
from .. import page_files
from .vault import Vault


def find_findings(vault: Vault) -> Iterator[Finding]:
    if not vault.whole:
        return
    home = vault.home
    for place in () if vault.is_foreign else page_files.PLACES:
        for path in page_files.find_outside(home, place):
            what = "a link that leads out of the memory folder, where nothing is read"
            yield Finding(path, 1, "name", f"{what}; put the file in its place")
    for path in page_files.find_copies(home):
        message = (
            "a synchroniser's copy, which nothing reads; merge it into the original, remove it"
        )
        yield Finding(path, 1, "copy", message)
