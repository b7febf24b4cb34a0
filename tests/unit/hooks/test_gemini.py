"""`mem-hook gemini-cli`: no turn has an id, what is printed is JSON, summaries are in a file."""

import json
import os

import pytest
from plainmind.formats.log import injected_blocks
from plainmind.truth.log import reader

FACT, QUESTION = "The tax extension is due on April 15th", "When is the tax extension due?"


@pytest.fixture
def tell(hook, tmp_path):
    """`tell(event, second, …)`: what the model is given; the event has the time of the second."""

    def run(name: str, second: int, session: str = "s1", **more) -> str:
        event = {
            "hook_event_name": name, "session_id": session, "cwd": "/x/app",
            "timestamp": f"2026-01-30T09:00:{second:02}.000Z",
            "transcript_path": str(tmp_path / "session.jsonl"), **more,
        }  # fmt: skip
        ended = hook(event, client="gemini-cli", env={"MIND_NOW": "2026-01-30T10:00:00Z"})
        assert ended.code == 0 and not ended.complaints
        if not ended.out:
            return ""
        told = json.loads(ended.out)
        assert told["suppressOutput"] is True
        return told["hookSpecificOutput"]["additionalContext"]

    return run


def logged(home) -> list[tuple[str, str]]:
    windows = [
        reader.read_window(home, path) for path in reader.list_windows(home, "gemini-cli/app")
    ]
    events = [window.event(block) for window in windows for block in window.blocks()]
    return [(one.role, one.content) for one in events]


def test_what_is_said_is_kept_once_and_the_first_prompt_is_greeted(tell, home):
    given = tell("BeforeAgent", 1, prompt=FACT)
    assert "Persistent memory" in given
    for _ in range(2):  # a hook that is replayed
        tell("BeforeAgent", 1, prompt=FACT)
        tell("AfterAgent", 2, prompt=FACT, prompt_response="Noted.")
    kept = [("user", FACT), ("agent", "Noted.")]
    assert logged(home) == kept
    # the same words again are another turn; the hook of the next prompt was cut off
    assert tell("BeforeAgent", 3, prompt=FACT) == ""
    tell("AfterAgent", 4, prompt=FACT, prompt_response="Noted.")
    tell("AfterAgent", 6, prompt="And?", prompt_response="No more.")
    tell("AfterAgent", 7, prompt="And?", prompt_response="One.", stop_hook_active=True)
    kept += [*kept, ("user", "And?"), ("agent", "No more."), ("agent", "One.")]
    assert logged(home) == kept


def test_what_hooks_put_before_a_prompt_is_not_kept(tell, home):
    given = tell("BeforeAgent", 1, prompt=FACT)
    tell("AfterAgent", 2, prompt=FACT, prompt_response="Noted.")
    shown = given.replace("<", "&lt;").replace(">", "&gt;")  # as the client gives it
    prompt = f"<hook_context>{shown}</hook_context>\n\n<hook_context>x</hook_context>\n\n{QUESTION}"
    given = tell("BeforeAgent", 3, "s2", prompt=prompt)
    assert FACT in given and injected_blocks.strip(given, echoes=False) == ""
    tell("AfterAgent", 4, "s2", prompt=prompt, prompt_response="In April.")
    assert logged(home)[2:] == [("user", QUESTION), ("agent", "In April.")]


def test_a_summary_in_the_session_file_is_kept_and_what_it_replaced_recalled(tell, home, tmp_path):
    tell("BeforeAgent", 1, prompt=FACT)
    say = lambda id, kind, text: {
        "id": id, "timestamp": "2026-01-30T09:00:01.000Z", "type": kind, "content": [{"text": text}]
    }  # fmt: skip
    agreed = say("b", "gemini", "Got it. Thanks for the additional context!")
    anew = [say("a", "user", "<state_snapshot>They spoke of taxes.</state_snapshot>"), agreed]
    (tmp_path / "session.jsonl").write_text(json.dumps({"$set": {"messages": anew}}) + "\n")
    for _ in range(2):
        tell("AfterAgent", 2, prompt=FACT, prompt_response="Noted.")
    (page,) = os.listdir(home.path("raw", "compaction"))
    assert "They spoke of taxes." in open(home.path("raw", "compaction", page)).read()
    given = tell("BeforeAgent", 4, prompt=QUESTION)
    assert FACT in given and "Persistent memory" in given
    tell("SessionEnd", 5)
    assert len(os.listdir(home.path("raw", "compaction"))) == 1
