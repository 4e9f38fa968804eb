"""Disk images with file systems, made by their own tools and without root."""

import functools
import random
import shutil
import subprocess

import pytest

from tests.kernels.made import ARM64

SECTOR = 512
START = 2048
KERNEL = ARM64 + random.Random(1).randbytes(300_001)
INITRD = random.Random(2).randbytes(700_003)

GRUB_CFG = """
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
else
   set default="0"
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
function savedefault {
  linux /none
}
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple' {
    if [ "${initrdfail}" = 1 ]; then
      linux /vmlinuz-6.0
    else
      linux    /vmlinuz-6.1.0-18-cloud root=PARTUUID=ab-cd ro console=ttyS0 "a b" # said here
    fi
    initrd    /initrd.img-6.1.0-18-cloud
}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced' {
    menuentry 'the old one' --id old {
        linux (hd0,gpt1)/vmlinuz-6.1.0-9-cloud \\
            root=/dev/vda1
    }
}
"""
BLS = """title Fedora
version 6.5
linux /vmlinuz-6.5
initrd /initrd-6.5.img $tuned_initrd
options root=UUID=1 $kernelopts
"""


def needs(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        pytest.skip(
            f"no-{missing[0]}: install e2fsprogs, xfsprogs, btrfs-progs, dosfstools, mtools, fdisk and qemu-utils"
        )


def ran(*argv, **more):
    done = subprocess.run([*map(str, argv)], capture_output=True, check=False, **more)
    assert done.returncode == 0, done.stderr
    return done


def tree(folder, files):
    """``files``: path → bytes, or a str for a link; returns ``folder``."""
    folder.mkdir()
    for path, content in files.items():
        to = folder / path
        to.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            to.symlink_to(content)
        else:
            to.write_bytes(content)
    return folder


def _sparse(to, mib):
    with to.open("wb") as file:
        file.truncate(mib << 20)
    return to


def ext4(files, to):
    needs("mke2fs")
    ran("mke2fs", "-q", "-t", "ext4", "-d", tree(to.with_suffix(".tree"), files), _sparse(to, 16))
    return to


def btrfs(files, to):
    needs("mkfs.btrfs")
    ran("mkfs.btrfs", "-q", "--rootdir", tree(to.with_suffix(".tree"), files), _sparse(to, 128))
    return to


def xfs(files, to):
    """By a prototype: a line for each file, and ``$`` where a directory ends."""
    needs("mkfs.xfs")

    def lines(folder):
        for path in sorted(folder.iterdir()):
            if path.is_symlink():
                yield f"{path.name} l--777 0 0 {path.readlink()}"
            elif path.is_dir():
                yield f"{path.name} d--755 0 0"
                yield from lines(path)
            else:
                yield f"{path.name} ---644 0 0 {path}"
        yield "$"

    proto = to.with_suffix(".proto")
    proto.write_text(
        "\n".join(("boot", "0 0", "d--755 0 0", *lines(tree(to.with_suffix(".tree"), files)))) + "\n"
    )
    ran("mkfs.xfs", "-q", "-p", proto, _sparse(to, 300))
    return to


def fat(files, to):
    needs("mkfs.vfat", "mcopy")
    ran("mkfs.vfat", _sparse(to, 4))
    for path in tree(to.with_suffix(".tree"), files).iterdir():
        ran("mcopy", "-s", "-i", to, path, "::/")
    return to


FILE_SYSTEMS = {"ext4": ext4, "xfs": xfs, "btrfs": btrfs}


def partitioned(volumes, to, *, label="gpt"):
    """One partition for each image of a file system, after the other, on one disk."""
    needs("sfdisk")
    at = START
    script = [f"label: {label}"]
    with to.open("wb") as disk:
        for volume in volumes:
            sectors = volume.stat().st_size // SECTOR
            script.append(f"start={at}, size={sectors}, type={'83' if label == 'dos' else 'L'}")
            disk.seek(at * SECTOR)
            with volume.open("rb") as file:
                for chunk in iter(functools.partial(file.read, 1 << 20), b""):
                    if chunk.strip(b"\0"):
                        disk.write(chunk)
                    else:
                        disk.seek(len(chunk), 1)
            at += sectors
        disk.truncate(at * SECTOR + (1 << 20))
    ran("sfdisk", "-q", to, input="\n".join(script).encode())
    return to


def qcow2(raw, to, *options):
    needs("qemu-img")
    ran("qemu-img", "convert", "-O", "qcow2", *options, raw, to)
    return to
