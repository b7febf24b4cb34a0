"""Which moments and pages matter now: relevance, rank, excerpts, blocks. Pure."""
