"""What stands between a command of the model and the machine. `ladder` chooses the rung, `bounds` says what may be touched."""
