"""Every kind of file of a memory folder has a rule, and the documents tell it."""

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.sync import rules
from scene import ROOT

SAMPLES = {
    "<surface>": "discord-thread", "<id>": "123", "<context_id>": "123", "<name>": "tea",
    "<window>": "20260130T142355Z_0100", "<topic>": "build", "<unix time>": "1769783035",
    "<agent>": "backend", "<16 digits>": "0123456789abcdef", "<month>": "2026-01", "NAME": "other",
}  # fmt: skip
#: what docs/sync.md says of a kind
SAID = {
    "the longer one; a blanked body wins; never deleted": {rules.WINDOW},
    "by lines; both of what was changed stand": {rules.UNION},
    "three-way by lines, or both are kept": {rules.TEXT},
    "key by key, or both are kept": {rules.STATE},
    "every line of either": {rules.JOURNAL},
    "the same, or both are kept": {rules.WHOLE, rules.JOURNAL},
    "what retention deleted, what turns were given: every line": {rules.JOURNAL},
    "they do not change": {rules.WHOLE},
    "stays on its machine": {rules.LOCAL},
    "made again": {rules.MADE},
    "never leaves": {rules.SECRET},
}


def rows(document: str, heading: str) -> list[tuple[list[str], str]]:
    """Paths, as examples of them, and what is said, of the table below a heading."""
    with open(os.path.join(ROOT, "docs", document), encoding="utf-8") as file:
        table = file.read().split(heading, 1)[1].split("\n\n", 1)[0]
    found = []
    for row in re.findall(r"^\| (.*) \| (.*) \|$", table, re.M)[1:]:
        paths = re.findall(r"`([^`]+)`", row[0])
        for name, sample in SAMPLES.items():
            paths = [path.replace(name, sample) for path in paths]
        found.append(([f"{path}x" if path.endswith("/") else path for path in paths], row[1]))
    return found


def test_every_file_of_the_documents_has_a_rule():
    found = rows("files.md", "| file | what it holds |\n")
    paths = [path for some, _ in found for path in some]
    assert len(paths) > 30
    assert [path for path in paths if rules.find(path) is None] == []


def test_a_kind_of_file_without_a_rule_is_noticed():
    assert rules.find("diaries/monday.md") is None and rules.find("new.db") is None


def test_the_documents_tell_the_rules():
    kinds, last = {}, ""
    for paths, said in rows("sync.md", "| file | what becomes of two versions |\n"):
        said = last if said == "the same" else said
        last = said
        for path in paths:
            kinds[path] = said
    told = {path: SAID[said] for path, said in kinds.items() if said in SAID}
    assert len(told) >= len(kinds) - 1  # vectors have a line of their own
    for path, allowed in told.items():
        rule = rules.find(path)
        assert rule and rule.kind in allowed, path


def test_each_rule_is_the_first_for_something():
    for rule in rules.RULES:
        sample = rule.example
        for name, value in {
            **SAMPLES,
            "<digits>": "1",
            "<number>": "0001",
            "<anything>": "x",
        }.items():
            sample = sample.replace(name, value)
        assert rules.find(sample) is rule, rule.example


@pytest.mark.parametrize("path", [
    "../x.md", "/etc/passwd", "knowledge/../../x.md", "knowledge/./x.md", "knowledge//x.md",
    "logs/a/b/../c.md", "logs/../x/20260130T142355Z.md", ".git/config", "knowledge/.git/config",
    ".env", ".env.local", "knowledge/.obsidian/workspace.json", "work/.lock", "skills/.hidden/x",
    "logs/a/b/.turn", "remind/lock", "relay/lock", "sync/machine.json", "sync/git/config",
    "config.toml", "index/mind.db", "knowledge/x.md.tmp", "knowledge/a\nb.md", "knowledge/",
    "relay/inbox.jsonl", "resident/trust.json", "raw/maintenance-log/forgetting.json",
    "vectors/embedded-multilingual-e5-small.vectors", "raw/maintenance-log/.lock",
])  # fmt: skip
def test_what_never_goes_to_another_machine(path):
    assert rules.find_shared(path, vectors=True) is None


@given(
    st.lists(
        st.sampled_from(["..", ".", "", "logs", "knowledge", "a", "x.md", "~", "\0"]), max_size=6
    )
)
def test_no_path_from_elsewhere_leads_out(parts):
    path = "/".join(parts)
    if rules.find_shared(path, vectors=True):
        assert not path.startswith("/") and not {"..", ".", ""} & set(path.split("/"))
        assert "\0" not in path
