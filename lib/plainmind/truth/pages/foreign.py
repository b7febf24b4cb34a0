"""Folders of pages outside the memory folder: somebody's vault, looked at by its own rules.

Owns where such a vault begins, how its pages are named in an answer, and which of them are
templates. Nothing is ever written there but a page that is fixed: the lock of that is the folder
itself."""

import json
import os
from collections.abc import Iterator

from ...ground import files
from ...ground.paths import Home

OBSIDIAN = ".obsidian"
#: where a vault's settings name a folder of templates, or a template: file, and key in it
_TEMPLATES = (
    ("templates.json", "folder"),
    ("daily-notes.json", "template"),
    ("plugins/templater-obsidian/data.json", "templates_folder"),
    ("plugins/quickadd/data.json", "templateFolderPath"),
)


class ForeignVault(Home):
    """A folder whose pages are all that lie in it and below. It has nothing else of a home's."""


def find_vault(path: str) -> Home:
    """The vault that a page or a folder is in: the nearest folder, from there upwards, that is a
    memory folder or that Obsidian keeps; else the folder alone."""
    full = os.path.realpath(path)
    folder = at = full if os.path.isdir(full) else os.path.dirname(full)
    while True:
        if os.path.isdir(os.path.join(at, "raw", "maintenance-log")):
            return Home(at)
        if os.path.isdir(os.path.join(at, OBSIDIAN)):
            return ForeignVault(at)
        if (above := os.path.dirname(at)) == at:
            return ForeignVault(folder)
        at = above


def list_templates(vault: str) -> tuple[str, ...]:
    """Folders of templates, and templates, relative to a vault, as its settings name them."""
    return tuple(dict.fromkeys(_templates(os.path.join(vault, OBSIDIAN))))


def _templates(folder: str) -> Iterator[str]:
    for name, key in _TEMPLATES:
        try:
            value = json.loads(files.read(os.path.join(folder, name)))
        except (OSError, ValueError, RecursionError):
            continue
        found = value.get(key) if isinstance(value, dict) else None
        if isinstance(found, str) and (place := found.strip().strip("/").removesuffix(".md")):
            yield place
