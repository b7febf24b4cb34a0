"""The grammar of reminders."""
