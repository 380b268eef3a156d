"""The base disk: a small Debian with GRUB, built once and kept in a cache.

The cache entry is named by a hash of everything that goes into it, is built in a
directory of its own and renamed into place, so an interrupted build leaves nothing
that a later run would take for finished.
"""

import hashlib
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import machine

HERE = pathlib.Path(__file__).resolve().parent
GUEST_FILES = HERE / "guest"
SUITE = "bookworm"
MIRROR = os.environ.get("VFIO_WIZARD_VM_MIRROR", "http://deb.debian.org/debian")
PACKAGES = (
    "linux-image-amd64", "grub-pc", "initramfs-tools", "lz4", "zstd", "cpio",
    "systemd-sysv", "udev", "kmod", "pciutils", "pci.ids", "iproute2",
    "libncursesw6", "libtinfo6", "ncurses-base", "ncurses-term", "libpci3", "libkmod2",
    "busybox-static", "qemu-system-x86",
)
DISK_MIB = 3072
PARTITION_MIB = DISK_MIB - 8

# What the second-level guest does: name each PCI device it sees, then switch off.
NESTED_INIT = """#!/bin/busybox sh
/bin/busybox mount -t sysfs sysfs /sys
for device in /sys/bus/pci/devices/*; do
    read -r vendor <"$device/vendor"
    read -r id <"$device/device"
    echo "pci ${device##*/} ${vendor#0x}:${id#0x}"
done
echo pci-end
/bin/busybox poweroff -f
"""

# Run inside the first boot, which is the only one that does not go through GRUB.
FIRST_BOOT = """
set -e
grub-install /dev/sda
update-grub
rm -rf /var/log/journal /var/lib/vm-test
sync
"""


def cache_directory():
    override = os.environ.get("VFIO_WIZARD_VM_CACHE")
    if override:
        return pathlib.Path(override)
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "vfio-wizard" / "vm"


def recipe_hash():
    """A name for everything that decides what is on the base disk."""
    digest = hashlib.sha256()
    sources = [HERE / "image.py", HERE / "hardware.py"]
    sources += sorted(p for p in GUEST_FILES.rglob("*") if p.is_file())
    for path in sources:
        digest.update(str(path.relative_to(HERE)).encode() + b"\0")
        digest.update(b"%o\0" % (path.stat().st_mode & 0o777))
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def base_disk(log):
    """The path of the base disk, built first if the cache has none for this recipe."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    entry = cache / recipe_hash()
    if not entry.is_dir():
        work = pathlib.Path(tempfile.mkdtemp(prefix="building.", dir=cache))
        try:
            _build(work, log)
            work.rename(entry)
        finally:
            _unmount(work)
            shutil.rmtree(work, ignore_errors=True)
        _forget_others(cache, entry)
    return entry / "base.img"


def _unmount(work):
    """What a debootstrap that was cut short left mounted is the host's: it is not ours to remove."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        inside = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{work}/")]
    for place in sorted(inside, reverse=True):
        _run("umount", place)


def _forget_others(cache, entry):
    for other in cache.iterdir():
        if other != entry and re.fullmatch(r"[0-9a-f]{16}", other.name):
            shutil.rmtree(other, ignore_errors=True)


def _run(*argv, **kwargs):
    result = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False, **kwargs)
    if result.returncode != 0:
        tail = result.stdout.decode(errors="replace")[-2000:]
        raise RuntimeError(f"{argv[0]} failed with {result.returncode}:\n{tail}")
    return result.stdout


def _build(work, log):
    root = work / "root"
    log("base disk: debootstrap")
    _run("debootstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES),
         SUITE, root, MIRROR)
    log("base disk: disk image")
    _configure(root)
    _nested_files(root)
    kernel = next((root / "boot").glob("vmlinuz-*"))
    initrd = next((root / "boot").glob("initrd.img-*"))
    shutil.copy(kernel, work / "kernel")
    shutil.copy(initrd, work / "initrd")
    disk = work / "base.img"
    _disk_image(root, disk)
    shutil.rmtree(root)
    log("base disk: first boot, to install GRUB")
    _first_boot(work, disk)
    for name in ("kernel", "initrd"):
        (work / name).unlink()


def _configure(root):
    _run("cp", "-r", "--preserve=mode", "-T", GUEST_FILES, root)
    uuid = _run("cat", "/proc/sys/kernel/random/uuid").decode().strip()
    (root / "root-uuid").write_text(uuid)
    (root / "etc/fstab").write_text(f"UUID={uuid} / ext4 errors=remount-ro 0 1\n")
    _run("chroot", root, "passwd", "-d", "root")
    _run("chroot", root, "systemctl", "enable", "vm-agent.service")
    _run("chroot", root, "systemctl", "mask", "apt-daily.timer", "apt-daily-upgrade.timer",
         "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "getty@tty1.service",
         "systemd-networkd.service", "systemd-resolved.service")
    # MODULES=list looks at no hardware, so this can be done here, at the host's speed.
    _run("chroot", root, "update-initramfs", "-u", "-k", "all")
    for path in (root / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()
    shutil.rmtree(root / "var/lib/apt/lists")
    (root / "var/lib/apt/lists").mkdir()


def _nested_files(root):
    """Kernel and initramfs of the second-level guest.

    The kernel is unpacked here: unpacking it below two levels of emulation would
    take longer than everything else that guest does.
    """
    target = root / "usr/local/lib/nested"
    target.mkdir(parents=True)
    packed = next((root / "boot").glob("vmlinuz-*")).read_bytes()
    start = packed.index(b"\xfd7zXZ\x00")
    unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ)
    (target / "vmlinux").write_bytes(unpacker.decompress(packed[start:]))

    tree = target / "tree"
    for name in ("bin", "dev", "sys"):
        (tree / name).mkdir(parents=True)
    shutil.copy(root / "bin/busybox", tree / "bin/busybox")
    (tree / "init").write_text(NESTED_INIT)
    (tree / "init").chmod(0o755)
    os.mknod(tree / "dev/console", 0o600 | 0o020000, os.makedev(5, 1))
    archive = _run("chroot", root, "sh", "-c",
                   "cd /usr/local/lib/nested/tree && find . | cpio --quiet -o -H newc")
    (target / "initrd").write_bytes(archive)
    shutil.rmtree(tree)


def _disk_image(root, disk):
    """Partition table and file system without a loop device or a mount."""
    uuid = (root / "root-uuid").read_text()
    (root / "root-uuid").unlink()
    _run("truncate", "-s", f"{DISK_MIB}M", disk)
    _run("parted", "-s", disk, "mklabel", "msdos", "mkpart", "primary", "ext4", "1MiB",
         "100%", "set", "1", "boot", "on")
    _run("mke2fs", "-q", "-t", "ext4", "-U", uuid, "-L", "root", "-d", root,
         "-E", f"offset={1 << 20}", disk, f"{PARTITION_MIB}M")


def _first_boot(work, disk):
    with machine.Machine(disk, work) as vm:
        vm.start(kernel=(work / "kernel", work / "initrd",
                         "root=LABEL=root console=ttyS0,115200 quiet"))
        vm.wait_up(timeout=300)
        vm.sh(FIRST_BOOT, timeout=900)
        vm.power_off()
