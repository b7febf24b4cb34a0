"""What a turn uses of a model, and what that costs."""

from typing import Any


class UsageMeter:
    """Tokens, seconds and cost since they were last logged.

    Prices are in US dollars per million tokens; both 0 when none is set.
    """

    def __init__(self, input_price: float, output_price: float):
        self._prices = {"input_tokens": input_price, "output_tokens": output_price}
        self._sum: dict[str, Any] = {}

    def add(self, usage: dict[str, Any], seconds: float) -> None:
        """Count one answer; its cost is the provider's, or by the prices set."""
        if "cost" not in usage and any(self._prices.values()):
            cost = sum(usage.get(key, 0) * price for key, price in self._prices.items())
            usage = {**usage, "cost": round(cost / 1e6, 9)}
        for key, value in {**usage, "seconds": seconds}.items():
            self._sum[key] = round(self._sum.get(key, 0) + value, 9)

    def take(self) -> dict[str, Any]:
        """The `usage` of an event's meta, {} when the model was not asked; it is counted from 0
        again."""
        used, self._sum = self._sum, {}
        return {"usage": used} if used else {}
