"""The keys of the records that recall.report makes, for whoever tells them and makes none; '?'
where it applies."""

EVENT = ("ref", "path", "line", "timestamp", "role", "author", "context", "excerpt")
EVENT += ("truncated", "pinned", "rank", "score", "sim", "relevance", "recency", "penalty")
EVENT += ("repeats",)
PAGE = ("ref", "path", "line", "excerpt", "truncated", "name", "type", "tier", "date")
PAGE += ("superseded_by?", "rank", "score", "rel", "lex", "den", "recency", "why")
