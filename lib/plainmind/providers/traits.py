"""What is known of chat models. Apart from what they are, which no recall has to load."""

from typing import Any, NamedTuple


class Traits(NamedTuple):
    """What is known of a model."""

    profile: str = "full"  # or small: too weak for a long prompt and tools (agent.profile)
    tools: str = "native"  # or json: it writes its calls as text (json_calls)
    context_tokens: int = 32_768  # its window
    calls_as_text: bool = False  # calls that it writes as text are run
    thoughts_opened: bool = False  # by its prompt: what comes first may be thoughts
    thoughts_field: str = ""  # that its servers want in every message of the model's


#: of a model whose name (`provider:NAME`, small letters) has one of these words in it; the first
MODELS = [
    ("embedded", Traits("small", context_tokens=4096)),
    ("smollm", Traits("small", context_tokens=4096)),
    ("tinyllama", Traits("small", context_tokens=2048)),
    # these write their calls as text, and servers refuse them a list of tools
    ("gemma-2 gemma2", Traits(tools="json", context_tokens=8192)),
    ("gemma-3 gemma3 phi-3 phi3", Traits(tools="json")),
    ("llama-2 llama2", Traits(tools="json", context_tokens=4096)),
    ("codellama", Traits(tools="json", context_tokens=16_384)),
    ("deepseek-r1", Traits(tools="json")),
    ("google:gemini", Traits(context_tokens=1_000_000)),
    ("openai:gpt-4.1", Traits(context_tokens=1_000_000)),
    ("openai:gpt-4o", Traits(context_tokens=128_000)),
    ("openai:gpt-5", Traits(context_tokens=256_000)),
    ("openai:o1 openai:o3 openai:o4", Traits(context_tokens=200_000)),
    ("claude", Traits(context_tokens=200_000)),
    ("ollama:", Traits(context_tokens=8192)),  # it takes memory for all of its window at once
]

#: how a model writes where its server has no parser for that; all that fit count. The thoughts of
#: DeepSeek, Kimi and MiMo are required in all later messages, but may be empty
FORMS: list[tuple[str, dict[str, Any]]] = [
    ("deepseek-r1", {"thoughts_opened": True}),
    ("qwq", {"thoughts_opened": True, "calls_as_text": True}),
    ("thinking", {"thoughts_opened": True}),
    ("glm-4 glm-5", {"thoughts_opened": True, "calls_as_text": True}),
    ("minimax-m", {"thoughts_opened": True, "calls_as_text": True}),
    ("qwen hermes llama-3 llama3 gpt-oss", {"calls_as_text": True}),
    ("mistral ministral magistral mathstral devstral", {"calls_as_text": True}),
    ("deepseek kimi", {"calls_as_text": True, "thoughts_field": "reasoning_content"}),
    ("mimo", {"thoughts_field": "reasoning_content"}),
]


def traits_of(model: str) -> Traits:
    """What is known of a chat model, by its name with its provider."""
    name = model.lower()
    known = next((known for words, known in MODELS if _has(name, words)), Traits())
    for words, form in FORMS:
        known = known._replace(**form) if _has(name, words) else known
    return known


def _has(name: str, words: str) -> bool:
    return any(word in name for word in words.split())
