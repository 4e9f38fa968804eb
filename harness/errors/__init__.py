"""Every failure that can be foreseen, as one tree.

::

    VisorbenchError                 exit 1 (130 is no error's: Ctrl-C, SIGTERM or SIGHUP)
    ├── UsageError                  exit 2: the user asked for something that does not exist or fit
    │   ├── UnknownName             backend, guest, profile, key, option: names the nearest known one
    │   ├── InvalidConfiguration    a value that QEMU or the configuration file cannot take
    │   ├── ResultsUnusable         a results.json that is missing, empty, damaged or edited
    │   │   └── BaselineUnusable    what a gate is to compare with
    │   ├── ScenarioUnreadable      a file of scenarios that Python cannot import
    │   ├── UnlikeRuns              two runs whose hosts or subjects differ
    │   └── RunIncomplete           a run that was interrupted
    ├── HelperLost              a process that the harness started for work of its own
    ├── HostLacks                   exit 3: the host lacks something, and how to get it
    │   ├── QemuNotFound, QemuTooOld, AcceleratorUnusable, ToolMissing
    │   ├── VmmNotFound, VmmTooOld  vfkit, krunkit, gvproxy
    │   ├── GpuUnavailable          no virtio-gpu-gl, venus, OpenGL display or render node
    │   ├── RenderServerMissing     Venus is offered, and nothing on the host renders for it
    │   ├── InstallRefused          installing is forbidden, or needs a password
    │   ├── ArchiveUnreachable      no network, and nothing cached
    │   ├── GuestNotBuilt           and what was asked for does not build it
    │   ├── DiskFull, CacheReadOnly, ReportsUnwritable, OutputUnwritable
    │   ├── RuntimeInUse            processes run from a runtime that is to be deleted
    │   ├── UtmNotFound, UtmRegistryUnusable
    │   ├── HostBusy                another harness is measuring on this host
    │   ├── LoopbackDown            127.0.0.1 does not answer
    │   └── LockUnusable            nobody can tell whether another harness is measuring
    ├── ArchiveError
    │   ├── ArchiveUntrusted        no valid signature by a key of the keyring
    │   ├── ArchiveCorrupt          truncated, wrong size, wrong hash
    │   └── PackageNotFound
    ├── MachineError
    │   ├── MachineDied, BootTimeout, GuestPanicked, GuestSilent
    │   │   └── OutOfMemory         exit 3: the VMM did not get its memory, or the host's kernel ended it for some
    │   ├── GuestRebooted           and nobody had asked for it
    │   ├── WatchdogFired
    │   ├── GuestGpuMissing         the guest's kernel has no virtio-gpu, or no device came of it
    │   ├── ImageError              a disk image could not be made, changed or read, or is damaged
    │   │   └── ImageFailed         under a running guest; ImageFull, exit 3: the host has no room for what it writes
    │   ├── NoHotPlug               the machine, or a bus, takes no devices while it runs
    │   ├── DeviceKept              the guest did not let go of a device, or of a disc
    │   ├── WrongState              the lifecycle does not allow this now
    │   ├── DisplayError            a frame that makes no sense; NoFrame in time, DisplayLost, DisplayRefused
    │   └── ControlError            ControlTimeout, ControlRefused (UtmRefused), ControlLost, JobFailed
    ├── ChannelError
    │   ├── HostKeyChanged, CommandTimeout, CommandFailed, ChannelClosed
    │   ├── PortRefused, VsockLost
    │   ├── InvalidMessage          a peer's bytes are no message of the protocol
    │   └── NotSeen, OutputTooLarge, TransferFailed
    ├── MeasurementError
    │   ├── NothingMeasured         exit 4
    │   │   ├── NothingCompared     two runs without a metric that can be judged
    │   │   └── HostMoved           machines are slower, and so is the host without them
    │   ├── WrongAnswer             a workload that checked its own result and found it wrong
    │   │   ├── WrongPicture
    │   │   ├── DataLost            what a guest had flushed is not on its disk
    │   │   ├── IsolationBroken     a guest reached what it was kept from
    │   │   └── FramesWrong         lost, doubled, torn or out of order, or a stream that does not decode
    │   └── GpuError                a GPU, the host's or a guest's, did not do its work
    │       ├── GpuApiMissing, AdapterMissing
    │       ├── SceneUnsupported      not on this adapter, or not at this size
    │       │   └── SceneTooSlow      not within the time that software in a guest is given
    │       ├── AccelerationUnproved  another renderer's name than the one that was asked for
    │       └── DeviceLost, GpuHung
    ├── AppError                    a desktop application: WindowError, AppEnded before its window, NoWindow
    ├── EncoderError                surfaces did not become a stream
    │   ├── SurfaceUnusable         a surface that cannot be what it says, or cannot be read
    │   └── EncodeFailed            x264 or VideoToolbox gave up
    ├── KernelError                 a kernel that no VMM takes
    │   ├── KernelUnusable          no kernel, for another architecture, packed as nobody here unpacks
    │   ├── KernelCorrupt           truncated, a lying length, a bomb
    │   ├── KernelNotFound          a disk image without one
    │   └── DiskImageUnusable, DiskImageCorrupt
    ├── UtmPackageUnusable          a machine of UTM's that is not there, or whose configuration cannot be read
    ├── BuildFailed                 a workload's sources did not compile
    ├── StoreError                  the results store is locked, damaged, or of an unknown schema
    │   ├── StoreFull, StoreUnwritable  exit 3: the host lacks room for it, or a place that may be written
    │   └── RunNotStored            a run is measured and kept, and waits for its store
    │       └── RunNotStoredHere    exit 3: for one of these two reasons
    └── OutputRefused               standard output takes no more

An error's message is one sentence: what is wrong, and where. ``fix`` is the sentence that says what to do.
Facts (argv, exit status, log path, tails of stderr and console) are attributes, kept in ``facts``.
"""

