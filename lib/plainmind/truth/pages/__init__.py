"""Pages of knowledge as files, their retention, and the log of what was maintained.

The truth; knows no index."""
