"""All that a model's size changes about a turn. A provider names the profile of its model."""

from typing import Any, NamedTuple

from ..memory import moments
from ..memory.moments import Share
from ..providers.chat import Chat
from ..recall.pages import Policy

ANY = 1 << 60  # as many as the settings say


class Profile(NamedTuple):
    """Budgets in estimated tokens; settings may be stricter, never laxer."""

    persona: str  # file beside this one
    tools: bool = True  # it is offered bash
    skills: bool = True  # it is told of skills, surroundings and audits that are due
    plain: bool = False  # memories come as sentences
    history_share: float = 0.5  # of its context window, unless turn.history_tokens is set
    most_moments: int = ANY
    moments_floor: float = 0.0
    pins: str = "always"  # or floor: they must be as relevant as anything else
    moments_budget: int = 1000
    moment_budget: int = 250  # of one
    most_pages: int = ANY
    pages_floor: float = 0.0
    pages_budget: int = ANY
    l1_budget: int = ANY  # pages that are always given
    page_budget: int = ANY  # of one

    def share(self, settings: Any) -> Share:
        """What a message is given of the past, by the settings and within this profile."""
        policy = Policy.of(settings)
        limits = moments.limits_of(settings, block=self.moments_budget)
        return Share(
            limits._replace(
                k=min(limits.k, self.most_moments),
                floor=max(limits.floor, self.moments_floor),
                pins=max(limits.pins, self.pins),  # floor is the stricter one
            ),
            self.moments_budget,
            self.moment_budget,
            policy._replace(
                k=min(policy.k, self.most_pages),
                floor=max(policy.floor, self.pages_floor),
                budget=min(policy.budget, self.pages_budget),
                l1_budget=min(policy.l1_budget, self.l1_budget),
                each=min(policy.each, self.page_budget),
            ),
            self.plain,
        )


PROFILES = {
    "full": Profile("persona.md"),
    # a small model takes whatever stands before the message for the answer: only what is surely
    # relevant, and little; no JSON, and no history, which it would repeat
    "small": Profile(
        "persona-small.md",
        tools=False,
        skills=False,
        plain=True,
        history_share=0.0,
        most_moments=3,
        moments_floor=0.6,
        pins="floor",
        moments_budget=300,
        moment_budget=100,
        most_pages=1,
        pages_floor=0.5,
        pages_budget=300,
        l1_budget=150,
        page_budget=100,
    ),
}


def of(chat: Chat) -> Profile:
    return PROFILES[chat.profile]