from harness.errors.app import AppEnded, AppError, NoWindow, WindowError
from harness.errors.archive import (
    ArchiveCorrupt,
    ArchiveError,
    ArchiveUntrusted,
    PackageNotFound,
)
from harness.errors.base import VisorbenchError
from harness.errors.channel import (
    ChannelClosed,
    ChannelError,
    CommandFailed,
    CommandTimeout,
    HostKeyChanged,
    InvalidMessage,
    NotSeen,
    OutputTooLarge,
    PortRefused,
    TransferFailed,
    VsockLost,
)
from harness.errors.host import (
    NO_SPACE,
    AcceleratorUnusable,
    ArchiveUnreachable,
    CacheReadOnly,
    DiskFull,
    GpuUnavailable,
    GuestNotBuilt,
    HelperLost,
    HostBusy,
    HostLacks,
    InstallRefused,
    LockUnusable,
    LoopbackDown,
    OutputUnwritable,
    QemuNotFound,
    QemuTooOld,
    RenderServerMissing,
    ReportsUnwritable,
    RuntimeInUse,
    ToolMissing,
    VmmNotFound,
    VmmTooOld,
)
from harness.errors.kernel import (
    DiskImageCorrupt,
    DiskImageUnusable,
    KernelCorrupt,
    KernelError,
    KernelNotFound,
    KernelUnusable,
)
from harness.errors.machine import (
    BootTimeout,
    ControlError,
    ControlLost,
    ControlRefused,
    ControlTimeout,
    DeviceKept,
    DisplayError,
    DisplayLost,
    DisplayRefused,
    GuestGpuMissing,
    GuestPanicked,
    GuestRebooted,
    GuestSilent,
    ImageError,
    ImageFailed,
    ImageFull,
    JobFailed,
    MachineDied,
    MachineError,
    NoFrame,
    NoHotPlug,
    OutOfMemory,
    WatchdogFired,
    WrongState,
)
from harness.errors.measurement import (
    AccelerationUnproved,
    AdapterMissing,
    BuildFailed,
    DataLost,
    DeviceLost,
    EncodeFailed,
    EncoderError,
    FramesWrong,
    GpuApiMissing,
    GpuError,
    GpuHung,
    HostMoved,
    IsolationBroken,
    MeasurementError,
    NothingCompared,
    NothingMeasured,
    SceneTooSlow,
    SceneUnsupported,
    SurfaceUnusable,
    WrongAnswer,
    WrongPicture,
)
from harness.errors.store import (
    OutputRefused,
    RunNotStored,
    RunNotStoredHere,
    StoreError,
    StoreFull,
    StoreUnwritable,
)
from harness.errors.usage import (
    MOST_SHOWN,
    SHOWN_OF_MANY,
    BaselineUnusable,
    InvalidConfiguration,
    ResultsUnusable,
    RunIncomplete,
    ScenarioUnreadable,
    UnknownName,
    UnlikeRuns,
    UsageError,
    nearest,
)
from harness.errors.utm import UtmNotFound, UtmPackageUnusable, UtmRefused, UtmRegistryUnusable

