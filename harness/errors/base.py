"""The root of the tree of errors."""

from __future__ import annotations

from typing import Any, ClassVar


class VisorbenchError(Exception):
    """Base of the tree; ``exit_code`` is what a command returns when this ends it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, fix: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.facts = facts

    def __str__(self) -> str:
        return f"{self.message} ({self.fix})" if self.fix else self.message

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["facts"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no fact {name!r}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        notes = {
            name: value for name, value in self.__dict__.items() if name == "__notes__"
        }  # if there are any
        return _rebuild, (type(self), self.message, self.fix, self.facts), notes


def _rebuild(
    cls: type[VisorbenchError], message: str, fix: str | None, facts: dict[str, Any]
) -> VisorbenchError:
    error = cls.__new__(cls)
    VisorbenchError.__init__(error, message, fix=fix, **facts)
    return error
