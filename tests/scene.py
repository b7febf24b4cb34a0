"""Where and when every test plays, and how thoroughly."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

NOW = 1_769_783_035_120
TIME = "2026-01-30T14:23:55.120Z"  # the same instant
STAMP = "20260130T142355Z"

#: seconds for what takes one: only what never comes takes longer, however busy the machine is
PATIENCE = 30

#: `make faults`: death at every system call instead of at those that change something, more
#: examples, and what takes minutes
THOROUGH = bool(os.environ.get("THOROUGH"))
