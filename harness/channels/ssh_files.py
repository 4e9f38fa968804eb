"""Files in and out of a guest whose SSH server has no sftp: cat (gzip for large ones), and a SHA-256 on both sides."""

from __future__ import annotations

import errno
import hashlib
import shlex
import zlib
from typing import IO, TYPE_CHECKING

from harness.errors import CommandFailed, DiskFull, OutputTooLarge, TransferFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.channels.ssh import Ssh

_CHUNK = 32 << 10
_COMPRESSED_FROM = 1 << 20
"""Bytes from which a file is sent compressed: an emulated guest deciphers 2 MB/s, and unpacks ten times as many."""
_DIFFERS = 65


def put(ssh: Ssh, local: Path, remote: str, mode: int, timeout_s: float) -> None:
    """Send a file; under its name it appears whole, checked and with its mode, or not at all."""
    with local.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name, part = shlex.quote(remote), shlex.quote(f"{remote}.part")
    compressed = local.stat().st_size >= _COMPRESSED_FROM
    receive = "gzip -dc" if compressed else "cat"
    script = (
        f"umask 077; {receive} > {part} && chmod {mode:o} {part} || {{ rm -f {part}; exit 1; }}; "
        f'[ "$(sha256sum < {part})" = "{digest}  -" ] || {{ rm -f {part}; exit {_DIFFERS}; }}; mv -f {part} {name}'
    )
    with local.open("rb") as file:
        try:
            chunks = _compressed(_chunks(file)) if compressed else _chunks(file)
            ssh.stream(script, stdin=chunks, timeout_s=timeout_s)
        except CommandFailed as error:
            why = (
                "it arrived changed" if error.status == _DIFFERS else error.stderr or f"status {error.status}"
            )
            raise TransferFailed(f"cannot put {local} into the guest as {remote}: {why}") from error


def get(ssh: Ssh, remote: str, local: Path, timeout_s: float, limit_bytes: int) -> None:
    """Fetch a file; the local one is written whole and checked, or not at all."""
    name = shlex.quote(remote)
    partial = local.with_name(f"{local.name}.part")
    try:
        with partial.open("wb") as file:
            arriving = _Arriving(file, limit_bytes)
            ssh.stream(f"sha256sum < {name} && cat {name}", stdout=arriving, timeout_s=timeout_s)
        if arriving.digest.hexdigest() != arriving.promised:
            raise TransferFailed(f"{remote} came out of the guest changed")
        partial.replace(local)
    except CommandFailed as error:
        raise TransferFailed(f"cannot get {remote} from the guest: {error.stderr}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left for {local}", fix="make room there", path=local) from error
        raise TransferFailed(f"cannot write {local}: {error.strerror}", path=local) from error
    finally:
        partial.unlink(missing_ok=True)


class _Arriving:
    """The line of sha256sum, then the file."""

    def __init__(self, file: IO[bytes], limit_bytes: int) -> None:
        self.digest = hashlib.sha256()
        self.promised = ""
        self._file = file
        self._left = limit_bytes
        self._head = b""

    def __call__(self, data: bytes) -> None:
        if not self.promised:
            self._head += data
            line, end, data = self._head.partition(b"\n")
            if not end:
                data = b""
                if len(line) > 200:
                    raise TransferFailed("the guest's sha256sum speaks another dialect", said=line[:200])
            else:
                self.promised = line.split()[0].decode(errors="replace") if line.split() else "nothing"
        self._left -= len(data)
        if self._left < 0:
            raise OutputTooLarge("the guest's file is larger than the limit", fix="raise limit_bytes")
        self.digest.update(data)
        self._file.write(data)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(level=1, wbits=31)  # 31: in the format of gzip
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
