"""One memory on several machines (mem-sync): its git repository, and how versions are merged."""
