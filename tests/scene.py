"""Where and when every test plays."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

NOW = 1_769_783_035_120
TIME = "2026-01-30T14:23:55.120Z"  # the same instant
STAMP = "20260130T142355Z"
