from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.log import window_heads
from plainmind.formats.log.window_heads import WindowHead

a_head = st.builds(
    WindowHead,
    st.text(),
    st.integers(0, 2**60),
    st.integers(1, 2**40),
    st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
)


@given(written=st.lists(a_head, max_size=5), torn=st.binary(max_size=20))
def test_heads_read_back_and_a_torn_line_harms_none(written, torn):
    rows = [window_heads.render(head) for head in written]
    assert all(row.count(b"\n") == 1 and row.endswith(b"\n") for row in rows)
    assert window_heads.parse(b"".join(rows)) == written
    assert [
        h for h in window_heads.parse(b"".join(rows) + torn.replace(b"\n", b"")) if h in written
    ] == written


def test_the_latest_head_of_each_window():
    found = [WindowHead("a", 1, 3, "x"), WindowHead("b", 1, 3, "x"), WindowHead("a", 2, 6, "y")]
    assert window_heads.latest_by_window(found) == {"a": found[2], "b": found[1]}


def test_what_is_no_head():
    rubbish = [
        b"", b"{}", b"[]", b"7", b'{"window":"a"}', b'{"window":"a","size":"x","line":1,"h":"x"}',
        b'{"window":"a","size":1e999,"line":1,"h":"x"}', b"[" * 99_999,
    ]  # fmt: skip
    assert window_heads.parse(b"\n".join(rubbish)) == []
