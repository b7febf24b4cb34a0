"""The grammar of knowledge pages."""
