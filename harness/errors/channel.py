"""A channel into a guest failed."""

from __future__ import annotations

from harness.errors.base import VisorbenchError


class ChannelError(VisorbenchError):
    """A channel into the guest failed."""


class HostKeyChanged(ChannelError):
    """The guest's SSH host key is not the one that it was given."""


class CommandTimeout(ChannelError):
    """A command in the guest did not end in time."""


class CommandFailed(ChannelError):
    """A command in the guest ended with another exit status than asked; facts: argv, status, stderr."""


class ChannelClosed(ChannelError):
    """The peer closed the channel."""


class InvalidMessage(ChannelError):
    """A peer sent bytes that are no message of the protocol, or one that cannot be; the connection is over."""


class PortRefused(ChannelError):
    """Nobody in the guest listens on a vsock port."""


class VsockLost(ChannelError):
    """The process that carries a machine's vsock has ended; facts: status, log."""


class NotSeen(ChannelError):
    """What was awaited did not appear on a console or event port in time; facts: awaited, timeout_s, tail."""


class OutputTooLarge(ChannelError):
    """A guest sent more than the harness is willing to hold; facts: limit_bytes."""


class TransferFailed(ChannelError):
    """A file did not arrive, or not as it was sent."""
