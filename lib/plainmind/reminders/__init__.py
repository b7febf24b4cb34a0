"""The reminders file: reading and changing it while a person edits it, firing what is due."""
