"""A text that is changed says the new value, and what did not change is as it was written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats import json_edit, strict_json

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.0, -0.0, 1.0, 1.5]),
    st.text('a"\\,:{}[]\n é', max_size=3),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab,", max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)
layouts = st.sampled_from([
    {}, {"indent": 2}, {"indent": 0}, {"indent": "\t"}, {"separators": (" ,\n ", " : ")},
    {"separators": (",", ":")}, {"indent": 4, "separators": (" ,", ":")},
])  # fmt: skip


@given(old=values, new=values, layout=layouts, around=st.sampled_from(["", "\n", " \r\n\t"]))
def test_the_text_says_what_it_should(old, new, layout, around):
    text = around + json.dumps(old, **layout) + around
    made = json_edit.edit(text, old, new)
    assert json.dumps(json.loads(made)) == json.dumps(new), "1 is neither true nor 1.0"
    assert json_edit.edit(text, old, old) == text


@given(inner=values, more=values, layout=layouts)
def test_what_is_beside_a_change_is_as_it_was_written(inner, more, layout):
    text = json.dumps({"kept": [inner], "list": [inner], "last": 1}, **layout)
    new = {"kept": [inner], "list": [inner, more], "last": 2, "more": more}
    made = json_edit.edit(text, json.loads(text), new)
    assert json.loads(made) == new
    before, _, rest = text.partition('"last"')
    before = before.rstrip(" ,\n\t").removesuffix("]").rstrip()
    assert made.startswith(before), "of the list, too, all that was in it"


@pytest.mark.parametrize("text, new, expected", [
    ('{"a": ["x"], "b": 1}', {"a": ["x", "y"], "b": 1, "c": {"d": 2}},
     '{"a": ["x", "y"], "b": 1, "c": {"d": 2}}'),
    ('{\n\t"a": ["x"],\n\t"b": {}\n}\n', {"a": ["x", [1]], "b": {"d": [2]}},
     '{\n\t"a": ["x", [1]],\n\t"b": {\n\t\t"d": [\n\t\t\t2\n\t\t]\n\t}\n}\n'),
    ('{\n "n": 1.50,\n "l": [\n  1\n ]\n}', {"n": 1.5, "l": [1, {"k": 2}], "m": []},
     '{\n "n": 1.50,\n "l": [\n  1,\n  {\n   "k": 2\n  }\n ],\n "m": []\n}'),
    ('{\r\n  "a": 1\r\n}\r\n', {"a": 2, "b": 3}, '{\r\n  "a": 2,\r\n  "b": 3\r\n}\r\n'),
    ('{"a": 1, "b": 2}', {"b": 2}, '{"b": 2}'),
    ("{}\n", {"a": [1]}, '{\n  "a": [\n    1\n  ]\n}\n'),
])  # fmt: skip
def test_how_additions_are_laid_out(text, new, expected):
    assert json_edit.edit(text, strict_json.parse(text), new) == expected
