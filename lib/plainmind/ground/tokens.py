"""The one estimate of how many tokens a text is: what a model's own tokenizer says differs by model
and language."""

CHARACTERS = 4  # one token, about


def estimate(text: str | bytes) -> int:
    """Tokens: 4 characters each (of bytes: 4 bytes), rounded up."""
    return -(-len(text) // CHARACTERS)
