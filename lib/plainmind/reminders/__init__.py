"""The reminders file: reading it while a person edits it, changing it by compare-and-exchange,
firing what is due."""
