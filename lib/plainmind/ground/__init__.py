"""What everything stands on: clock, paths, files, streams, environment, errors. Knows no format."""
