"""Where and when every test plays, and how thoroughly."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

NOW = 1_769_783_035_120
TIME = "2026-01-30T14:23:55.120Z"  # the same instant
STAMP = "20260130T142355Z"

#: in raw/maintenance-log/first-seen.json: retention has known these pages for 1,000 days
KNOWN = {"time": TIME, "elapsed": 86_400_000_000}


def know(home, *paths: str) -> None:
    """Retention has known these pages for long."""
    import json

    os.makedirs(home.path("raw/maintenance-log"), exist_ok=True)
    with open(home.path("raw/maintenance-log/first-seen.json"), "w") as file:
        json.dump(KNOWN | {"pages": dict.fromkeys(paths, 0)}, file)


#: seconds for what takes one: only what never comes takes longer, however busy the machine is
PATIENCE = 30

#: `make faults`: death at every system call instead of at those that change something, more
#: examples, and what takes minutes
THOROUGH = bool(os.environ.get("THOROUGH"))
