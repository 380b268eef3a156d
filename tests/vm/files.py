"""Every file of the guest's disk: kind, mode, owner and content.

Below /usr (/usr/local aside) content is not read, which would take minutes under
emulation: there size, inode and the kernel's change time stand for it, which no write,
rename or chmod leaves as they were. Only depmod's indexes are, which kernel-install(8)
has written anew; and of GRUB's menu the disks' numbers do not count, since which of two disks
the kernel finds first differs from boot to boot. The lists stay in the guest, so that only differences
cross the serial line.
"""

# Changes by themselves or on purpose, with the reason.
VOLATILE = (
    "/dev", "/proc", "/run", "/sys", "/tmp",       # not on the disk
    "/var/log", "/var/tmp", "/var/lib/systemd",    # written at every boot
    "/var/lib/vfio-wizard",                        # the snapshots: they must stay
    "/var/lib/vm-test",                            # these lists
    "/boot/initrd.img-*", "/efi/*/initrd.img-*",   # built anew: times inside; see IMAGE
)
MENU = "/boot/grub/grub.cfg"
INDEXES = "/usr/lib/modules/*/modules.*"
STORE = "/var/lib/vm-test"

LIST = """
set -e
mkdir -p {store}
disks=/
! mountpoint -q /efi || disks='/ /efi'
find $disks -xdev \\( {volatile} \\) -prune -o -printf '%p\\t%y %m %U:%G %l\\n' |
    sort >{store}/{name}.list
{{
    find /usr -xdev \\( -path /usr/local -o -path '{indexes}' \\) -prune \\
        -o -type f -printf '%p\\t%s %i %C@\\n' | sort
    find /usr/lib/modules -path '{indexes}' -type f -print0 | sort -z | xargs -0 b2sum -l 128
    find $disks -xdev \\( {volatile} -o -path '/usr/[!l]*' -o -path '/usr/l[!o]*' \\) -prune \\
        -o -type f ! -path {menu} -print0 | sort -z | xargs -0 -r b2sum -l 128
}} >{store}/{name}.sums
sed -E 's/(hd|ahci)[0-9],/\\1,/g' {menu} >{store}/{name}.menu 2>/dev/null || :
wc -l <{store}/{name}.sums
"""

IMAGE = """
set -e
mkdir -p {store}
image=$(ls {image})
work=$(mktemp -d /var/tmp/image.XXXXXX)
trap 'rm -rf "$work"' EXIT
{unpack}
cd "$work"
rm -f usr/lib/dracut/build-parameter.txt    # the words that dracut was called with
{{
    find . -printf '%p\\t%y %m %l\\n' | sort
    find . -type f -print0 | sort -z | xargs -0 -r b2sum -l 128
}} >{store}/{name}.image
wc -l <{store}/{name}.image
"""


def record(vm, name):
    """Write down the state of every file under a name; the number of files."""
    paths = VOLATILE + vm.kind.loader.volatile + vm.kind.initramfs.volatile
    volatile = " -o ".join(f"-path '{path}'" for path in paths)
    return int(vm.sh(LIST.format(store=STORE, name=name, volatile=volatile, indexes=INDEXES,
                                 menu=MENU), timeout=300))


def record_image(vm, name):
    """Write down what is inside the initramfs that a boot loads."""
    return int(vm.sh(IMAGE.format(store=STORE, name=name, image=vm.kind.loader.image,
                                  unpack=vm.kind.initramfs.unpack), timeout=300))


def differences(vm, before, after, kinds=("list", "sums", "menu", "image")):
    """The differing lines of two records, "" if there are none."""
    script = "\n".join(f"diff {STORE}/{before}.{kind} {STORE}/{after}.{kind}" for kind in kinds)
    return vm.agent.run(script, timeout=60).out
