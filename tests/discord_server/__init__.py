"""A Discord of this machine: REST and gateway, for tests of what speaks to it with discord.py's own
code."""
