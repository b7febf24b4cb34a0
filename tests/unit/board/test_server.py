"""The board as a process: where it listens, who may start it, and how it ends."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from board_home import fill
from scene import PATIENCE, ROOT, TIME

BOARD = os.path.join(ROOT, "bin", "work-board")


def start(home, *words, stdout=subprocess.PIPE, page=(BOARD,), **more):
    env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root, "MIND_NOW": TIME, **more}
    return subprocess.Popen(
        [*page, *words], env=env, stdout=stdout, stderr=subprocess.PIPE, text=True
    )


def connect(process) -> http.client.HTTPConnection:
    address = process.stdout.readline().strip()
    assert address.startswith("http://127.0.0.1:") and address.endswith("/")
    return http.client.HTTPConnection(address[7:-1], timeout=30)


def finish(process):
    """Its exit code, and what it said."""
    _, said = process.communicate(timeout=30)
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_whoever_watches(home, unsynced, number):
    fill(home)
    process = start(home, "--port", "0")
    try:
        watching, asking = connect(process), None
        watching.request("GET", "/events")
        stream = watching.getresponse()
        assert stream.readline() == b"retry: 3000\n"
        asking = http.client.HTTPConnection(watching.host, watching.port, timeout=30)
        asking.request("GET", "/api/sessions")
        answer = asking.getresponse()
        assert answer.status == 200 and answer.read().startswith(b"[{")
        busy = start(home, "--port", str(watching.port))
        code, said = finish(busy)
        assert (code, "another --port" in said) == (75, True)
        process.send_signal(number)
        assert finish(process) == (0, "")
        stream.read()  # it was ended, not cut off a second later
    finally:
        process.kill()


def test_what_is_no_request_says_nothing_and_stops_nothing(home):
    process = start(home, "--port", "0", "-q")
    try:
        opened = connect(process)
        for sent in (b"\x16\x03\x01 hello\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
                     b"GET / HTTP/1.1\r\nx: " + b"y" * 200_000 + b"\r\n\r\n"):  # fmt: skip
            with socket.create_connection((opened.host, opened.port), timeout=30) as raw:
                raw.sendall(sent)
                answer = raw.recv(4096)
                assert answer.startswith(b"HTTP/1.1 400") and b"nosniff" in answer
        opened.request("GET", "/")
        assert opened.getresponse().status == 200
        process.terminate()
        assert finish(process) == (0, "")
    finally:
        process.kill()


#: the board, with a head's time three seconds instead of ten
HASTY = f"""import runpy, sys
from plainmind.board import connections
connections.PATIENCE = 3.0
sys.argv[0] = {BOARD!r}
runpy.run_path({BOARD!r}, run_name="__main__")"""


def test_who_sends_nothing_keeps_nobody_out(home):
    """Nor who sends a head a byte at a time, which has to be there in time."""
    page, lib = (sys.executable, "-c", HASTY), os.path.join(ROOT, "lib")
    more = {"MIND_BOARD_TOKEN": "x" * 16, "PYTHONPATH": lib}
    process = start(home, "--port", "0", "-q", page=page, **more)
    held = []
    try:
        opened = connect(process)
        opened.close()
        for number in range(220):
            held.append(socket.create_connection((opened.host, opened.port), timeout=30))
            held[-1].sendall(b"GET / HTTP/1.1\r\nhost: x" if number % 2 else b"G")
        opened.request("GET", "/", headers={"authorization": "Bearer " + "x" * 16})
        answer = opened.getresponse()
        assert answer.status == 200 and answer.read()
        sent, most = 0, 10 * PATIENCE
        with suppress(OSError):
            while sent < most:
                time.sleep(0.3)
                held[-1].sendall(b"y")
                sent += 1
        assert 2 <= sent < most, "it has its time, and no more"
    finally:
        for each in held:
            each.close()
        process.kill()


@pytest.mark.parametrize(
    ("words", "more", "code", "said"),
    [
        (("--listen", "0.0.0.0"), {}, 78, "no MIND_BOARD_TOKEN, and others can reach '0.0.0.0'"),
        (("--listen", "0.0.0.0"), {"MIND_BOARD_TOKEN": "secret"}, 78, "shorter than 16"),
        (("--listen", "192.0.2.1"), {"MIND_BOARD_TOKEN": "x" * 16}, 2, "cannot listen"),
        (("--port", "70000"), {}, 2, "--port"),
        (("--now", "9999-12-31T23:59:59Z"), {}, 2, "cannot be shown"),
        (("--once", "--out", "x"), {"MIND_NOW": "0001-01-01T00:00:00Z"}, 2, "cannot be shown"),
        (("--once",), {}, 2, "go together"),
        (("--out", "x"), {}, 2, "go together"),
        (("--once", "--out", "/no/such/folder"), {}, 66, "no such folder"),
        (("--once", "--out", "/dev/null/x"), {}, 66, ""),
        # the agent does not open a door to the memory, nor award itself XP through one
        (("--port", "0"), {"MIND_INSIDE": "1"}, 77, "is not for the agent"),
    ],
)
def test_what_is_refused(home, words, more, code, said):
    told = finish(start(home, *words, **more))
    assert (told[0], said in told[1]) == (code, True), told
    assert "secret" not in told[1] and not os.path.exists(home.root)


def test_settings_that_are_wrong_at_its_start_end_it(home):
    os.makedirs(home.root)
    with open(home.path("config.toml"), "w") as file:
        file.write("zone = 7")
    process = start(home, "--port", "0")
    printed, said = process.communicate(timeout=30)
    assert (process.returncode, printed, "config.toml:1" in said) == (78, "", True)


def test_nobody_reads_its_address(home):
    """It goes on all the same, until its end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reader, writer = os.pipe()
    os.close(reader)
    process = start(home, "--port", str(port), "-q", stdout=writer)
    os.close(writer)
    try:
        for _ in range(300):
            with suppress(OSError):
                opened = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                opened.request("GET", "/api/sessions")
                assert opened.getresponse().read() == b"[]\n"
                break
            time.sleep(0.1)
        process.terminate()
        assert finish(process) == (0, "")
    finally:
        process.kill()


def test_whoever_reads_its_address_may_end_it_at_once(home):
    process = start(home, "--port", "0", "-q")
    assert process.stdout.readline()
    process.terminate()
    assert finish(process) == (0, "")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="asks Linux for its memory")
def test_its_memory_does_not_grow_and_no_packet_waits(home, unsynced):
    """A short look; bench/board.py has twenty clients for longer."""
    fill(home)
    process = start(home, "--port", "0")
    try:
        opened = connect(process)

        took: list[float] = []

        def ask(count: int) -> int:
            for number in range(count):
                began = time.monotonic()
                opened.request("GET", f"/?n={number % 7}")
                assert opened.getresponse().read()
                took.append(time.monotonic() - began)
            with open(f"/proc/{process.pid}/status") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

        before = ask(100)
        assert ask(300) - before < 2048  # KiB
        assert min(took) < 0.03  # 40 ms where a packet waits for an acknowledgement
    finally:
        process.kill()
        process.wait()
