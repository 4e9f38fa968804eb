"""What one server gives to clients that it does not trust.

Whatever they do, memory that they make it use has a bound, and is counted before it is set aside: ``memory_bytes`` for
all that is encoded for them alone, ``connections`` times ``queue_bytes`` for answers that they do not read. Beside it
each scanout has one stream for all its subscribers, and pictures of its own: some of the display's size, however many
clients there are.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these a client is told so; who is too many, too slow or makes no sense is dropped too."""

    connections: int = 64
    sessions: int = 8
    """Of one connection: each may have an encoder."""
    memory_bytes: int = 2 << 30
    """Of the encoders of all sessions, as ``EncoderConfig.memory_bytes`` has them, and of all pixels that came with
    requests and are not encoded yet: some 20 sessions of 1920x1080. A frame for which there is none is answered with
    ENCODE_FAILED; the same session may have it later, and those that have an encoder go on."""
    client_memory_bytes: int = 5 << 28
    """The part of it that one connection may have: enough for the largest picture that H.264 knows, and its pixels."""
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
