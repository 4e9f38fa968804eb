"""The backend ``native``: workloads on the host, the baseline of everything."""

from harness.machines.native.backend import NativeBackend
from harness.machines.native.runner import NativeRunner

__all__ = ["NativeBackend", "NativeRunner"]
