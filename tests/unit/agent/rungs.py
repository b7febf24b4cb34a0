"""The rungs of the sandbox that this machine has; the others are skipped, with the reason."""

import sys

import pytest
from plainmind.agent.sandbox import bubblewrap, landlock, seatbelt

_MISSING = {
    "bubblewrap": bubblewrap.explain_missing if sys.platform == "linux" else lambda: "no Linux",
    "landlock": landlock.explain_missing,
}
_MISSING["sandbox-exec"] = seatbelt.explain_missing


def _param(name: str):
    reason = _MISSING[name]()
    return pytest.param(name, marks=pytest.mark.skipif(bool(reason), reason=f"{name}: {reason}"))


SANDBOXES = [_param(name) for name in _MISSING]
RUNGS = [*SANDBOXES, pytest.param("none")]
