"""What a team of agents is, and what its work earns: pure rules over what is in the journal."""
