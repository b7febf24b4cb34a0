"""Models behind one interface: who makes vectors, who answers, over which network."""
