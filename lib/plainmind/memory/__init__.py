"""Truth, index, recall and providers put together: what the mem-* commands and the agent call."""
