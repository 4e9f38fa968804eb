"""What a benchmark of the harness comes to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the output; a value passes up to and including its limit."""

    name: str
    value: float
    unit: str
    limit: float
    detail: dict[str, Any] = field(default_factory=dict)
    holds: bool = True
    """Whether what ``detail`` promises besides the value holds, e.g. a limit on memory."""

    @property
    def passed(self) -> bool:
        """Whether the value keeps the limit, and the rest holds."""
        return self.holds and self.value <= self.limit

    def to_json(self) -> str:
        """``{"name", "value", "unit", "limit", "pass", "detail"}``."""
        return json.dumps(
            {
                "name": self.name,
                "value": round(self.value, 4),
                "unit": self.unit,
                "limit": self.limit,
                "pass": self.passed,
                "detail": self.detail,
            }
        )
