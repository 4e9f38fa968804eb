"""A real SSH server in this process (paramiko's), which runs commands with the host's shell.

It can misbehave on purpose: see the attributes of :class:`Server`.
"""

from __future__ import annotations

import select
import socket
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import paramiko

from harness.guests.credentials import KeyPair

if TYPE_CHECKING:
    from collections.abc import Callable


def pkey(pair: KeyPair) -> paramiko.PKey:
    import io

    return paramiko.Ed25519Key.from_private_key(io.StringIO(pair.openssh))


class Server:
    """Listens on 127.0.0.1; a context manager with a port, and the keys of client and host."""

    def __init__(self, greeting: bytes | None = None) -> None:
        self.client = KeyPair.generate()
        self.host = KeyPair.generate()
        self.greeting = greeting
        """Instead of SSH: say this to every connection, and wait."""
        self.mute_channels = False
        """Do not answer requests to open a channel, as a paused guest."""
        self.mute_exec = False
        """Open channels, but do not answer the request to run a command."""
        self.refuse_first = 0
        """Close this many connections at once: nothing listens in the guest yet."""
        self.silent_s = 0.0
        """Say nothing to a connection for so long: the guest has no processor to itself."""
        self.connections = 0
        self._peers: list[socket.socket] = []
        self._transports: list[paramiko.Transport] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Server:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.die()

    def die(self) -> None:
        """Drop every connection, as a guest that is reset."""
        for process in self._processes:
            process.kill()
        for transport in self._transports:
            transport.close()
        for peer in self._peers:
            peer.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self.connections += 1
                self._peers.append(peer)
                if self.connections <= self.refuse_first:
                    peer.close()
                elif self.greeting is not None:
                    peer.sendall(self.greeting)
                else:
                    threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        if self.silent_s and select.select([peer], [], [], self.silent_s)[0]:  # the client has hung up
            return
        transport = _Transport(peer)
        transport.add_server_key(pkey(self.host))
        self._transports.append(transport)
        with suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(server=_Session(self))


class _Transport(paramiko.Transport):
    """Starts a command once the client has been told that it runs, as real servers do.

    paramiko sends that reply after the request's handler has returned: a command that the handler started could
    have ended, and closed its channel, before (a client takes that for a refusal).
    """

    def __init__(self, peer: socket.socket) -> None:
        super().__init__(peer)
        self.after_the_reply: list[Callable[[], None]] = []

    def _send_user_message(self, data: paramiko.Message) -> None:
        super()._send_user_message(data)
        if threading.current_thread() is self:  # the thread that handles requests and replies to them
            while self.after_the_reply:
                self.after_the_reply.pop()()


class _Session(paramiko.ServerInterface):
    def __init__(self, server: Server) -> None:
        self.server = server

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = key.get_base64() == self.server.client.public_line.split()[1]
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        while self.server.mute_channels:
            threading.Event().wait(0.05)
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        while self.server.mute_exec:
            threading.Event().wait(0.05)
        run = threading.Thread(target=self._run, args=(channel, command), daemon=True)
        channel.get_transport().after_the_reply.append(run.start)
        return True

    def _run(self, channel: paramiko.Channel, command: bytes) -> None:
        pipe = subprocess.PIPE
        process = subprocess.Popen(["/bin/sh", "-c", command], stdin=pipe, stdout=pipe, stderr=pipe)
        self.server._processes.append(process)
        threading.Thread(target=self._feed, args=(channel, process), daemon=True).start()
        pumps = [
            threading.Thread(target=self._pump, args=(stream, send), daemon=True)
            for stream, send in ((process.stdout, channel.sendall), (process.stderr, channel.sendall_stderr))
        ]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        status = process.wait()
        with suppress(OSError, EOFError):
            if status >= 0:
                channel.send_exit_status(status)
            channel.close()

    @staticmethod
    def _feed(channel: paramiko.Channel, process: subprocess.Popen[bytes]) -> None:
        with suppress(OSError):
            while data := channel.recv(32768):
                process.stdin.write(data)
        with suppress(OSError):
            process.stdin.close()

    @staticmethod
    def _pump(stream, send) -> None:
        with suppress(OSError, EOFError):
            while data := stream.read1(32768):
                send(data)
