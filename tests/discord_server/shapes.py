"""What things look like on the wire: users, members, the guild, channels, the application. Pure."""

from . import cast
from .snowflake import EPOCH, written

ALL_PERMISSIONS = str((1 << 53) - 1)
JOINED = written(EPOCH + 300_000_000_000)

GUILDS, GUILD_MEMBERS, GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT = (
    1 << 0,
    1 << 1,
    1 << 9,
    1 << 12,
    1 << 15,
)
#: GATEWAY_GUILD_MEMBERS_LIMITED and GATEWAY_MESSAGE_CONTENT_LIMITED: both privileged intents are
#: granted
APPLICATION_FLAGS = 1 << 15 | 1 << 19


def user(id: str, name: str, bot: bool = False) -> dict:
    return {
        "id": id, "username": name, "global_name": None if bot else name.title(),
        "discriminator": "0000" if bot else "0", "avatar": None, "bot": bot, "system": False,
        "public_flags": 0, "flags": 0, "banner": None, "accent_color": None,
    }  # fmt: skip


def myself(user: dict) -> dict:
    return {**user, "mfa_enabled": True, "verified": True, "email": None, "locale": "en-US"}


def member(user: dict | None = None, permissions: bool = False) -> dict:
    return {
        "nick": None, "avatar": None, "roles": [], "joined_at": JOINED, "premium_since": None,
        "deaf": False, "mute": False, "pending": False, "communication_disabled_until": None,
        "flags": 0, **({"user": user} if user else {}),
        **({"permissions": ALL_PERMISSIONS} if permissions else {}),
    }  # fmt: skip


def role(id: str, name: str, position: int) -> dict:
    return {
        "id": id, "name": name, "description": None, "permissions": ALL_PERMISSIONS,
        "position": position, "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False, "managed": False, "mentionable": True, "icon": None, "unicode_emoji": None,
        "flags": 0,
    }  # fmt: skip


def roles() -> list[dict]:
    return [role(cast.GUILD, "@everyone", 0), role(cast.ROLE, "readers", 1)]


def guild() -> dict:
    return {
        "id": cast.GUILD, "name": "the house", "icon": None, "splash": None,
        "discovery_splash": None, "banner": None, "owner_id": cast.OWNER, "region": "deprecated",
        "afk_channel_id": None, "afk_timeout": 300, "features": [], "verification_level": 1,
        "default_message_notifications": 1, "explicit_content_filter": 0, "mfa_level": 0,
        "roles": roles(), "emojis": [], "stickers": [], "system_channel_id": None,
        "system_channel_flags": 0, "rules_channel_id": None, "public_updates_channel_id": None,
        "preferred_locale": "en-US", "nsfw_level": 0, "premium_tier": 0,
        "premium_subscription_count": 0, "premium_progress_bar_enabled": False, "description": None,
        "vanity_url_code": None, "max_members": 500_000, "max_presences": None,
        "application_id": None,
    }  # fmt: skip


def text_channel(id: str, name: str, position: int, last: str | None) -> dict:
    return {
        "id": id, "type": 0, "guild_id": cast.GUILD, "name": name, "position": position,
        "topic": None, "nsfw": False, "permission_overwrites": [], "parent_id": None,
        "rate_limit_per_user": 0, "last_message_id": last, "last_pin_timestamp": None, "flags": 0,
    }  # fmt: skip


def dm(id: str, recipient: dict, last: str | None) -> dict:
    return {"id": id, "type": 1, "recipients": [recipient], "last_message_id": last, "flags": 0}


def application(owner: dict) -> dict:
    return {
        "id": cast.BOT, "name": "plainmind", "icon": None, "description": "", "summary": "",
        "type": None, "bot_public": False, "bot_require_code_grant": False, "verify_key": "0" * 64,
        "flags": APPLICATION_FLAGS, "owner": owner, "team": None, "hook": True,
        "approximate_guild_count": 1, "interactions_endpoint_url": None, "redirect_uris": [],
        "tags": [],
    }  # fmt: skip


def attachment(
    id: str, filename: str, size: int, url: str, content_type: str | None, description: str | None
) -> dict:
    return {
        "id": id, "filename": filename, "size": size, "url": url, "proxy_url": url,
        **({"content_type": content_type} if content_type else {}),
        **({"description": description} if description else {}),
    }  # fmt: skip
