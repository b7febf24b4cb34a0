"""The agent in one Discord channel and its threads: messages in, a process a turn, answers out.

It holds no intelligence and no memory. What it must not forget is in its ledger; killed at any
time, it goes on from there.
"""
