"""An answer cut into the messages it is posted as, the files that it names with the last."""

from typing import NamedTuple

from ...formats import chunks
from ...ground.paths import Home
from . import attachments

MOST = 10  # messages; a longer answer goes as a file


class AnswerPart(NamedTuple):
    """One message. `whole`: an answer too long for messages, which goes as a file."""

    content: str
    files: tuple[str, ...] = ()
    whole: str = ""


def split_answer(home: Home, text: str) -> list[AnswerPart]:
    text = text.encode("utf-8", "replace").decode()
    linked = attachments.extract_files(home, text)
    pieces = chunks.split(linked.text)
    if len(pieces) > MOST:
        linked = attachments.extract_files(home, text, attachments.MOST - 1)
        first = chunks.split(linked.text)[0]
        rest = "(the whole answer is in the file)"
        return [AnswerPart(first), AnswerPart(rest, tuple(linked.files), linked.text)]
    parts = [AnswerPart(piece) for piece in pieces]
    if linked.files:
        last = parts.pop() if parts else AnswerPart("")
        parts.append(last._replace(files=tuple(linked.files)))
    return parts
