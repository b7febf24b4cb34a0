"""The board's pages as files in one folder, for who mails or publishes them."""

import os
import shutil

from ..ground import files, stream
from ..ground.errors import NoInput
from ..memory import Memory
from . import rendering
from .links import FileLinks, name_file
from .pages import PAGES, PUBLISHED


def publish(memory: Memory, folder: str) -> list[str]:
    """Write every page, and what pages have in parts; the names of the files. What is in the folder
    besides stays."""
    os.makedirs(folder, exist_ok=True)
    wanted = [(page, "") for page in PAGES]
    wanted += [
        (page, part) for page in PAGES if page.has_parts for part in page.module.list_parts(memory)
    ]
    links = FileLinks({(page.name, part) for page, part in wanted})
    written = []
    for page, part in wanted:
        try:
            found = page.module.read(memory, part, PUBLISHED)
        except NoInput:  # gone since it was listed
            continue
        data = rendering.show(found, memory.env.mask)
        html = rendering.render(page, data, links, memory.now(), part=part)
        name = name_file(page, part)
        files.replace(os.path.join(folder, name), stream.encode(html), mode=0o600)
        written.append(name)
    shutil.copytree(rendering.STATIC, os.path.join(folder, "static"), dirs_exist_ok=True)
    return written
