"""How far everything said has been seen: one number, for Discord's ids are made of the time.

Owns `relay/cursor.json`.
"""

import json
import os

from ...ground import files, stream
from ...ground.paths import Home


class Cursor:
    """`id` is None as long as no relay has run here."""

    def __init__(self, home: Home):
        self.path = home.path("relay", "cursor.json")
        self.id = self._read()

    def _read(self) -> int | None:
        try:
            with open(self.path, encoding="utf-8") as file:
                return int(json.load(file)["cursor"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def move(self, id: int) -> None:
        """On disk when it returns."""
        self.id = id
        files.make_folder(os.path.dirname(self.path))
        files.replace(self.path, stream.encode(stream.json_line({"cursor": id}) + "\n"))
