"""What stands for UTM itself behind the double of utmctl: it starts and ends the machines' processes."""

from __future__ import annotations

import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.utm.folder import Home


class Application:
    """Listens where utmctl_double asks; ``argvs`` are the machines, by UUID. Ends them all when it is left."""

    def __init__(self, home: Home, argvs: Mapping[str, Sequence[str]]) -> None:
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._argvs = argvs
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(home.folder / "utm.sock"))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rw") as stream:
                command, uuid = stream.readline().split()
                if command == "start":
                    self.processes[uuid] = subprocess.Popen(self._argvs[uuid])
                else:
                    process = self.processes.pop(uuid)
                    process.kill()
                    process.wait()
                stream.write("done\n")
