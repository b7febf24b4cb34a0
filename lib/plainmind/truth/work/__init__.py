"""The state files of a team of agents."""
