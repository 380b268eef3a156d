"""The base disks: a small Debian for each kind of machine, built once and kept in a cache.

All kinds start from one tree, which is kept, too. A cache entry is named by a hash of
everything that goes into it, is built in a directory of its own and renamed into place, so
an interrupted build leaves nothing that a later run would take for finished.
"""

import fcntl
import hashlib
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import kinds
import machine

HERE = pathlib.Path(__file__).resolve().parent
GUEST_FILES = HERE / "guest"
SUITE = "bookworm"
MIRROR = os.environ.get("VFIO_WIZARD_VM_MIRROR", "http://deb.debian.org/debian")
PACKAGES = (
    "linux-image-amd64", "initramfs-tools", "lz4", "zstd", "cpio",
    "systemd-sysv", "udev", "kmod", "pciutils", "pci.ids", "iproute2",
    "libncursesw6", "libtinfo6", "ncurses-base", "ncurses-term", "libpci3", "libkmod2",
)
DAY = 24 * 60 * 60
DISK_MIB = 2560
ESP_MIB = 300           # FAT32 for OVMF, too, which goes by the number of clusters

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

# Run inside the first boot, which is the only one without the boot loader.
FIRST_BOOT = """
set -e
{build}
{install}
rm -rf /var/log/journal /var/lib/vm-test
sync
"""


def cache_directory():
    override = os.environ.get("VFIO_WIZARD_VM_CACHE")
    if override:
        return pathlib.Path(override)
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "vfio-wizard" / "vm"


def _digest(*parts):
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def _tree_name():
    return "tree-" + _digest(SUITE, PACKAGES)


def _disk_name(kind):
    """A name for everything that decides what is on the base disk of a kind."""
    sources = [HERE / "image.py", HERE / "hardware.py"]
    for name in kinds.guest_folders(kind):
        sources += sorted(p for p in (GUEST_FILES / name).rglob("*") if p.is_file())
    parts = [_tree_name(), kinds.all_packages(kind), kind.initramfs, kind.loader.efi,
             kind.loader.install]
    for path in sources:
        parts += [path.relative_to(HERE), path.stat().st_mode, path.read_bytes()]
    return f"{kind.name}-{_digest(*parts)}"


def base_disk(kind, log):
    """The path of a kind's base disk, built first if the cache has none for this recipe."""
    return _entry(_disk_name(kind), lambda work: _build(kind, work, log)) / "base.img"


def _entry(name, build):
    """The cache's entry of this name; one that is missing is built, by one process at a time."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    entry = cache / name
    with open(cache / f"{name.rsplit('-', 1)[0]}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not entry.is_dir():
            work = pathlib.Path(tempfile.mkdtemp(prefix="building.", dir=cache))
            try:
                build(work)
                work.rename(entry)
            finally:
                _unmount(work)
                shutil.rmtree(work, ignore_errors=True)
            _forget_others(cache)
    os.utime(entry)
    return entry


def _unmount(work):
    """What a debootstrap that was cut short left mounted is the host's: it is not ours to remove."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        inside = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{work}/")]
    for place in sorted(inside, reverse=True):
        _run("umount", place)


def _forget_others(cache):
    """Remove the entries of other recipes, but not from under a run of another checkout."""
    wanted = {_tree_name(), *map(_disk_name, kinds.KINDS.values())}
    for other in cache.iterdir():
        if (other.name not in wanted and re.fullmatch(r"([a-z-]+-)?[0-9a-f]{16}", other.name)
                and other.stat().st_mtime < time.time() - DAY):
            shutil.rmtree(other, ignore_errors=True)


def _run(*argv, **kwargs):
    result = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False, **kwargs)
    if result.returncode != 0:
        tail = result.stdout.decode(errors="replace")[-2000:]
        raise RuntimeError(f"{argv[0]} failed with {result.returncode}:\n{tail}")
    return result.stdout


def _in(root, *argv):
    """Run a program inside a tree, with a /proc that is gone when it ends."""
    return _run("unshare", "--mount", "--pid", "--fork", f"--mount-proc={root}/proc",
                "chroot", root, *argv, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def _build_tree(work, log):
    log("base disks: debootstrap")
    root = work / "root"
    _run("debootstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES),
         SUITE, root, MIRROR)
    _in(root, "apt-get", "-q", "update")


def _build(kind, work, log):
    tree = _entry(_tree_name(), lambda tree_work: _build_tree(tree_work, log))
    log(f"{kind.name}: base disk")
    root = work / "root"
    _run("cp", "-a", "--reflink=auto", tree / "root", root)
    _configure(kind, root)
    if "qemu-system-x86" in kind.packages:
        _nested_files(root)
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(next((root / "boot").glob(f"{name}-*")), work / name)
    disk = work / "base.img"
    _disk_image(kind, root, disk)
    shutil.rmtree(root)
    log(f"{kind.name}: first boot, to install the boot loader")
    _first_boot(kind, work, disk)
    for name in ("vmlinuz", "initrd.img"):
        (work / name).unlink()


def _configure(kind, root):
    _lay_over(kind, root)
    _in(root, "apt-get", "-q", "-y", "--no-install-recommends", "install",
        *kinds.all_packages(kind))
    _lay_over(kind, root)      # again, for what the packages made of it
    _in(root, "passwd", "-d", "root")
    _in(root, "systemctl", "enable", "vm-agent.service")
    _in(root, "systemctl", "mask", "apt-daily.timer", "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
        "getty@tty1.service", "systemd-networkd.service", "systemd-resolved.service")
    if kind.initramfs.prepare:
        _in(root, "sh", "-c", kind.initramfs.prepare)
    _in(root, "apt-get", "clean")
    shutil.rmtree(root / "var/lib/apt/lists")
    (root / "var/lib/apt/lists").mkdir()


def _lay_over(kind, root):
    for name in kinds.guest_folders(kind):
        _run("cp", "-r", "--preserve=mode", "-T", GUEST_FILES / name, root)


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
    archive = _in(root, "sh", "-c",
                  "cd /usr/local/lib/nested/tree && find . | cpio --quiet -o -H newc")
    (target / "initrd").write_bytes(archive)
    shutil.rmtree(tree)


def _disk_image(kind, root, disk):
    """Partition table and file systems without a loop device or a mount."""
    start, label, esp = 1, "msdos", ()
    if kind.loader.efi:
        start, label = 1 + ESP_MIB, "gpt"
        esp = ("mkpart", "ESP", "fat32", "1MiB", f"{start}MiB")
    _run("truncate", "-s", f"{DISK_MIB}M", disk)
    _run("parted", "-s", disk, "mklabel", label, *esp,
         "mkpart", "primary", "ext4", f"{start}MiB", "100%", "set", "1", "boot", "on")
    if esp:
        _run("mkfs.vfat", "-F", "32", "-n", "EFI", "--offset", "2048", disk, ESP_MIB << 10)
    _run("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root,
         "-E", f"offset={start << 20}", disk, f"{DISK_MIB - start - 8}M")


def _first_boot(kind, work, disk):
    with machine.Machine(kind, disk, work) as vm:
        vm.start(kernel=(work / "vmlinuz", work / "initrd.img",
                         "root=LABEL=root console=ttyS0,115200 quiet"))
        vm.wait_up(timeout=300)
        vm.sh(FIRST_BOOT.format(build=kind.initramfs.build, install=kind.loader.install),
              timeout=900)
        vm.power_off()
