"""What is known of chat models. Apart from what they are, which no recall has to load."""

from typing import NamedTuple


class Traits(NamedTuple):
    """What is known of a model."""

    profile: str = "full"  # or small: too weak for a long prompt and tools (agent.profile)
    tools: str = "native"  # or json: it writes its calls as text (json_calls)
    context_tokens: int = 32_768  # its window
    calls_as_text: bool = False  # calls that it writes as text are run
    thoughts_opened: bool = False  # by its prompt: what comes first may be thoughts
    thoughts_field: str = ""  # that its servers want in every message of the model's
