"""The event logs and pins as files: appending, reading, proving. The truth; knows no index."""
