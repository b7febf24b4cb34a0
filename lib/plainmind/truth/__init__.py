"""The files of the home. Only this package writes them, each under its lock."""
