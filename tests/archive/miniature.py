"""A real signed archive of a few kilobytes, and an HTTP server for it that misbehaves when told."""

from __future__ import annotations

import hashlib
import io
import lzma
import re
import sys
import tarfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from pysequoia import SignatureMode, Tsk, sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any

SUITE = "trixie"
INRELEASE = f"dists/{SUITE}/InRelease"


def tar_xz(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def regular(path: str, data: bytes, mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(path)
    info.mode = mode
    return info, data


def special(path: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(path)
    info.type, info.linkname = kind, target
    return info, b""


def deb(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A binary package, deb(5): an ar archive of three members."""
    out = b"!<arch>\n"
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": tar_xz([]), "data.tar.xz": tar_xz(members)}
    for name, data in parts.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data
        out += b"\n" * (len(data) % 2)
    return out


@dataclass
class Miniature:
    """The archive's files by path, and what its server was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    key: Tsk = field(default_factory=lambda: Tsk.generate("Archive <archive@example.org>"))
    stanzas: list[str] = field(default_factory=list)
    others: dict[str, list[str]] = field(default_factory=dict)
    """Suite besides SUITE → its stanzas."""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """(path, Range header) of every request."""
    cut_after: int | None = None
    """Close the connection after this many bytes of a body; once."""
    knows_range: bool = True
    url: str = ""

    def add(
        self,
        name: str,
        version: str,
        package: bytes,
        depends: str = "",
        *,
        provides: str = "",
        suite: str = SUITE,
    ) -> None:
        path = f"pool/{name}_{version}.deb"
        self.files[path] = package
        fields = {
            "Package": name,
            "Version": version,
            "Architecture": "amd64",
            "Filename": path,
            "Size": str(len(package)),
            "SHA256": hashlib.sha256(package).hexdigest(),
            "Depends": depends,
            "Provides": provides,
        }
        stanza = "".join(f"{field}: {value}\n" for field, value in fields.items() if value)
        (self.stanzas if suite == SUITE else self.others.setdefault(suite, [])).append(stanza)

    def publish(self, *, by_hash: bool = True, suite: str = SUITE, **fields: str) -> None:
        """Write the index of a suite and sign its Release."""
        index = lzma.compress("\n".join(self.stanzas if suite == SUITE else self.others[suite]).encode())
        digest = hashlib.sha256(index).hexdigest()
        folder = f"dists/{suite}/main/binary-amd64"
        self.files[f"{folder}/Packages.xz"] = index
        if by_hash:
            self.files[f"{folder}/by-hash/SHA256/{digest}"] = index
        entry = f" {digest} {len(index)} main/binary-amd64/Packages.xz"
        self.files[f"dists/{suite}/InRelease"] = self.signed(
            release_text(entry, by_hash=by_hash, **({"Codename": suite} | fields))
        )

    def signed(self, text: str) -> bytes:
        return sign(self.key.signer(), text.encode(), mode=SignatureMode.CLEAR)

    def keyring(self, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        (folder / "archive.gpg").write_bytes(bytes(self.key.extract_certificate()))
        return folder


def release_text(files: str = "", *, by_hash: bool = True, **fields: str) -> str:
    stanza = {
        "Suite": "stable",
        "Codename": SUITE,
        "Version": "13.1",
        "Date": format_datetime(datetime.now(UTC) - timedelta(days=1)),
        "Acquire-By-Hash": "yes" if by_hash else "no",
    }
    stanza |= {name.replace("_", "-"): value for name, value in fields.items()}
    return "".join(f"{name}: {value}\n" for name, value in stanza.items()) + f"SHA256:\n{files}\n"


@contextmanager
def served(archive: Miniature) -> Iterator[Miniature]:
    """The archive on 127.0.0.1, at ``archive.url``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, wanted = self.path.lstrip("/"), self.headers.get("Range")
            archive.requests.append((path, wanted))
            body = archive.files.get(path)
            if body is None:
                self.send_error(404)
                return
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and archive.knows_range else 0
            if start >= len(body) > 0:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            cut, archive.cut_after = archive.cut_after, None
            self.wfile.write(body[start : None if cut is None else start + cut])
            self.close_connection = cut is not None

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            if not isinstance(sys.exception(), ConnectionError):  # who has what it wants may leave
                super().handle_error(request, client_address)

    with Server(("127.0.0.1", 0), Handler) as server:
        archive.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield archive
        finally:
            server.shutdown()
            thread.join()
