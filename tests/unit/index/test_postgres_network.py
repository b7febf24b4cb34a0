"""A PostgreSQL server by TCP: passwords, TLS, one that says nothing, one that is started again in
the middle of an answer. The password is in no argument, message or trace."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress

import forks
import postgres
import pytest
from plainmind.formats.evidence import Question, Scope
from plainmind.ground.errors import Unavailable
from plainmind.index import engine_in_use
from plainmind.index.postgres import connection
from plainmind.index.postgres.address import Address
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, ROOT

pytestmark = pytest.mark.usefixtures("unsynced")
PASSWORD = "s3cret/@:?&=% word'"
ACCESS = """\
local all all trust
host all trusted 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""


@pytest.fixture(scope="module")
def network():
    if why := postgres.why_not():
        pytest.skip(f"no PostgreSQL here: {why}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = postgres.Server(port=port, access=ACCESS)
    quoted = PASSWORD.replace("'", "''")
    made.sql(f"CREATE ROLE ann LOGIN PASSWORD '{quoted}'", "CREATE ROLE trusted LOGIN")
    yield made
    made.close()


def configure(home, url: str, password: str | None = PASSWORD) -> None:
    os.makedirs(home.root, exist_ok=True)
    with open(home.path("config.toml"), "w") as file:
        file.write(f'[index]\nengine = "{url}"\n')
    with open(home.path(".env"), "w") as file:
        if password is not None:
            file.write(f'PGPASSWORD="{password}"\n')
    os.chmod(home.path(".env"), 0o600)


def ask(home, *words: str, **env: str) -> forks.Ended:
    """Run a command; what it says has no password in it."""
    env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root, **env}
    ended = forks.run([os.path.join(ROOT, "bin", words[0]), *words[1:]], env)
    for said in (ended.out, ended.complaints):
        assert PASSWORD.encode() not in said and b"s3cret" not in said, said
    return ended


def test_a_password_opens_it_and_is_said_nowhere(network, home):
    configure(home, network.tcp_url("ann"))
    Log(home).append("test/1", [EventDraft(NOW, "user", "the zebra", {})], NOW)
    for words in (
        ["mem-index", "--rebuild"],
        ["mem-recall", "--explain", "zebra"],
        ["mem-index", "--status", "--json"],
        ["mem-index", "--verify"],
        ["mem-embed"],
    ):
        ended = ask(home, *words, MIND_DEBUG="1")
        assert ended.code == 0, ended.complaints
    assert b"zebra" in ask(home, "mem-recall", "zebra").out
    with open(os.path.join(network.folder, "log"), "rb") as log:
        assert b"s3cret" not in log.read()


@pytest.mark.parametrize("password", ["s3cret wrong", "", None])
def test_a_wrong_password_is_said_and_not_which(network, home, password):
    configure(home, network.tcp_url("ann"), password)
    log = Log(home)
    log.append("test/1", [EventDraft(NOW, "user", "the zebra", {})], NOW)
    for words in (["mem-recall", "zebra"], ["mem-embed"], ["mem-index", "--rebuild"]):
        for env in ({}, {"MIND_DEBUG": "1"}):
            ended = ask(home, *words, **env)
            assert ended.code == 78
            assert b"refused the password; check the user in index.engine, and PGPASSWORD in .env"\
                in ended.complaints  # fmt: skip
    network.sql("DROP SCHEMA IF EXISTS ann CASCADE")
    assert (
        ask(home, "mem-recall", "zebra", PGPASSWORD=PASSWORD).code == 0
    )  # the shell's comes first


# --- a server that says nothing


def silent(answer: bytes = b""):
    """The port of a server that accepts, and says no more than this."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            kept.append(one)
            if answer:
                one.recv(8)
                one.sendall(answer)

    kept: list[socket.socket] = []
    threading.Thread(target=accept, daemon=True).start()
    return listener


def test_a_server_that_says_nothing_is_given_up(home, monkeypatch):
    pytest.importorskip("psycopg")
    monkeypatch.setitem(connection.LIMITS, "connect_timeout", 2)  # which is the least
    with silent() as listener:
        port = listener.getsockname()[1]
        with pytest.raises(Unavailable, match="no answer of the PostgreSQL server.*timeout"):
            engine_in_use(f"postgresql://ann@127.0.0.1:{port}/x").made_in(home, home.index)


@pytest.mark.parametrize(("more", "limit"), [("", "60000"), ("?tcp_user_timeout=7", "7")])
def test_a_machine_that_is_gone_is_noticed(network, home, more, limit):
    db = connection.ServerConnection(Address(network.tcp_url("trusted") + more))
    found = {line.keyword: line.val for line in db._own.pgconn.info}
    db.close()
    assert (found[b"tcp_user_timeout"], found[b"keepalives_idle"]) == (limit.encode(), b"30")


# --- a server that is started again in the middle


def test_a_server_that_is_started_again_in_the_middle_is_said_and_then_asked_again(network, home):
    engine = engine_in_use(network.tcp_url("trusted"))
    engine.rebuild(home)
    Log(home).append("test/1", [EventDraft(NOW, "user", "the zebra", {})], NOW)
    refused = pytest.raises(Unavailable, match="no answer of the PostgreSQL server")
    with refused, engine.made_in(home, home.index) as index:
        assert index.evidence(Question(("zebra",)), Scope()).totals.events == 1
        network.stop()
        network.start()
        index.counts()
    with engine.made_in(home, home.index) as index:
        assert index.counts()["turns"] == 1


# --- TLS


@contextmanager
def tls(network, folder):
    """A port where the server is asked by TLS, and the certificate, for localhost."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl makes a certificate here")
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost"], check=True, capture_output=True)  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["postgresql"])
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source, target) -> None:
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass
        finally:
            for one in (source, target):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def serve(one: socket.socket) -> None:
        try:
            one.recv(8)  # it asks whether there is TLS
            one.sendall(b"S")
            safe = context.wrap_socket(one, server_side=True)
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", network.port))
        threading.Thread(target=pump, args=(server, safe), daemon=True).start()
        pump(safe, server)

    def accept() -> None:
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(one,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    with listener:
        yield listener.getsockname()[1], certificate


def test_tls_is_as_the_address_says(network, home, tmp_path):
    Log(home).append("test/1", [EventDraft(NOW, "user", "the zebra", {})], NOW)
    with tls(network, tmp_path) as (port, certificate):
        at = f"postgresql://ann@localhost:{port}/plainmind"
        for more in ("sslmode=require", f"sslmode=verify-full&sslrootcert={certificate}"):
            configure(home, f"{at}?{more}")
            ended = ask(home, "mem-index", "--rebuild")
            assert ended.code == 0, ended.complaints
        for host, more in (
            ("localhost", "sslmode=verify-full&sslrootcert=system"),
            ("localhost", "sslmode=verify-full&sslrootcert=/nowhere"),
            ("127.0.0.1", f"sslmode=verify-full&sslrootcert={certificate}"),
        ):
            configure(home, f"postgresql://ann@{host}:{port}/plainmind?{more}")
            ended = ask(home, "mem-recall", "zebra")
            assert ended.code == 78 and b"certificate" in ended.complaints
    # the server itself has none
    configure(home, network.tcp_url("ann") + "?sslmode=require")
    ended = ask(home, "mem-recall", "zebra")
    assert ended.code == 78 and b"TLS" in ended.complaints
