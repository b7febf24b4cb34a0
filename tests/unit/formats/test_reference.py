import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats import reference
from plainmind.formats.reference import Reference
from plainmind.ground.errors import BadData


@pytest.mark.parametrize("text, found", [
    ("logs/a/b/x.md:3", ("logs/a/b/x.md", 3, 3)), ("logs/a/b/x.md:3:", ("logs/a/b/x.md", 3, 3)),
    ("logs/a/b/x.md:3-9", ("logs/a/b/x.md", 3, 9)), ("logs/a/b/x.md:3-3", ("logs/a/b/x.md", 3, 3)),
    ("  logs/a/b/x.md:3\n", ("logs/a/b/x.md", 3, 3)),
    ("/home/a b: c/logs/a/b/x.md:12", ("/home/a b: c/logs/a/b/x.md", 12, 12)),
    ("x:1:2", ("x:1", 2, 2)), ("x:007", ("x", 7, 7)), ("é\udcff:1", ("é\udcff", 1, 1)),
])  # fmt: skip
def test_references(text, found):
    assert reference.parse(text) == found


@pytest.mark.parametrize("text, said", [
    ("", "'' is not a reference"), (":", "is not a reference"), (":3", "is not a reference"),
    ("x", "is not a reference"), ("x:", "is not a reference"), ("x:0", "is not a reference"),
    ("x:-1", "is not a reference"), ("x:3-", "is not a reference"), ("x:a", "is not a reference"),
    ("x:1.5", "is not a reference"),
    ("x:9-3", "'x:9-3' ends before it starts; write path:first-last"),
    ("x:1234567890123", "is not a reference"), ("x:٣", "is not a reference"),
    ("x:３", "is not a reference"), ("x:²", "is not a reference"),
], ids=ascii)  # fmt: skip
def test_what_is_no_reference(text, said):
    with pytest.raises(BadData) as failed:
        reference.parse(text)
    assert said in str(failed.value)


@pytest.mark.parametrize("line, ref", [
    ("logs/a/b/x.md:3: How do I", "logs/a/b/x.md:3"), ("logs/a/b/x.md:3\tok", "logs/a/b/x.md:3"),
    ("logs/a/b/x.md:3", "logs/a/b/x.md:3"), ("logs/a/b/x.md:3: a: b\tc", "logs/a/b/x.md:3"),
    ("logs/a/b/x.md:3:", "logs/a/b/x.md:3:"),
    ('{"ref":"logs/a/b/x.md:3","excerpt":"a: b"}', "logs/a/b/x.md:3"),
    ('{"ref":3}', '{"ref":3}'), ('{"a": 1}', '{"a"'), ("{", "{"), ("[" * 9999, "[" * 9999),
])  # fmt: skip
def test_the_reference_a_line_of_output_starts_with(line, ref):
    assert reference.take_leading(line) == ref


@given(
    path=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
    line=st.integers(1, 10**12 - 1),
    more=st.integers(0, 9),
)
def test_a_reference_reads_back(path, line, more):
    ref = Reference(path.strip(), line, min(line + more, 10**12 - 1))
    assert reference.parse(str(ref)) == ref
