"""A message that was changed is recalled as it is now, and not as it was."""

import pytest
from plainmind.formats.evidence import Scope
from plainmind.recall.search import Query
from plainmind.truth.log import pinning, reader
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores

pytestmark = pytest.mark.usefixtures("unsynced", "engine")


def said(home, context, role, text, **meta):
    ((written),) = Log(home).append(context, [EventDraft(NOW, role, text, meta)], NOW)
    return written.ref


def recalled(home, text):
    for index in stores.attempts(home, print):
        with index:
            return [
                hit.ref for hit in stores.search(index, Query(text, NOW), Scope(), 10, 0.0).hits
            ]


def test_an_earlier_form_is_not_recalled_and_a_pin_of_it_is_of_what_it_says_now(home):
    old = said(home, "test/a", "user", "the boiler is serviced on Monday")
    other = said(home, "test/a", "user", "the boiler hums")
    assert {*recalled(home, "boiler")} == {old, other}
    new = said(home, "test/a", "system", "the boiler is serviced on Friday", changes=[old])
    assert {*recalled(home, "boiler")} == {new, other}
    assert old not in recalled(home, "Monday")
    last = said(home, "test/a", "system", "the boiler is serviced in May", changes=[old, new])
    assert {*recalled(home, "boiler")} == {last, other}
    pinning.pin(home, reader.read_event(home, old))
    assert recalled(home, "boiler serviced")[0] == last and old not in recalled(home, "Monday")
    stores.throw_away(home)
    assert recalled(home, "Monday")[0] == last and old not in recalled(home, "Monday")


def test_nobody_but_the_relay_takes_an_event_out_of_recall(home):
    """What an agent or a tool says in its metadata, and what is said elsewhere, changes nothing."""
    old = said(home, "test/a", "user", "the boiler is serviced on Monday")
    for context, role in (("test/b", "system"), ("test/a", "agent"), ("test/a", "user")):
        said(home, context, role, "something else", changes=[old])
    for wrong in ("x", [1, None, "nowhere:3", f"{old}9", "logs:0"], {}, [old + "x"]):
        said(home, "test/a", "system", "something else", changes=wrong)
    assert recalled(home, "Monday")[0] == old
