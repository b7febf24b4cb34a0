"""What work-log is given, as lines."""

from types import SimpleNamespace

import pytest
from plainmind.formats.work import journal as grammar
from plainmind.ground import stream
from plainmind.ground.paths import Home
from plainmind.truth.work import journal
from plainmind.work import event_input


def test_an_interrupt_says_up_to_where_all_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "BATCH_LINES", 2)
    home, said = Home(str(tmp_path)), []
    session = SimpleNamespace(now=0, dry_run=False, say=said.append)

    def lines():
        yield from [b'{"type":"lesson","lesson":"x"}\n'] * 5
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(event_input.append_lines(home, lines(), grammar.Author(), session))
    assert said == ["interrupted; up to line 4 all is written"]
    assert len(list(journal.read(home))) == 4
