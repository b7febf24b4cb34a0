"""Other tools' histories as events and pages: lenient readers, strict writers.

Knows neither the logs nor the index."""
