"""`vectors/`: every vector ever computed, by model and content hash. It outlives the index.

Two files a model, of which the second may be there from before (index.vector_records). Anything
else under such a name is set aside. `vectors/serving` names the model that answers.
"""

import os
import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from ..ground import files, regular
from ..ground.digests import sha256
from ..ground.paths import Home
from . import vector_records
from .vector_records import HASH, RecordFile


def content_hash(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()[:HASH]


def serving(home: Home) -> str:
    """The model whose vectors answered last; '' when there never was one."""
    path = os.path.join(home.vectors, "serving")
    try:
        vector_records.allow(path, os.R_OK)
        name = files.read(path, 0, 200).decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return name if name.isprintable() else ""


def set_serving(home: Home, model: str) -> None:
    path = os.path.join(home.vectors, "serving")
    vector_records.allow(path, os.R_OK | os.W_OK)
    files.replace(path, f"{model}\n".encode())


class Cache:
    """The vectors of one model, as index.vector_bytes has them."""

    def __init__(
        self,
        home: Home,
        model: str,
        say: Callable[[str], None] = lambda text: None,
        *,
        places: str = "",
    ):
        """`places`: the folder where it is kept which records there are; nowhere by default."""
        self.model, self._say, self._folder = model, say, home.vectors
        name = re.sub(r"[^a-z0-9.-]+", "-", model.lower())
        self.path, before = vector_records.list_names(home.vectors, name)
        kept = (os.path.join(places, f"{name}{end}.places") for end in ("_half", ""))
        known = [kept_at if places else "" for kept_at in kept]
        self._file, self._before = RecordFile(self.path, known[0]), RecordFile(before, known[1])
        self._lock = os.path.join(home.vectors, ".lock")

    def get(self, hashes: list[bytes]) -> dict[bytes, bytes]:
        """The vectors known for these hashes."""
        found = self._file.get(list(dict.fromkeys(hashes)))
        left = [hash for hash in hashes if hash not in found]
        return found | self._before.get(list(dict.fromkeys(left))) if left else found

    def put(self, vectors: dict[bytes, bytes]) -> None:
        """Keep vectors, durably, before anything says that they are there."""
        if not vectors:
            return
        if os.path.lexists(self._folder) and not os.path.isdir(self._folder):
            self._set_aside(self._folder)
        files.make_folder(self._folder)
        vector_records.allow(self.path, os.R_OK | os.W_OK)
        with files.lock(self._lock):
            self._file.catch_up()
            if self._file.is_foreign:
                self._set_aside(self.path)
            known = self._file.dimensions or self._before.dimensions
            vector_records.check_length(known, vectors, self.path)
            self._file.append(self.model, vectors)

    def _set_aside(self, path: str) -> None:
        self._file.forget()
        aside = os.path.basename(regular.set_aside(path))
        what = "not a file of vectors" if path == self.path else "not a folder"
        self._say(f"{path}: {what}; set aside as '{aside}', and mem-embed makes its vectors again")


def forget(home: Home, hashes: AbstractSet[bytes]) -> int:
    """Take the vectors of these texts out of every model's file, durably; returns how many there
    were. A record is overwritten with zeros, which no reader takes for one: the others stay where
    they are."""
    return _forget(home, hashes.__contains__) if hashes else 0


def keep_only(home: Home, hashes: AbstractSet[bytes]) -> int:
    """The same with the vectors of all other texts."""
    return _forget(home, lambda hash: hash not in hashes)


def _forget(home: Home, wanted: Callable[[bytes], bool]) -> int:
    vector_records.allow(os.path.join(home.vectors, "serving"), os.R_OK | os.W_OK)
    try:
        names = sorted(name for name in os.listdir(home.vectors) if name.endswith(".vectors"))
    except (FileNotFoundError, NotADirectoryError):
        return 0
    count = 0
    for path in (os.path.join(home.vectors, name) for name in names):
        if os.path.isfile(path):
            with files.lock(os.path.join(home.vectors, ".lock")):
                count += vector_records.take_out(path, wanted)
    return count
