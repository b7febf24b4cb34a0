"""Skills on disk: the shipped ones, and those a test writes."""

import os

from scene import ROOT

SKILLS = os.path.join(ROOT, "skills")


def write(folder: str, *rows: str, body: str = "Do it.\n", **more: str) -> str:
    """A skill's folder with a SKILL.md of these rows (a plain one without) and more files; returns
    its path."""
    os.makedirs(folder, exist_ok=True)
    rows = rows or (f"name: {os.path.basename(folder)}", "description: Does it. Use it when asked.")
    with open(os.path.join(folder, "SKILL.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(["---", *rows, "---", body]))
    for name, text in more.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    return folder
