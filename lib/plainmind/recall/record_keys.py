"""The keys of the records that recall.report makes, for whoever tells them and makes none; '?'
where it applies."""

_EVENT = "ref path line timestamp role author context excerpt truncated pinned rank score sim "
_EVENT += "relevance recency penalty repeats"
_PAGE = "ref path line excerpt truncated name type tier date superseded_by? rank score rel lex den "
_PAGE += "recency why"

EVENT, PAGE = tuple(_EVENT.split()), tuple(_PAGE.split())
