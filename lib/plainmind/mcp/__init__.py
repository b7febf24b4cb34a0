"""The memory for clients of the Model Context Protocol: what commands answer, as tools.

Owns what a client may ask for and change. Only here the protocol's SDK is imported."""
