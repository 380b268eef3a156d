"""The kinds of machine that the steps run on: a boot loader and a builder of initramfs images."""

import collections

import loaders

# `unpack` is given $image and $work. `prepare` runs in the guest's tree, at the host's speed;
# `build` in the first boot, where the guest's own hardware is there to be looked at.
Initramfs = collections.namedtuple("Initramfs", "packages files list unpack prepare build volatile")

INITRAMFS_TOOLS = Initramfs(
    packages=(),
    files="initramfs-tools",
    list="lsinitramfs",
    unpack='unmkinitramfs "$image" "$work"',
    prepare="update-initramfs -u -k all",
    build="",
    volatile=("/var/lib/initramfs-tools",),        # checksums of the images
)
DRACUT = Initramfs(
    packages=("dracut",),                          # apt-get removes initramfs-tools for it
    files="dracut",
    list="lsinitrd",
    unpack='cd "$work" && lsinitrd --unpack "$image"',
    prepare="",
    build="dracut --regenerate-all --force",
    volatile=(),
)

# `boots`: of the identical cards, in all; `skips`: steps that one kind is enough for, run by name
# only; `disk`: the kind whose disk it begins with; `plain`: a run that names no machine has it;
# `seconds`: no machine of the kind takes half as long.
Kind = collections.namedtuple("Kind", "name text loader initramfs packages boots skips disk "
                              "plain seconds", defaults=(True, 1800))

KINDS = {kind.name: kind for kind in (
    Kind("debian", "BIOS, GRUB, initramfs-tools", loaders.Grub, INITRAMFS_TOOLS,
         packages=("busybox-static", "qemu-system-x86"), boots=5, skips=(), disk="debian"),
    # The way back has a machine of its own: a change that fails is not there when the others begin.
    Kind("way-back", "BIOS, GRUB, initramfs-tools", loaders.Grub, INITRAMFS_TOOLS,
         packages=(), boots=0, skips=("trial-dies",), disk="debian"),
    Kind("dracut", "BIOS, GRUB, dracut", loaders.Grub, DRACUT,
         packages=(), boots=2, skips=("second-level", "warnings"), disk="dracut"),
    Kind("systemd-boot", "UEFI, systemd-boot, initramfs-tools", loaders.SystemdBoot,
         INITRAMFS_TOOLS, packages=(), boots=2, skips=("second-level", "warnings"),
         disk="systemd-boot"),
    Kind("uses", "root in LUKS on LVM, a bridge over a bond, a USB keyboard", loaders.Grub,
         INITRAMFS_TOOLS,
         packages=("busybox-static", "cryptsetup-initramfs", "fdisk", "lvm2", "qemu-system-x86"),
         boots=0, skips=("taken",), disk="uses", plain=False, seconds=3 * 60 * 60),
    Kind("rescue", "every way back, with GRUB and initramfs-tools", loaders.Grub,
         INITRAMFS_TOOLS, packages=(), boots=0, skips=(), disk="debian", plain=False,
         seconds=2 * 60 * 60),
    Kind("rescue-dracut", "the way back from the shell of dracut's initramfs", loaders.Grub, DRACUT,
         packages=(), boots=0, skips=(), disk="dracut", plain=False),
    Kind("rescue-systemd-boot", "the way back from systemd-boot's menu", loaders.SystemdBoot,
         INITRAMFS_TOOLS, packages=(), boots=0, skips=(), disk="systemd-boot", plain=False),
    Kind("power-cuts", "the power cut at random moments", loaders.Grub, INITRAMFS_TOOLS,
         packages=(), boots=0, skips=(), disk="debian", plain=False, seconds=4 * 60 * 60),
    Kind("network", "the network given away on trial", loaders.Grub, INITRAMFS_TOOLS,
         packages=("libpam-systemd", "openssh-server"), boots=0, skips=(), disk="network",
         plain=False, seconds=60 * 60),
)}


def all_packages(kind):
    """What the kind has beyond the tree that all kinds start from."""
    return kind.loader.packages + kind.initramfs.packages + kind.packages


def guest_folders(kind):
    """The folders of guest/ that are laid over its tree."""
    return ("common", kind.loader.files, kind.initramfs.files)
