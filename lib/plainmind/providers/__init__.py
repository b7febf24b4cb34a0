"""Models behind one interface: who makes vectors, who answers. The only floor that speaks to a
network."""
