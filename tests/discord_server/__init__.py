"""A Discord of this machine, REST and gateway, for tests of what speaks to it by discord.py."""
