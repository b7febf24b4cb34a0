"""What stands between a command of the model and the machine.

`rungs` chooses what confines it, `bounds` says what may be touched.
"""

NONE = "none"  # the setting turn.sandbox for no sandbox at all, and its rung
