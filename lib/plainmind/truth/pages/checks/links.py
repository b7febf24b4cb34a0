"""link: to a page that is not there. unwritten: the same, in somebody's vault, where Obsidian makes
the page when the link is followed.

image: a picture that is not there, is outside the memory folder, or is not shown."""

import os
from collections.abc import Iterator

from ....formats.page.page import Page, PageProblem
from ....ground import day, masks
from ....ground.errors import NotPermitted
from .vault import Vault


def find_problems(one: Page, vault: Vault) -> Iterator[PageProblem]:
    theirs, facts = vault.rules.is_theirs(one), vault.facts[one.path]
    unwritten: set[str] = set()
    for target in facts.links:
        if vault.leads(target.name, one.path):
            continue
        folder, _, name = target.name.rpartition("/")
        other = vault.find(name, one.path)
        is_open = theirs and target.open and not other and not vault.has_folder(folder)
        if is_open and (day.parse_iso(name) or target.name in unwritten):
            continue  # a day's note is made on the day, or never
        unwritten.add(target.name)
        cure = f"{other} has that name; fix the link" if other else "make it, or fix the link"
        message = f"no page '{masks.cut(target.name, 80)}'; {cure}"
        yield PageProblem(target.line, "unwritten" if is_open else "link", message)
    for target in facts.images:
        if not _is_there(vault, one.path, target.name):
            message = f"no file '{masks.cut(target.name, 80)}'; put it there, or fix the link"
            yield PageProblem(target.line, "image", message)
    if one.image and not theirs:
        yield from _image(one, vault)


def _image(one: Page, vault: Vault) -> Iterator[PageProblem]:
    line, name = one.lines["image"], masks.cut(one.image, 80)
    try:
        vault.home.relative(one.image)
    except NotPermitted:
        message = f"'{name}' is outside the memory folder; keep it in raw/images"
        yield PageProblem(line, "image", message)
        return
    if not os.path.isfile(vault.home.path(one.image)):
        message = f"no file '{name}' in the memory folder; put it there, or remove the key"
        yield PageProblem(line, "image", message)
    elif not vault.facts[one.path].is_shown:
        message = f"'{name}' is not shown in the body; mem-lint --fix shows it"
        yield PageProblem(line, "image", message)


def _is_there(vault: Vault, path: str, name: str) -> bool:
    name = name.partition("#")[0]  # a place in a page, or how a picture is shown
    beside = os.path.join(os.path.dirname(path), name)
    places = (name.lstrip("/"), beside, f"raw/images/{name}")
    return "\0" not in name and (any(map(vault.is_file, places)) or vault.leads(name, path))
