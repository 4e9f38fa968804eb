"""A real PostgreSQL server for tests: private, on a unix socket only, unprivileged, ended with its test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

READY = "database system is ready to accept connections"
USER = "visorbench"
OWNER = "postgres"
"""Who runs it where the tests are root's: PostgreSQL refuses to be."""


def programs() -> Path | None:
    """The folder of initdb and postgres: in PATH, or where Debian and Homebrew keep each version; else None."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/opt/homebrew/opt").glob("postgresql@*/bin")]
    return max((place for place in places if (place / "initdb").is_file()), default=None)


class PostgresqlServer:
    """One server with its own data; :meth:`end` and :meth:`start` as often as a test likes."""

    def __init__(self, bin_folder: Path, folder: Path) -> None:
        self._bin, self.folder = bin_folder, folder
        self._process: subprocess.Popen[str] | None = None
        self._databases = 0
        if self._owner:
            shutil.chown(folder, self._owner, self._owner)
        self._call("initdb", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", f"--username={USER}",
                   str(folder / "data"))  # fmt: skip
        self.start()

    @property
    def pid(self) -> int:
        """Of the postmaster, while it runs."""
        assert self._process
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        """As ``--store`` takes it."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def fresh_database(self) -> str:
        """The URL of a database that nobody used before."""
        self._databases += 1
        name = f"test{self._databases}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return self.url(name)

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        command = ["postgres", "-D", str(self.folder / "data"), "-k", str(self.folder), "-c", "listen_addresses=",
                   "-c", "fsync=off", "-c", "max_connections=60"]  # fmt: skip
        self._process = subprocess.Popen(
            [str(self._bin / command[0]), *command[1:]],
            cwd=self.folder, stderr=subprocess.PIPE, text=True, **self._identity,
        )  # fmt: skip
        assert self._process.stderr
        said = []
        for line in self._process.stderr:
            said.append(line)
            if READY in line:
                break
        else:
            raise RuntimeError(f"postgres did not start: {''.join(said)}")
        threading.Thread(target=_drain, args=[self._process.stderr], daemon=True).start()

    def end(self) -> None:
        """End it at once, as a crash of its host would: no client is asked."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGQUIT)
            self._process.wait()
            self._process = None

    @property
    def _owner(self) -> str | None:
        return OWNER if os.geteuid() == 0 else None

    @property
    def _identity(self) -> dict[str, str | list[str]]:
        return {"user": self._owner, "group": self._owner, "extra_groups": []} if self._owner else {}

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run([str(self._bin / program), *arguments], cwd=self.folder, check=True, capture_output=True,
                       **self._identity)  # fmt: skip


def _drain(stream: IO[str]) -> None:
    with contextlib.suppress(ValueError):
        for _ in stream:
            pass


@contextlib.contextmanager
def running() -> Iterator[PostgresqlServer]:
    """A server of its own, in a folder short enough for a socket. Raises LookupError where none is installed."""
    bin_folder = programs()
    if bin_folder is None:
        raise LookupError("no-postgresql: this host has no PostgreSQL server (apt install postgresql)")
    with tempfile.TemporaryDirectory(prefix="vb-pg-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o700)
        server = PostgresqlServer(bin_folder, Path(folder))
        try:
            yield server
        finally:
            server.end()
