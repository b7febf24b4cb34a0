"""Between a command of the model and the machine: `rungs` confines it, within `bounds`."""

NONE = "none"  # the setting turn.sandbox for no sandbox at all, and its rung
