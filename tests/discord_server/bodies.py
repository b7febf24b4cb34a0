"""Reading what was sent: JSON, or a form with JSON and files, checked as Discord checks it."""

import json
import mimetypes
import re

from aiohttp import BodyPartReader, web

from .refusal import Refused, invalid
from .world import File

LONGEST = 2000
LARGEST = 10 * 1024 * 1024
TOO_LARGE = Refused(413, 40005, "Request entity too large")
BAD_JSON = Refused(400, 50109, "The request body contains invalid JSON.")


def parsed(text: bytes | str) -> dict:
    try:
        body = json.loads(text or "{}")
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except ValueError:
        raise BAD_JSON from None
    return body


async def body(request: web.Request) -> tuple[dict, dict[str, tuple[str, bytes]]]:
    """The JSON, and the files by their number."""
    if not request.content_type.startswith("multipart/"):
        return parsed(await request.read()), {}
    said: dict = {}
    files = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise BAD_JSON
        content = bytes(await part.read())
        numbered = re.fullmatch(r"files\[(\d+)\]|file", part.name or "")
        if part.name == "payload_json":
            said = parsed(content)
        elif numbered:
            files[numbered[1] or "0"] = part.filename or "unknown", content
    return said, files


def described(said: dict, files: dict[str, tuple[str, bytes]]) -> list[File]:
    """The files with what `attachments` says of each; their types go by their names."""
    about = {str(a.get("id")): a for a in said.get("attachments") or []}
    if any(len(content) > LARGEST for _, content in files.values()):
        raise TOO_LARGE
    named = [(about.get(number, {}), name, content) for number, (name, content) in files.items()]
    return [
        (
            said.get("filename") or name,
            mimetypes.guess_type(said.get("filename") or name)[0],
            content,
            said.get("description"),
        )
        for said, name, content in named
    ]


def content_of(said: dict) -> str:
    """The text of a message: at most 2,000 characters; white space around it is not kept."""
    content = said.get("content")
    if content is None:
        return ""
    if not isinstance(content, str | int | float):
        raise invalid("content", "STRING_TYPE_CONVERT", "Could not interpret as string.")
    if len(str(content)) > LONGEST:
        raise invalid("content", "BASE_TYPE_MAX_LENGTH", f"Must be {LONGEST} or fewer in length.")
    return str(content).strip()


def nonce_of(said: dict) -> str | int | None:
    nonce = said.get("nonce")
    if nonce is not None and (not isinstance(nonce, str | int) or len(str(nonce)) > 25):
        raise invalid(
            "nonce",
            "NONCE_TYPE_TOO_LONG",
            "Nonce must be an integer or a string of at most 25 characters.",
        )
    return nonce


def number(request: web.Request, name: str, least: int, most: int, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.lstrip("-").isdigit():
        raise invalid(name, "NUMBER_TYPE_COERCE", f'Value "{text}" is not int.')
    if not least <= int(text) <= most:
        raise invalid(
            name, "NUMBER_TYPE_MINMAX", f"int value should be between {least} and {most}."
        )
    return int(text)


def snowflake(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise invalid(name, "NUMBER_TYPE_COERCE", f'Value "{text}" is not snowflake.')
    return int(text)
