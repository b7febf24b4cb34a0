"""The gateway: HELLO, IDENTIFY, READY, heartbeats, RESUME, and what a test lets go wrong there."""

import json

from aiohttp import WSMsgType, web

from . import cast, shapes
from .faults import Faults, Rule
from .record import Record
from .sessions import Session, Sessions
from .snowflake import now
from .wire import Wire
from .world import World

HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME = 1, 2, 3, 4, 6
RECONNECT, MEMBERS, INVALID, HELLO, ACK = 7, 8, 9, 10, 11
UNKNOWN_OP, DECODE, NOT_AUTHENTICATED, WRONG_TOKEN, TWICE, WRONG_SEQ, TIMED_OUT = (
    4001,
    4002,
    4003,
    4004,
    4005,
    4007,
    4009,
)
#: a client that closes with one of these ends its session
GOODBYE = (1000, 1001)


class Connection:
    def __init__(self, wire: Wire, number: int) -> None:
        self.wire = wire
        self.number = number
        self.session: Session | None = None


class Gateway:
    def __init__(self, world: World, faults: Faults, record: Record) -> None:
        self.world = world
        self.faults = faults
        self.record = record
        self.sessions = Sessions()
        self.connections: set[Connection] = set()
        self.heartbeat_ms = 41_250
        self.address = world.url.replace("http", "ws") + "/gateway"
        world.tell = self.sessions.tell

    # --- REST

    def table(self) -> list[tuple[str, str, object]]:
        return [("GET", "/gateway", self.where), ("GET", "/gateway/bot", self.where_for_bots)]

    async def where(self, request: web.Request) -> object:
        return {"url": self.address}

    async def where_for_bots(self, request: web.Request) -> object:
        started = 1000 - self.record.counts["identify"]
        limit = {
            "total": 1000,
            "remaining": max(0, started),
            "reset_after": 86_400_000,
            "max_concurrency": 1,
        }
        return {"url": self.address, "shards": 1, "session_start_limit": limit}

    # --- one connection

    async def connect(self, request: web.Request) -> web.StreamResponse:
        number = self.record.counts["connect"] + 1
        self.record.connection(
            "connect",
            number=number,
            compress=request.query.get("compress"),
            version=request.query.get("v"),
        )
        rule = self.faults.take("gateway", "refuse", "close_on_accept", "no_hello")
        if rule:
            self.record.connection("fault", number=number, fault=rule.what)
        if rule and rule.what == "refuse":
            return web.Response(status=503, text="upstream connect error")
        socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 20)
        await socket.prepare(request)
        connection = Connection(Wire(request, socket), number)
        self.connections.add(connection)
        try:
            if rule and rule.what == "close_on_accept":
                connection.wire.close(rule.more.get("code", 1000))
            elif not rule:
                connection.wire.op(HELLO, {"heartbeat_interval": self.heartbeat_ms, "_trace": []})
            async for said in socket:
                if said.type is WSMsgType.TEXT and len(said.data) <= 4096:
                    self.hear(connection, said.data)
                elif said.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    connection.wire.close(DECODE)
        finally:
            self.over(connection, socket)
        return socket

    def over(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        connection.wire.writer.cancel()
        self.connections.discard(connection)
        session, code = connection.session, socket.close_code
        self._detach(connection)
        if session and connection.wire.ended is None and code in GOODBYE:
            self.sessions.forget(session)
        self.record.connection(
            "close", number=connection.number, code=connection.wire.ended or code,
            by="server" if connection.wire.ended else "client"
        )  # fmt: skip

    def hear(self, connection: Connection, text: str) -> None:
        wire = connection.wire
        try:
            said = json.loads(text)
            op, data = said["op"], said.get("d")
        except (ValueError, KeyError, TypeError):
            return wire.close(DECODE)
        if op == HEARTBEAT:
            return self.heartbeat(wire)
        if op == IDENTIFY:
            return wire.close(TWICE) if connection.session else self.identify(connection, data)
        if op == RESUME:
            return wire.close(TWICE) if connection.session else self.resume(connection, data)
        if not connection.session:
            return wire.close(NOT_AUTHENTICATED)
        if op == MEMBERS:
            return self.members(connection.session, data)
        if op not in (PRESENCE, VOICE_STATE):
            wire.close(UNKNOWN_OP)

    def heartbeat(self, wire: Wire) -> None:
        if self.faults.take("gateway", "no_ack"):
            self.record.connection("unacknowledged")
        else:
            self.record.connection("heartbeat")
            wire.op(ACK)

    # --- sessions

    def identify(self, connection: Connection, data: dict) -> None:
        intents = data.get("intents", 0)
        self.record.connection(
            "identify", number=connection.number, intents=intents, compress=connection.wire.kind
        )
        if data.get("token") != cast.TOKEN:
            return connection.wire.close(WRONG_TOKEN)
        rule = self.faults.take("gateway", "close_after_identify", "invalid_session", at="identify")
        if rule:
            return self.turn_away(connection, rule)
        session = self.sessions.new(intents)
        self._attach(connection, session)
        session.tell("READY", self.ready(session))
        self.record.connection("ready", number=connection.number, session=session.id)
        if intents & shapes.GUILDS:
            session.tell("GUILD_CREATE", self.guild(session))
        if self.faults.take("gateway", "reconnect", at="ready"):
            connection.wire.op(RECONNECT)

    def resume(self, connection: Connection, data: dict) -> None:
        session = self.sessions.all.get(data.get("session_id") or "")
        seq = data.get("seq") or 0
        self.record.connection(
            "resume", number=connection.number, session=data.get("session_id"), seq=data.get("seq")
        )
        if data.get("token") != cast.TOKEN:
            return connection.wire.close(WRONG_TOKEN)
        rule = self.faults.take("gateway", "no_resume", "invalid_session", at="resume")
        if rule:
            if session and not rule.more.get("resumable"):
                self.sessions.forget(session)
            return self.turn_away(connection, rule)
        missed = session.missed(seq) if session else None
        if session is None or missed is None:
            if session and seq > session.seq:
                return connection.wire.close(WRONG_SEQ)
            return connection.wire.op(INVALID, False)
        for other in self.connections:
            if other.session is session:  # it is taken over
                other.session = None
                other.wire.close(TIMED_OUT)
        self._attach(connection, session)
        for text in missed:
            connection.wire.text(text)
        session.tell("RESUMED", {"_trace": []})
        self.record.connection(
            "resumed", number=connection.number, session=session.id, replayed=len(missed)
        )

    def turn_away(self, connection: Connection, rule: Rule) -> None:
        self.record.connection("fault", number=connection.number, fault=rule.what)
        if rule.what == "close_after_identify":
            connection.wire.close(rule.more.get("code", 4000))
        else:
            connection.wire.op(INVALID, bool(rule.more.get("resumable")))

    def ready(self, session: Session) -> dict:
        return {
            "v": 10, "user": shapes.myself(self.world.users[cast.BOT]),
            "guilds": [{"id": cast.GUILD, "unavailable": True}], "session_id": session.id,
            "resume_gateway_url": self.address, "session_type": "normal", "private_channels": [],
            "application": {"id": cast.BOT, "flags": shapes.APPLICATION_FLAGS}, "relationships": [],
            "presences": [], "user_settings": {}, "guild_join_requests": [],
            "geo_ordered_rtc_regions": [], "shard": [0, 1], "_trace": [],
        }  # fmt: skip

    def guild(self, session: Session) -> dict:
        """Without presences only the bot itself is among the members; others are asked for."""
        world = self.world
        return shapes.guild() | {
            "unavailable": False, "large": False, "member_count": len(world.users),
            "joined_at": shapes.JOINED, "version": now(),
            "channels": [world.show_channel(c) for c in world.channels.values() if c.type == 0],
            "threads": [world.show_channel(t) for t in world.threads(archived=False)],
            "members": [shapes.member(world.users[cast.BOT])], "presences": [], "voice_states": [],
            "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [],
        }  # fmt: skip

    def members(self, session: Session, data: dict) -> None:
        """Who is there, in one chunk: a test's guild is small."""
        asked = data.get("user_ids")
        ids = (
            None
            if asked is None
            else {str(i) for i in (asked if isinstance(asked, list) else [asked])}
        )
        start = data.get("query") or ""
        found = [
            u
            for u in self.world.users.values()
            if (u["username"].startswith(start) if ids is None else u["id"] in ids)
        ]
        chunk = {
            "guild_id": cast.GUILD,
            "members": [shapes.member(u) for u in found],
            "chunk_index": 0,
            "chunk_count": 1,
        }
        session.tell(
            "GUILD_MEMBERS_CHUNK", chunk | ({"nonce": data["nonce"]} if "nonce" in data else {})
        )

    # --- what a test does to it

    def live(self) -> list[Connection]:
        return [c for c in self.connections if c.session]

    def drop(self, code: int | None = None, forget: bool = False) -> int:
        """Every connection ends; sessions can be resumed unless they are forgotten."""
        ending = list(self.connections)
        for connection in ending:
            if forget and connection.session:
                self.sessions.forget(connection.session)
            connection.wire.close(code)
        return len(ending)

    def order(self, op: int, data: object = None) -> int:
        """Op 7 or 9 to whoever is connected."""
        for connection in self.live():
            if op == INVALID and not data and connection.session:
                self.sessions.forget(connection.session)
            connection.wire.op(op, data)
        return len(self.live())

    def _attach(self, connection: Connection, session: Session) -> None:
        def send(text: str, name: str, data: dict) -> None:
            rule = self.faults.take("gateway", "malformed", "close_mid_stream", event=name)
            if rule is None:
                return connection.wire.text(text)
            self.record.connection("fault", number=connection.number, fault=rule.what, event=name)
            if rule.what == "close_mid_stream":
                return connection.wire.break_off(text)
            lacking = {
                k: v for k, v in data.items() if k not in rule.more.get("lacks", ["id", "content"])
            }
            connection.wire.text(json.dumps(json.loads(text) | {"d": lacking}))

        connection.session = session
        session.send = send

    def _detach(self, connection: Connection) -> None:
        session, connection.session = connection.session, None
        if session and not any(c.session is session for c in self.connections):
            session.send = None
