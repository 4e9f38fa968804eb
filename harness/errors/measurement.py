"""A measurement failed, or what measures could not be built; never turned into a number."""

from __future__ import annotations

from harness.errors.base import VisorbenchError


class MeasurementError(VisorbenchError):
    """A measurement failed; never turned into a number."""


class NothingMeasured(MeasurementError):
    """A scenario or run ended without one sample."""

    exit_code = 4


class NothingCompared(NothingMeasured):
    """Two runs have no metric that can be judged: a gate that cannot fail has not passed."""

    @classmethod
    def without_common_metric(cls, before: str, after: str) -> NothingCompared:
        """Of two runs, or sides of one, by their names."""
        return cls(
            f"{before} and {after} have no metric in common",
            fix="measure the same scenarios, subjects and profile in both",
        )


class HostMoved(NothingMeasured):
    """Machines are slower and so is the host without them, or others had much of it: nobody can say whose loss it is;
    facts: host.
    """


class WrongAnswer(MeasurementError):
    """A workload checked its own result and found it wrong."""


class WrongPicture(WrongAnswer):
    """A GPU drew something else than it was told to; facts: scene, api."""


class FramesWrong(WrongAnswer):
    """Frames were lost, doubled, torn or out of order, or their stream does not decode."""


class DataLost(WrongAnswer):
    """What a guest had flushed to a disk is not there; facts: file."""


class IsolationBroken(WrongAnswer):
    """A guest reached what it was kept from."""


class GpuError(MeasurementError):
    """The GPU workload did not end well; facts: argv, status, stderr, scene, api."""


class GpuApiMissing(GpuError):
    """No adapter speaks this API."""


class AdapterMissing(GpuError):
    """Adapters speak this API, and none has the name that was asked for."""


class AccelerationUnproved(GpuError):
    """A renderer's name is not that of the route it was asked for; facts: adapter, route."""


class SceneUnsupported(GpuError):
    """The adapter cannot do this scene, or not at this size."""


class SceneTooSlow(SceneUnsupported):
    """Software in the guest needs more time for a frame of this scene, at this size, than it is given."""


class DeviceLost(GpuError):
    """The GPU's driver gave up while it drew."""


class GpuHung(GpuError):
    """The setup or a frame did not end within its deadline."""


class EncoderError(VisorbenchError):
    """Surfaces did not become a stream; facts: system_error."""


class SurfaceUnusable(EncoderError):
    """A surface cannot be what it says, or its memory cannot be read; nothing of it was."""


class EncodeFailed(EncoderError):
    """The encoder itself gave up."""


class BuildFailed(VisorbenchError):
    """A workload's sources did not compile; facts: argv, status, stderr."""
