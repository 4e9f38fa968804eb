"""A request that cannot be answered, as the server says it to the client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import ChannelError

if TYPE_CHECKING:
    from harness.hxfr.messages import ErrorCode


class RequestFailed(ChannelError):
    """Becomes an ERROR message; the connection goes on. Facts: code."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message, code=code)
        self.code = code
