"""Types of pages of resident memory, and which headings and file names mean which. Pure.

bootstrap     what has to be known to begin      constraint   what must always hold
plan          what is meant to be done           preference   how somebody wants it
evidence      facts; whatever is none of these   conversation what was talked about
"""

import re

BOOTSTRAP, CONSTRAINT, PLAN = "bootstrap", "constraint", "plan"
PREFERENCE, EVIDENCE, CONVERSATION = "preference", "evidence", "conversation"

#: type -> words that a heading or a file's name begins or ends with
WORDS = {
    CONSTRAINT: "constraint rule invariant polic limit never always security",
    BOOTSTRAP: "bootstrap setup set-up install installation environment getting-started start-here",
    PLAN: "plan roadmap todo to-do task goal milestone next-step",
    PREFERENCE: "preference style convention habit taste answer",
    CONVERSATION: "conversation discussion session chat history meeting",
    EVIDENCE: "",
}
_ENDINGS = ("", "s", "es", "y", "ies")
TYPES = tuple(WORDS)
#: what the agent's own operation may not change: a person edits it
PROTECTED = (CONSTRAINT, BOOTSTRAP)

_BY_WORD = {
    word + ending: kind
    for kind, words in WORDS.items()
    for word in words.split()
    for ending in _ENDINGS
}


def type_of(name: str) -> str:
    """The type that a heading (`Build rules`) or a file's name (`setup.md`) means: that of its
    first word that means one, else evidence."""
    words = re.findall(r"[^\W_]+", name.removesuffix(".md").casefold())
    pairs = [f"{one}-{other}" for one, other in zip(words, words[1:])]
    return next((_BY_WORD[word] for word in [*pairs, *words] if word in _BY_WORD), EVIDENCE)
