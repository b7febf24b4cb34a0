"""What the agent does: remembering, taking a turn, using its tool.

Knows no transport and no provider by name.
"""
