"""The grammar of the logs: text to records and back."""
