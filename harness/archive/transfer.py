"""One HTTP transfer: a small body into memory, or a large one into a file that can be resumed.

Resuming follows RFC 9110, section 14: ``Range: bytes=N-``; a 206 that starts at N continues the file, a 200 starts
it again (a server may ignore Range), a 416 means that what we have is not a part of what they have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.errors import ArchiveCorrupt, ArchiveUnreachable
from harness.host.storage import ELSEWHERE
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import requests

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
FIX = "connect to the network, or set VISORBENCH_MIRROR to a mirror you can reach"

_CHUNK_BYTES = 256 << 10
_CONTENT_RANGE = re.compile(r"bytes (?P<start>\d+)-\d+/(?:\d+|\*)")


def get_small(url: str, limit_bytes: int) -> bytes:
    """The body at ``url``; raises ArchiveUnreachable, or ArchiveCorrupt when it is larger than the limit."""
    body = bytearray()
    with _open(url) as response:
        for chunk in _chunks(response, url):
            body += chunk
            if len(body) > limit_bytes:
                raise ArchiveCorrupt(f"{url} sends more than {limit_bytes} bytes", fix="use another mirror")
    return bytes(body)


def resume(url: str, part: Path, size: int, on_progress: Callable[[int], None]) -> None:
    """Download ``url`` into ``part``, which may hold a beginning, until it has ``size`` bytes.

    ``on_progress`` is told the bytes there are. Raises ArchiveUnreachable when the transfer breaks (what came
    is kept, to be resumed), ArchiveCorrupt when there is more than ``size`` or less although the server was
    done (nothing is kept), DiskFull (nothing is kept), CacheReadOnly.
    """
    have = part.stat().st_size if part.exists() else 0
    if have == size:
        return
    if have > size:
        have = 0
    with _open(url, start=have) as response:
        start = _start(response)
        if start == 0:  # a server that ignores Range sends the whole
            have = 0
        elif start != have:
            raise ArchiveUnreachable(f"{url} sends another range than asked", fix=FIX, url=url)
        with naming_write_errors("a download", part.parent, elsewhere=ELSEWHERE):
            try:
                with part.open("r+b" if have else "wb") as file:
                    file.seek(have)
                    for chunk in _chunks(response, url):
                        have += len(chunk)
                        if have > size:
                            break
                        file.write(chunk)
                        on_progress(have)
            except OSError:  # no room for the rest: leave the room that it took
                part.unlink(missing_ok=True)
                raise
    if have != size:
        part.unlink(missing_ok=True)
        raise ArchiveCorrupt(
            f"{url} is not {size} bytes long", fix="try again later, or use another mirror", url=url
        )


def _open(url: str, start: int = 0) -> requests.Response:
    import requests  # noqa: PLC0415 - only who downloads pays for it

    headers = {"Accept-Encoding": "identity", "User-Agent": "visorbench"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        response = requests.get(
            url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        )
    except requests.RequestException as error:
        raise ArchiveUnreachable(f"{url} does not answer: {_cause(error)}", fix=FIX, url=url) from None
    if response.status_code == 416:
        response.close()
        return _open(url)
    if response.status_code not in (200, 206):
        response.close()
        raise ArchiveUnreachable(f"{url} answers {response.status_code}", fix=FIX, url=url)
    return response


def _chunks(response: requests.Response, url: str) -> Iterator[bytes]:
    """The body in pieces; a connection that breaks, or closes before Content-Length, is ArchiveUnreachable."""
    import requests  # noqa: PLC0415 - as above

    try:
        yield from response.iter_content(_CHUNK_BYTES)
    except requests.RequestException as error:
        raise ArchiveUnreachable(f"{url} broke off: {_cause(error)}", fix=FIX, url=url) from None


def _start(response: requests.Response) -> int:
    if response.status_code != 206:
        return 0
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(match["start"]) if match else -1


def _cause(error: BaseException) -> str:
    """The innermost reason of an exception of requests, which wraps those of urllib3."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error) or type(error).__name__
