"""Other tools: their histories, hooks and protocols."""
