"""Ctrl-C while the embedded model answers: the engine swallows what is raised in its callback."""

import os
import signal
import subprocess
import sys

import pytest
from plainmind.providers import chat_embedded
from scene import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/ptmx as Linux has it")
def test_ctrl_c_ends_an_answer(world):
    """On a terminal, once some of the answer is there."""
    chat_embedded.find_weights()
    parent, child = os.openpty()
    process = subprocess.Popen(
        [os.path.join(ROOT, "bin", "agent-turn"), "--model", "embedded", "--context",
            "discord-thread/1", "Tell me a long story about the sea."],
        stdin=subprocess.DEVNULL, stdout=child, stderr=subprocess.PIPE, env=world.env,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    os.close(child)
    shown = os.read(parent, 100)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    os.close(parent)
    assert process.returncode == 130 and b"Traceback" not in said
    user, cut, notice = world.events()
    assert cut.meta["cut"] is True and cut.content.startswith(shown.decode()[:3])
    assert notice.role == "system"
