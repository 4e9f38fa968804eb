"""What one server gives to clients that it does not trust."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these a client is told so, and dropped."""

    connections: int = 64
    sessions: int = 8
    """Of one connection: each may have an encoder."""
    pixel_bytes: int = 64 << 20
    """Of a frame that comes with a request."""
    queue_bytes: int = 16 << 20
    """Not read yet by the client; one that reads more slowly than the display changes is dropped."""
    pending: int = 8
    """Requests of one connection that wait for the one before; then, or when ``pixel_bytes`` wait with them, it is not
    read from."""
    message_s: float = 30
    """For a message to arrive, from its first byte to its last."""
    farewell_s: float = 5
    """For the last message to a client to be taken."""
