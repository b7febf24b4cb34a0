"""What others wrote is never obeyed by a terminal, and JSON carries it all the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.cli import session
from plainmind.ground import stream

OBEYED = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u202a\u202e\u2066\u2069"]


@given(st.text(st.sampled_from([*OBEYED, "a", "\U0001f600", "\\", "\ud800"])))
def test_json_escapes_what_a_terminal_obeys(text):
    for value in (text, {text: [text]}):
        line = stream.json_line(value)
        assert json.loads(line) == value and not set(line) & set(OBEYED)


@pytest.mark.parametrize("mark", sorted({*OBEYED} - {"\t", "\n"}))
def test_a_report_on_a_terminal_is_not_obeyed(mark, monkeypatch):
    """Whatever is printed as it came: an explanation has names of authors."""
    shown: list[str] = []
    monkeypatch.setattr(stream, "stdout_is_terminal", lambda: True)
    monkeypatch.setattr(stream, "write", lambda text, **_: shown.append(text))
    one = session.Session.__new__(session.Session)
    monkeypatch.setattr(session.Session, "_is_colored", lambda self: False)
    from plainmind.recall.report import Report

    one.emit_found(Report(True, f"# words\n1\tAnn{mark}[2J: x\n"))
    assert mark not in "".join(shown) and "Ann" in shown[0]
