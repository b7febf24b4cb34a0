"""Text to records and back, without touching a file: event log, references, pins, heads, reminders,
settings.
"""
