"""What requests name: the channel, the message, the guild; and the answer without a body."""

from aiohttp import web

from . import cast
from .channels import Channel, Message
from .refusal import Refused, invalid, unknown
from .world import World

MISSING_ACCESS = Refused(403, 50001, "Missing Access")
THREAD_LOCKED = Refused(400, 50083, "Thread is archived")


def nothing() -> web.Response:
    return web.Response(status=204, headers={"Via": "1.1 google"})


def in_guild(request: web.Request) -> None:
    if request.match_info["guild_id"] != cast.GUILD:
        raise unknown(10004, "Guild")


def channel(world: World, request: web.Request) -> Channel:
    found = world.channel(request.match_info["channel_id"])
    if not found.seen_by(cast.BOT):
        raise MISSING_ACCESS
    return found


def message(world: World, request: web.Request) -> Message:
    return world.message(channel(world, request), request.match_info["message_id"])


def name(said: dict) -> str:
    if not 1 <= len(said.get("name") or "") <= 100:
        raise invalid("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    return said["name"]
