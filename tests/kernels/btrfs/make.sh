#!/usr/bin/env bash
# Makes the three images beside it, as root on a Linux that mounts btrfs: mkfs.btrfs 6.2 copies a folder into the top of
# a file system, and subvolumes, snapshots and compressed files need the kernel. Each is a partition as a cloud image has
# it, of the smallest size that mkfs takes, without the kernels' real bytes.
#
#     sudo bash tests/kernels/btrfs/make.sh
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
top=$work/top
mkdir "$top"

begin() { # NAME: a new file system at $top
    image=$work/$1.img
    truncate -s 112M "$image"
    mkfs.btrfs --quiet --mixed --label "$1" "$image"
    mount -o loop,compress-force=zstd:1,nodiscard "$image" "$top"
}

end() {
    sync
    umount "$top"
    xz -9e --stdout "$image" > "$(basename "$image").xz"
}

kernel() { # FOLDER VERSION INITRD: what tests/kernels/test_distributions.py expects; a kernel begins as an arm64 Image does
    mkdir -p "$1"
    {
        head -c 56 /dev/zero
        printf 'ARM\x64'
        for _ in $(seq 9000); do printf 'kernel %s ' "$2"; done
    } > "$1/vmlinuz-$2"
    for _ in $(seq 9000); do printf 'initrd %s ' "$2"; done > "$1/$3"
}

# Ubuntu: GRUB reads from the top, so that its paths begin with the subvolume. @ was rolled back: it is a copy of a
# snapshot, and younger than what it replaced, which still has its own menu.
begin ubuntu
btrfs subvolume create "$top/@"
kernel "$top/@/boot" 6.8.0-9-generic initrd.img-6.8.0-9-generic
mkdir -p "$top/@/boot/grub"
menu() {
    cat <<CFG
set default="0"
menuentry 'Ubuntu' --class ubuntu \$menuentry_id_option 'gnulinux-simple' {
	recordfail
	search --no-floppy --fs-uuid --set=root 605d45b3-5c13-4227-b4cf-3995bc615a2e
	linux	/@/boot/vmlinuz-$1 root=UUID=605d45b3-5c13-4227-b4cf-3995bc615a2e ro rootflags=subvol=@  console=ttyS0
	initrd	/@/boot/initrd.img-$1
}
CFG
}
menu 6.8.0-9-generic > "$top/@/boot/grub/grub.cfg"
mkdir "$top/snapshots"
btrfs subvolume snapshot "$top/@" "$top/snapshots/new"
mv "$top/@" "$top/snapshots/before"
mv "$top/snapshots/new" "$top/@"
kernel "$top/@/boot" 6.8.0-31-generic initrd.img-6.8.0-31-generic
menu 6.8.0-31-generic > "$top/@/boot/grub/grub.cfg"
btrfs subvolume create "$top/@home"
end

# Fedora without a partition for /boot: kernel-install writes paths from the top as well.
begin fedora
btrfs subvolume create "$top/root"
btrfs subvolume create "$top/home"
boot=$top/root/boot
id=0123456789abcdef0123456789abcdef
for version in 6.11.4-301.fc41.aarch64 6.9.12-100.fc41.aarch64; do
    kernel "$boot" "$version" "initramfs-$version.img"
    mkdir -p "$boot/loader/entries"
    cat > "$boot/loader/entries/$id-$version.conf" <<CFG
title Fedora Linux ($version) 41 (Cloud Edition)
version $version
linux /root/boot/vmlinuz-$version
initrd /root/boot/initramfs-$version.img \$tuned_initrd
options root=UUID=6d5b2c1e ro rootflags=subvol=root no_timer_check console=ttyAMA0 \$tuned_params
grub_users \$grub_users
grub_arg --unrestricted
grub_class fedora
CFG
done
end

# openSUSE: the default subvolume is a snapshot, and GRUB's paths begin there (btrfs_relative_path).
begin opensuse
btrfs subvolume create "$top/@"
btrfs subvolume create "$top/@/.snapshots"
mkdir "$top/@/.snapshots/1"
btrfs subvolume create "$top/@/.snapshots/1/snapshot"
root=$top/@/.snapshots/1/snapshot
kernel "$root/boot" 6.4.0-150600.23.25-default initrd-6.4.0-150600.23.25-default
mkdir "$root/boot/grub2"
cat > "$root/boot/grub2/grub.cfg" <<'CFG'
set btrfs_relative_path="y"
export btrfs_relative_path
if [ -s $prefix/grubenv ]; then
  load_env
fi
set default="${saved_entry}"
menuentry 'openSUSE Leap 15.6' --class opensuse $menuentry_id_option 'gnulinux-simple' {
	linux	/boot/vmlinuz-6.4.0-150600.23.25-default root=UUID=aa11 ${extra_cmdline} console=ttyAMA0 mitigations=auto
	initrd	/boot/initrd-6.4.0-150600.23.25-default
}
CFG
btrfs subvolume set-default "$root"
end

rm -r "$work"
