"""Which moments of the past matter now: relevance, ranking, excerpts, what is injected. Writes no memory."""
