"""Wrappers that run a program of a tree: shell scripts, so that everything that takes a program takes them.

A wrapper finds the tree beside itself, and ends in ``exec``: no shell stays behind. There are two ways:

- ``bwrap``: the tree's bubblewrap, run by the tree's loader, mounts the tree as /usr, files of its /etc and the rest of
  the host, devices included, as it is. bubblewrap stays as the parent; it ends with its parent and its child with it.
  It hides what the host has in /usr (but for /usr/local) and most of /etc. For QEMU it ignores the signals that QEMU
  handles: SIGTERM goes to the whole process group, and must not end bubblewrap, and so QEMU, before QEMU has flushed.
- ``loader``: ``ld.so --library-path`` (ld.so(8)) and the variables by which QEMU, Mesa, the Vulkan loader, libglvnd and
  virglrenderer find their files elsewhere than in /usr. The host's files are all there, and the process is the program.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import ArchiveCorrupt
from harness.runtimes.model import LAUNCHERS, RUN, TREE, Way
from harness.runtimes.tree import FROM_HOST

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RENDER_SERVER = "virgl_render_server"
FROM_TREE = ("bin", "etc", "lib", "lib64", "sbin", "usr")
"""Of the root: what comes from the tree. /dev needs devices to work, and has its own option."""

_HEAD = """\
#!/bin/sh
# {what}: see harness/runtimes/launchers.py of VisorBench.
self=$0 argv0=$0
[ -h "$self" ] && self=$(readlink -f "$self")
case $self in
    /*) here=${{self%/*}} ;;
    *) here=$(cd "$(dirname "$self")" && pwd) || exit 127 ;;
esac
tree=${{here%/*/*}}/{tree}
lib=$tree/usr/lib/{triplet}
unset LD_LIBRARY_PATH LD_PRELOAD
"""

_BWRAP = """\
for entry in /* /.[!.]*; do
    case ${{entry#/}} in
        {from_tree} | dev) ;;
        *)
            if [ -h "$entry" ]; then
                set -- --symlink "$(readlink "$entry")" "$entry" "$@"
            elif [ -e "$entry" ]; then
                set -- --bind-try "$entry" "$entry" "$@"
            fi ;;
    esac
done
for name in {from_host}; do
    [ -e "/etc/$name" ] && set -- --ro-bind-try "/etc/$name" "/etc/$name" "$@"
done
[ -d /usr/local ] && set -- --ro-bind-try /usr/local /usr/local "$@"
exec "$tree/{loader}" --inhibit-cache --library-path "$lib" "$tree/usr/bin/bwrap" \\
    --unshare-user-try --die-with-parent --dev-bind /dev /dev \\
    --ro-bind "$tree/usr" /usr --ro-bind "$tree/etc" /etc \\
    --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/sbin /sbin \\
    "$@"
"""

_LOADER = """\
export RENDER_SERVER_EXEC_PATH="$here/{render_server}"
export LIBGL_DRIVERS_PATH="$lib/dri" GBM_BACKENDS_PATH="$lib/gbm" DRIRC_CONFIGDIR="$tree/usr/share/drirc.d"
export __EGL_VENDOR_LIBRARY_DIRS="$tree/usr/share/glvnd/egl_vendor.d"
export VK_DRIVER_FILES="${{VK_DRIVER_FILES-$tree/usr/share/vulkan/icd.d}}"
exec "$tree/{loader}" --inhibit-cache --argv0 "$argv0" --library-path "{library_path}" "$@"
"""

_FIND_IN_TREE = """\
program=$1
shift
for folder in bin libexec; do
    case $program in
        */*) ;;
        *) [ -x "$tree/usr/$folder/$program" ] && program={root}/usr/$folder/$program ;;
    esac
