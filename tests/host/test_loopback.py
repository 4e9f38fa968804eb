"""A host whose loopback is down is told so before a guest is waited for."""

import subprocess
import sys

import pytest

from harness.host.loopback import check_loopback

IN_A_NAMESPACE = "from harness.host.loopback import check_loopback; check_loopback()"


def test_here_it_answers():
    check_loopback()


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux'")
def test_where_it_is_down_that_is_said():
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("cannot-unshare: this user may make no network namespace")
    run = ["unshare", "--net", sys.executable, "-c", IN_A_NAMESPACE]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert "LoopbackDown: 127.0.0.1 does not answer" in done.stderr
    assert "ip link set lo up" in done.stderr