__all__ = [
    "MOST_SHOWN",
    "NO_SPACE",
    "SHOWN_OF_MANY",
    "AccelerationUnproved",
    "AcceleratorUnusable",
    "AdapterMissing",
    "AppEnded",
    "AppError",
    "ArchiveCorrupt",
    "ArchiveError",
    "ArchiveUnreachable",
    "ArchiveUntrusted",
    "BaselineUnusable",
    "BootTimeout",
    "BuildFailed",
    "CacheReadOnly",
    "ChannelClosed",
    "ChannelError",
    "CommandFailed",
    "CommandTimeout",
    "ControlError",
    "ControlLost",
    "ControlRefused",
    "ControlTimeout",
    "DataLost",
    "DeviceKept",
    "DeviceLost",
    "DiskFull",
    "DiskImageCorrupt",
    "DiskImageUnusable",
    "DisplayError",
    "DisplayLost",
    "DisplayRefused",
    "EncodeFailed",
    "EncoderError",
    "FramesWrong",
    "GpuApiMissing",
    "GpuError",
    "GpuHung",
    "GpuUnavailable",
    "GuestGpuMissing",
    "GuestNotBuilt",
    "GuestPanicked",
    "GuestRebooted",
    "GuestSilent",
    "HelperLost",
    "HostBusy",
    "HostKeyChanged",
    "HostLacks",
    "HostMoved",
    "ImageError",
    "ImageFailed",
    "ImageFull",
    "InstallRefused",
    "InvalidConfiguration",
    "InvalidMessage",
    "IsolationBroken",
    "JobFailed",
    "KernelCorrupt",
    "KernelError",
    "KernelNotFound",
    "KernelUnusable",
    "LockUnusable",
    "LoopbackDown",
    "MachineDied",
    "MachineError",
    "MeasurementError",
    "NoFrame",
    "NoHotPlug",
    "NoWindow",
    "NotSeen",
    "NothingCompared",
    "NothingMeasured",
    "OutOfMemory",
    "OutputRefused",
    "OutputTooLarge",
    "OutputUnwritable",
    "PackageNotFound",
    "PortRefused",
    "QemuNotFound",
    "QemuTooOld",
    "RenderServerMissing",
    "ReportsUnwritable",
    "ResultsUnusable",
    "RunIncomplete",
    "RunNotStored",
    "RunNotStoredHere",
    "RuntimeInUse",
    "ScenarioUnreadable",
    "SceneTooSlow",
    "SceneUnsupported",
    "StoreError",
    "StoreFull",
    "StoreUnwritable",
    "SurfaceUnusable",
    "ToolMissing",
    "TransferFailed",
    "UnknownName",
    "UnlikeRuns",
    "UsageError",
    "UtmNotFound",
    "UtmPackageUnusable",
    "UtmRefused",
    "UtmRegistryUnusable",
    "VisorbenchError",
    "VmmNotFound",
    "VmmTooOld",
    "VsockLost",
    "WatchdogFired",
    "WindowError",
    "WrongAnswer",
    "WrongPicture",
    "WrongState",
    "nearest",
]
