"""Plainmind: a persistent agent's memory, as small Unix commands over plain files.

ARCHITECTURE.md says what each package is for and what it may import.
"""

__version__ = "0.1.0"
