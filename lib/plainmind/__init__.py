"""Plainmind: a persistent agent's memory, as small Unix commands over plain files.

The floors, from the top; imports go down only (tests/unit/test_floors.py):

    cli         shared options, errors to exit codes, the closed pipe: only this prints or exits
    agent/      the turn, its prompt, the bash tool
    providers/  registry of embedders and chat models, and the one retry policy
    recall/     ranking (pure), budget, injection, expansion, trace
    index/      the SQLite cache of the files: schema, store, sync, text, vectors
    formats/    text to records and back: event log, reference, pins, settings
    ground/     clock, paths, files, streams, errors, environment
"""

__version__ = "0.1.0"
