"""pi-mind's folder: `.pi-mind/` with `knowledge/*.md`, `raw/` and `pi-mind-config.json`.

    knowledge/<name>.md            pages, with the head that ours have: they come as they are, but
                                   for what `mem-lint --fix` would correct
    raw/compaction/*.md            summaries of conversations
    raw/observations/*.md, raw/<other package>/*.md   pages, of type reference unless they say
    raw/sessions/**/*.jsonl        pi's own sessions: `mem-import --from pi` reads them
    pi-mind-config.json            settings, which are told as lines of ours

knowledge/index.md is made by pi-mind, and no page."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ...formats.log import injected_blocks
from ...formats.page import page, page_edit, page_keys, repairs, triple
from ...formats.page.summary import ConversationSummary
from ...ground import clock, masks
from ...ground.errors import BadData
from . import claude_memory, items
from .claude_memory import MemoryFolder
from .conservation import conserve
from .items import HistoryItem, HistoryPage, Skipped, as_mapping
from .sources import Source

CONFIG = "pi-mind-config.json"
_PAGE = re.compile(r"(?:^|/)(?:knowledge|raw/(?P<part>[^/]+))/(?:.+/)?[^/]+\.(?:md|jsonl)\Z")
#: pi-mind's settings by ours; what it has besides has no like here
SETTINGS = {
    "knowledge.budget": "search.maxInjectTokens",
    "knowledge.l1_budget": "search.l1MaxTokens",
    "knowledge.k": "search.maxSearchResults",
    "knowledge.recency": "recency.maxBoost",
    "knowledge.recency_days": "recency.decayDays",
    "knowledge.weight_user": "typeWeights.user",
    "knowledge.weight_agent_feedback": "typeWeights.agent-feedback",
    "knowledge.weight_project": "typeWeights.project",
    "knowledge.weight_reference": "typeWeights.reference",
    "embed.model": "embedding.model",
}


class PiMind(MemoryFolder):
    tool = "pi-mind"

    def wanted(self, path: str) -> bool:
        return path.rpartition("/")[2] == CONFIG or bool(_PAGE.search(path))

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        match = _PAGE.search(source.place)
        part = match["part"] if match and match["part"] else ""
        if source.name == CONFIG:
            yield from _read_settings(source, note)
        elif source.name.endswith(".jsonl"):
            own = part == "maintenance-log"
            yield Skipped("maintenance log" if own else "session, which --from pi reads")
        elif source.name == "index.md" and not part:
            yield Skipped("index", claude_memory.read_text(source, note))
        else:
            yield from self._read_page(source, part, claude_memory.read_text(source, note))

    def _read_page(self, source: Source, part: str, text: str) -> Iterator[HistoryItem]:
        linked = lambda text: claude_memory.link_pages(text, source.beside)
        data, name = text.encode(), source.name
        head = _read_head(data, name)
        read = page.parse(repairs.repair(data, name, lambda image: False).data, name)
        body = linked(injected_blocks.strip(read.body, echoes=False))
        record = {"head": head, "body": read.body}
        day = read.day.isoformat() if read.day else clock.to_text(source.instant)[:10]
        if not body.strip():
            found: HistoryItem = Skipped("empty", record)
        elif part == "compaction" or (not part and read.type == "compaction"):
            id, instant = source.name.removesuffix(".md"), items.parse_instant(head.get("date"))
            when = source.instant if instant is None else instant
            found = ConversationSummary("pi-mind/compaction", id, when, body)
        else:
            tags = [tag for tag in read.tags if not page_keys.key_in_tag(tag)]
            sayings = [list(one.triple) for one in read.triples if _says(one.triple)]
            more = {"tags": tags, "triples": sayings, "supersedes": list(read.supersedes)}
            more |= {"valid_from": _day(read.valid_from), "valid_to": _day(read.valid_to)}
            found = HistoryPage(
                self.name_page(source), f"{claude_memory.make_writable(body).strip()}\n", day,
                read.type, read.tier, read.source or (part or "pi-mind"), items.make_meta(**more),
            )  # fmt: skip
        yield from conserve(self.tool, record, [found], linked)


def _says(stated: triple.Triple) -> bool:
    """Whether a triple is one that mem-note takes: one without a relation is none."""
    predicate = triple.normalize_predicate(stated.predicate)
    return bool(predicate) and predicate not in triple.COPULAS | triple.VAGUE


def _day(day: Any) -> str:
    return day.isoformat() if day else ""


def _read_head(data: bytes, name: str) -> dict[str, Any]:
    """What a head says, by key, whatever the keys are."""
    values = page_edit.list_values(page_edit.read_entries(data, name))
    return {key: _untag(value) for key, value in values}


def _untag(value: Any) -> Any:
    """A value of YAML without its tags."""
    inner = value[1] if isinstance(value, tuple) else value
    return [_untag(one) for one in inner] if isinstance(inner, list) else inner


def _read_settings(source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
    """Each setting that has a like here, as the line of config.toml that says the same."""
    with source.opened(note) as file:
        try:
            value = as_mapping(json.loads(file.read().decode("utf-8", "replace")))
        except (ValueError, RecursionError):
            raise BadData("not valid JSON", place=source.place, cure="fix it") from None
    for ours, theirs in SETTINGS.items():
        group, _, name = theirs.partition(".")
        given = as_mapping(value.get(group)).get(name)
        if isinstance(given, str) and ours == "embed.model":
            yield Skipped(f"setting: {ours} = {json.dumps(f'ollama:{masks.cut(given, 80)}')}")
        elif isinstance(given, int | float) and not isinstance(given, bool):
            yield Skipped(f"setting: {ours} = {given}")
    yield Skipped("settings file", value)
