"""Sessions of a team of agents: finding, reading and changing their states; what a verb does; what
is shown."""
