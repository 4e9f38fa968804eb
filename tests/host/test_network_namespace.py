"""What a network namespace of ours cannot have here is named."""

from __future__ import annotations

import pytest

from harness.errors import HostLacks
from harness.host import network_namespace as module


def test_a_host_that_makes_no_taps_is_named_with_what_would_help(monkeypatch):
    monkeypatch.setattr(module, "_TUN", "/dev/no/tun")
    try:
        with module.network_namespace() as namespace:
            namespace.bridge("bridge0", "10.9.8.1")
            with pytest.raises(HostLacks, match="makes no taps: /dev/no/tun: No such file") as lack:
                namespace.tap("bridge0", "tap0")
    except HostLacks as lack:
        pytest.skip(f"{lack}")
    assert "--device /dev/no/tun" in str(lack.value.fix)