done
case $program in
    */*) ;;
    *) echo "$0: this runtime has no program $program" >&2 && exit 127 ;;
esac
argv0=$program # some programs are several, by their name
set -- "$program" "$@"
"""

_BUNDLE = "qemu-bundle"
"""Beside its own executable, which here is the loader, QEMU takes this for a root with all that it was installed with,
and then looks nowhere else: a module of the host's QEMU would abort it (QEMU: util/cutils.c, get_relocated_path)."""
_EFI = "usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
_EFI_DESCRIPTOR = {
    "description": "UEFI firmware of this runtime, for arm64",
    "interface-types": ["uefi"],
    "targets": [{"architecture": "aarch64", "machines": ["virt-*"]}],
    "features": [],
    "tags": [],
}
"""As QEMU's docs/interop/firmware.json has it, where :mod:`harness.host.firmware` looks first."""
_LIBRARY_FOLDERS = ("pulseaudio",)
"""Below the library folder: what a library finds by an absolute RUNPATH of its own."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the tree has what the wrappers name."""

    triplet: str
    """Debian's name for the architecture's libraries: ``x86_64-linux-gnu``."""
    loader: str
    """The dynamic loader, relative to the tree."""
    library_path: str


def write(root: Path, programs: Iterable[str], *, home: Path) -> None:
    """Write the wrappers of the runtime at ``root``, whose tree is complete and which will be moved to ``home``.

    Raises ArchiveCorrupt when the tree lacks what they need.
    """
    layout = _look(root / TREE)
    bundle = (root / TREE / layout.loader).resolve().with_name(_BUNDLE)
    bundle.symlink_to(os.path.relpath((root / TREE).resolve(), bundle.parent))
    for way in Way:
        folder = root / LAUNCHERS / way
        folder.mkdir(parents=True)
        for name in programs:
            _script(folder / name, layout, _program(way, name))
        _script(folder / RUN, layout, _FIND_IN_TREE.format(root="" if way is Way.BWRAP else "$tree"))
    _script(
        root / LAUNCHERS / Way.LOADER / RENDER_SERVER,
        layout,
        f'set -- "$tree/usr/libexec/{RENDER_SERVER}" "$@"\n',
    )
    if (root / TREE / _EFI).is_file():
        descriptor = root / LAUNCHERS / "share/qemu/firmware/60-runtime-aarch64.json"
        descriptor.parent.mkdir(parents=True)
        descriptor.write_text(json.dumps(_EFI_DESCRIPTOR | {"mapping": _memory(home / TREE / _EFI)}), "utf-8")


def _memory(image: Path) -> dict[str, str]:
    return {"device": "memory", "filename": str(image)}


def _program(way: Way, name: str) -> str:
    if way is Way.BWRAP:
        return f"trap '' TERM HUP INT\nset -- /usr/bin/{name} \"$@\"\n"
    return f'set -- "$tree/usr/bin/{name}" "$@"\n'


def _script(path: Path, layout: _Layout, prologue: str) -> None:
    way = Way(path.parent.name)
    text = (_HEAD + "{prologue}" + (_BWRAP if way is Way.BWRAP else _LOADER)).format(
        what=f"{path.name} by {way}",
        tree=TREE,
        triplet=layout.triplet,
        prologue=prologue,
        from_tree=" | ".join(FROM_TREE),
        from_host=" ".join(FROM_HOST),
        loader=layout.loader,
        render_server=RENDER_SERVER,
        library_path=layout.library_path,
    )
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _look(tree: Path) -> _Layout:
    libc = next(tree.glob("usr/lib/*/libc.so.6"), None)
    loaders = [*tree.glob("usr/lib64/ld-linux-*.so.*"), *tree.glob("usr/lib/ld-linux-*.so.*")]
    if libc is None or not loaders:
        raise ArchiveCorrupt(
            f"the tree {tree} has no C library and no dynamic loader", fix="name libc6 in its description"
        )
    folders = ["$lib", *(f"$lib/{name}" for name in _LIBRARY_FOLDERS if (libc.parent / name).is_dir())]
    return _Layout(
        triplet=libc.parent.name,
        loader=loaders[0].relative_to(tree).as_posix(),
        library_path=":".join(folders),
    )
