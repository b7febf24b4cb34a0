"""Text to records and back, without touching a file."""

from ..ground.errors import BadData


def decode_utf8(data: bytes, path: str, codec: str = "utf-8") -> str:
    """The text of a file's bytes, or BadData with the line where it is not UTF-8."""
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadData("not valid UTF-8", place=f"{path}:{line}", cure="save it as UTF-8") from None
