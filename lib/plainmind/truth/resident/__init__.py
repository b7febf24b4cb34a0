"""The files of resident memory: its scopes, which projects are trusted, what is switched off."""
