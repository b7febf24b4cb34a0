"""What is always in mind: indexes of bullets, their pages, config.json, operations. Pure."""
