"""What other agents tell us of their sessions, and what they are given: their events, and their own
configuration, in which they are told to call us."""
