"""Sessions of a team of agents: what a verb does, and what is shown."""
