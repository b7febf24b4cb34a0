"""A graph as a picture: DOT, and SVG with a layout of our own. Pure."""
