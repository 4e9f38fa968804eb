"""The C interface of libvbencoder, as cffi reads it from the library's own header.

ABI mode: the library is ours and so is its header, which is parsed at run time, so nothing is compiled against Python
and one build serves every version of it. That header and library agree is checked when it is loaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cffi import FFI

from harness.encoder.build import library
from harness.errors import BuildFailed, HostLacks
from harness.host.once import once
from harness.host.paths import shipped

if TYPE_CHECKING:
    from pathlib import Path

_COMMENT_OR_DIRECTIVE = re.compile(r"/\*.*?\*/|^#.*?$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Binding:
    """The loaded library; ``c`` has its functions and constants, ``ffi`` makes its structs."""

    ffi: Any
    c: Any


@once
def load() -> Binding:
    """The library of this host, built when it is missing; raises what :func:`harness.encoder.build.library` raises."""
    return load_library(library())


def load_library(path: Path) -> Binding:
    """The library at ``path``; raises HostLacks where the system cannot load it, BuildFailed for another's."""
    ffi = FFI()
    header = shipped("native", "encoder", "vb_encoder.h").read_text()
    ffi.cdef(_COMMENT_OR_DIRECTIVE.sub("", header))
    try:
        c = ffi.dlopen(str(path))
    except OSError as error:
        raise HostLacks(
            f"the encoder was built and cannot be loaded: {error}",
            fix="install x264 and libyuv again, then remove the folder encoder/ of the cache",
            path=path,
        ) from error
    if c.vb_encoder_abi() != c.VB_ENCODER_ABI:
        raise BuildFailed(f"{path} was built from another version's sources", fix="remove it", path=path)
    return Binding(ffi, c)
