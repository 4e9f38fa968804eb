"""What a machine whose vsock ports are fixed does with them."""

import pytest

from harness.errors import InvalidConfiguration
from harness.machines.transports import PATIENCE_S, VSOCK, ask, guest_streams

LISTENS = 5000


def speaks_by_vsock(machine):
    """The harness connects to its guest, and the guest to the harness; other ports are named."""
    with pytest.raises(InvalidConfiguration, match="vsock port 7 was not opened") as named:
        machine.vsock.connect(7)
    assert "vsock=connect:7" in named.value.fix
    with machine.vsock.connect(1717) as refused:
        assert refused.recv(1) == b"", "nobody listens yet"
    with guest_streams(machine) as streams:
        assert set(streams) == {VSOCK}
        assert ask(streams[VSOCK], 5000, 300_000) > 0
        assert ask(streams[VSOCK], 300_000, 1) > 0
    with machine.vsock.listen(LISTENS) as listener:
        machine.ssh.run(f"/tmp/vb-transport send {LISTENS} 100000 > /run/sent 2>&1 &")
        with listener.accept(PATIENCE_S) as stream:
            stream.settimeout(PATIENCE_S)
            with stream.makefile("rb") as sent:
                assert len(sent.read(100_000)) == 100_000
