"""What pydantic finds wrong with a configuration, as one sentence that names the key, variable or option.

pydantic speaks of types and of places like ``archs.0``; the user typed ``--arch arm65``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from harness.errors import InvalidConfiguration, UnknownName, UsageError
from harness.guests.model import Arch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Place = tuple[int | str, ...]
"""Where a value stands: ``("subjects", 0, "cpus")``."""

_MUST_BE = {
    "string_type": "a string in quotes",
    "path_type": "a path in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "too_short": "a list with something in it",
}
"""pydantic's type of error → what the value must be, with the error's context filled in."""
_EXAMPLES = {"backends": '["tcg"]', "archs": '["arm64"]'}


def explained(
    model: type[BaseModel], error: ValidationError, givers: Mapping[str, Callable[[str], str]]
) -> UsageError:
    """The first mistake, unknown keys before all others; ``givers`` turns a key into words, by its first part."""
    errors = error.errors()
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    place, giver = first["loc"], givers[str(first["loc"][0])]
    if first["type"] == "extra_forbidden":
        return UnknownName("key", _dotted(place), keys_beside(model, place), where=giver(""))
    named = giver(_dotted(place[:-1] if isinstance(place[-1], int) else place))
    if first["type"] == "enum":
        return UnknownName("architecture", str(first["input"]), [known.value for known in Arch], where=named)
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        known = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        return UnknownName("value", first["input"], known, where=named)
    return InvalidConfiguration(f"{named} {_wish(first)}", fix=_fix(first))


def _wish(error: ErrorDetails) -> str:
    kind, key = error["type"], str(error["loc"][-1])
    if kind == "missing":
        return "is missing"
    if kind in ("tuple_type", "list_type"):
        return f"must be a list, e.g. {_EXAMPLES.get(key, '[…]')}, not {error['input']!r}"
    if kind in _MUST_BE:
        return f"must be {_MUST_BE[kind].format(**error.get('ctx', {}))}, not {error['input']!r}"
    return f"does not fit: {error['msg'][0].lower()}{error['msg'][1:]} (it is {error['input']!r})"


def _fix(error: ErrorDetails) -> str:
    return "write it there" if error["type"] == "missing" else "correct it, or leave it out"


def _dotted(place: Place) -> str:
    return ".".join(map(str, place))


def keys_beside(model: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """The full names of the keys that could stand where ``place`` names an unknown one."""
    prefix: list[str] = []
    current: Any = model
    for part in place[:-1]:
        prefix.append(str(part))
        current = _inner_model(current, part)
    return [".".join([*prefix, name]) for name in current.model_fields]


def _inner_model(model: Any, part: int | str) -> Any:
    """The model found under ``part``: of a field, or of a mapping's or sequence's items."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        annotation = model.model_fields[str(part)].annotation
        items = [
            arg
            for arg in getattr(annotation, "__args__", ())
            if isinstance(arg, type) and issubclass(arg, BaseModel)
        ]
        return _Items(items[0]) if items else annotation
    return model.model


class _Items:
    """The values of a ``dict[str, M]`` or the items of a ``tuple[M, ...]``."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model
