"""Gemini CLI.

    BeforeAgent   "prompt", behind what hooks of SessionStart printed
    AfterAgent    "prompt" again, "prompt_response"; both with the "timestamp" of the event alone,
                  which is all that tells turns apart
    SessionEnd    "reason"

What is printed is JSON. Our greeting goes with the first prompt: what SessionStart prints stands
before the first prompt in a session's file, and on a resume the client takes a message that begins
so for one of its own, and forgets it. PreCompress comes before each request, compressed or not, and
has no summary: that is in the session's file."""

import json
from collections.abc import Iterator

from .. import transcripts
from .shape import ANSWER, END, PROMPT, Client, Place, Summary

PLACE = Place(
    "GEMINI_CLI_HOME",
    ".gemini",
    "settings.json",
    "settings.json",
    "tmp",
    "gemini",
    (("BeforeAgent", ""), ("AfterAgent", ""), ("SessionEnd", "")),
    "sessions that run already call it once they are started again",
    project_todo="Gemini CLI runs hooks of a project only in a folder that you trust",
    below=".gemini",
    comments=True,
    second=1000,
)


def _show(text: str) -> str:
    if not text:
        return ""
    told = {"hookEventName": "BeforeAgent", "additionalContext": text}
    return json.dumps({"suppressOutput": True, "hookSpecificOutput": told}, ensure_ascii=False)


def _clean(text: str) -> str:
    """A prompt without what stands before it, and ends with two line ends."""
    while text.startswith("<hook_context>") and "</hook_context>" in text:
        text = text.partition("</hook_context>")[2].lstrip("\n")
    return text


def _find_summaries(path: str) -> Iterator[Summary]:
    from ...bridges.histories import gemini

    return transcripts.find_summaries(path, gemini.AGREED, gemini.find_given_again)


CLIENT = Client(
    {
        "BeforeAgent": (PROMPT, "prompt"),
        "AfterAgent": (ANSWER, "prompt_response"),
        "SessionEnd": (END, ""),
    },
    PLACE,
    10_000,
    turn="timestamp",
    names_turns=False,
    asked="prompt",
    greets=False,
    clean=_clean,
    show=_show,
    find_summaries=_find_summaries,
)
