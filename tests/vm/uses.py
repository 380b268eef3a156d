"""What the host uses: a machine that is lived in, what is said of each of its devices, and what
really becomes of the host that gives one away."""

import collections
import re
import shlex

import machine
import nested
from agent import AgentTimeout
from console import ScreenTimeout, wait_until
from hardware_uses import (ARGUMENTS, AUDIO, BRIDGED_NEIGHBOUR, BRIDGED_NIC, IDLE_NVME,
                           MOUNTED_NVME, NIC, ROOT_DISK, SMBUS, SPARE_NIC, VGA, XHCI)
from steps import equal, has, step
from wizard import Wizard

NEW_DISK_BYTES = 3 << 30

# The system moves to a disk of its own with the guest's own tools, as an installer would lay it
# out: LUKS on LVM, its key in the initramfs; the network is a bridge over a bond over one card.
MOVE_IN = r"""
set -e
exec 2>&1
for size in /sys/block/sd*/size; do
    [ "$(cat "$size")" != $(({bytes} / 512)) ] || disk=$(basename "${{size%/size}}")
done
disk=/dev/$disk
printf 'label: dos\n,400M,L,*\n,,8e\n' | sfdisk -q "$disk"
udevadm settle
pvcreate -q "$disk"2
vgcreate -q vg "$disk"2
lvcreate -q -y -n root -l 100%FREE vg
mkdir -m 700 /etc/keys
head -c 64 /dev/urandom >/etc/keys/root.key
chmod 600 /etc/keys/root.key
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
    /dev/vg/root /etc/keys/root.key
cryptsetup open --key-file /etc/keys/root.key /dev/vg/root cryptroot
mkfs.ext4 -q -L system /dev/mapper/cryptroot
mkfs.ext4 -q -L boot "$disk"1
mount /dev/mapper/cryptroot /mnt
mkdir /mnt/boot
mount "$disk"1 /mnt/boot
cp -ax /. /mnt/
for place in dev proc sys; do
    mount --bind /$place /mnt/$place
done

mkfs.ext4 -q -L srv /dev/disk/by-id/nvme-*_mounted
pvcreate -q /dev/disk/by-id/nvme-*_idle
cat >/mnt/etc/fstab <<EOF
/dev/mapper/cryptroot / ext4 errors=remount-ro 0 1
LABEL=boot /boot ext4 defaults 0 2
LABEL=srv /srv ext4 defaults 0 2
EOF
echo 'cryptroot /dev/mapper/vg-root /etc/keys/root.key luks,initramfs' >/mnt/etc/crypttab
echo 'KEYFILE_PATTERN="/etc/keys/*.key"' >>/mnt/etc/cryptsetup-initramfs/conf-hook
echo UMASK=0077 >/mnt/etc/initramfs-tools/conf.d/keys
printf 'dm_mod\ndm_crypt\naes_generic\nxts\nsha256_generic\naesni_intel\n' \
    >>/mnt/etc/initramfs-tools/modules

cd /mnt/etc/systemd/network
printf '[NetDev]\nName=bond0\nKind=bond\n[Bond]\nMode=active-backup\n' >bond0.netdev
printf '[NetDev]\nName=br0\nKind=bridge\n' >br0.netdev
printf '[Match]\nPath=pci-{nic}\n[Network]\nBond=bond0\n' >nic.network
printf '[Match]\nName=bond0\n[Network]\nBridge=br0\n' >bond0.network
printf '[Match]\nName=br0\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n' >br0.network
cd /
systemctl -q --root=/mnt unmask systemd-networkd.service getty@tty1.service
systemctl -q --root=/mnt enable systemd-networkd.service getty@tty1.service
systemctl -q --root=/mnt disable systemd-networkd-wait-online.service

chroot /mnt update-initramfs -u -k all
chroot /mnt grub-install "$disk"
chroot /mnt update-grub
umount -R /mnt
cryptsetup close cryptroot
vgchange -q -an vg
"""

# What a host has as long as nothing of it is taken away, a word for each thing.
HAS = """
! ip route show default | grep -q 'dev br0' || echo route
! grep -q . /proc/fb || echo screen
! grep -q 'USB Keyboard' /proc/bus/input/devices || echo keyboard
! mountpoint -q /srv || echo srv
"""
EVERYTHING = {"boot", "route", "screen", "keyboard", "srv"}

# `word`: in the list of devices. `dangers` and `others`: findings, with words of their texts.
# `loses`: what of EVERYTHING is gone after a boot without the device.
Use = collections.namedtuple("Use", "address word dangers others loses")
USES = (
    Use(ROOT_DISK, "root disk",
        {"root-disk": r"/ is on sd\w2 through LVM `vg-root` and LUKS `cryptroot`\.",
         "boot-disk": r"/boot is on sd\w1\."}, {}, EVERYTHING),
    Use(SMBUS, "",
        {"root-disk": r"is in group \d+ with 0000:00:1f\.3 and has to go along: / is on sd\w2",
         "boot-disk": r"has to go along: /boot is on"}, {"group-shared": ROOT_DISK}, set()),
    Use(NIC, "network",
        {"network-in-use": r"the default route goes through \w+ in bond `bond0` and bridge `br0`",
         "only-network": r"no other network card"}, {}, {"route"}),
    Use(VGA, "display",
        {"boot-display": r"the console is shown on it \(fb0, [\w-]+\)",
         "only-display": r"no other graphics card"}, {"screen-connected": r"a monitor"},
        {"screen"}),
    Use(XHCI, "keyboard", {"last-keyboard": r"no other controller with a keyboard"}, {},
        {"keyboard"}),
    Use(MOUNTED_NVME, "disk", {"mounted-disk": r"/srv is on nvme\dn1\."}, {},
        EVERYTHING),
    Use(IDLE_NVME, "data", {}, {"disk-data": r"nvme\dn1 is part of an LVM volume group"}, set()),
    Use(AUDIO, "", {}, {}, set()),
    Use(SPARE_NIC, "", {}, {"identical-device": NIC}, set()),
    Use(BRIDGED_NIC, "", {}, {"group-shared": BRIDGED_NEIGHBOUR}, set()),
)


def keeps(vm, expected):
    """Which of EVERYTHING the booted host has, once it has all that is expected or that does not
    come: a network takes its time."""
    def now():
        return {"boot", *vm.sh(HAS).split()}
    try:
        wait_until(lambda: expected <= now(), 120, "what the host should have")
    except ScreenTimeout:
        pass
    return now()


def check(proof, address):
    return proof.json(f"check --json {address}")["findings"]


def image(path, size):
    with open(path, "xb") as file:
        file.truncate(size)
    return path


@step("the system moves into LUKS on LVM, its network onto a bridge over a bond", kinds=("uses",))
def move_in(proof):
    vm = proof.vm
    directory = vm.disk.parent
    for name in ("mounted", "idle"):
        image(directory / f"{name}.img", 64 << 20)
    vm.hardware = shlex.split(ARGUMENTS.format(directory=directory))
    new = image(directory / "new.img", NEW_DISK_BYTES)
    vm.hardware += ["-drive", f"file={new},format=raw,if=ide,index=2,cache=unsafe"]
    vm.boot()
    vm.install_program()
    vm.sh(MOVE_IN.format(bytes=NEW_DISK_BYTES, nic=NIC), timeout=1800)
    vm.power_off()
    del vm.hardware[-2:]
    # The disk that was moved to stays as it is: what a later step changes is in an overlay.
    proof.moved = new
    fresh(proof, "first")
    vm.boot()
    equal(keeps(vm, EVERYTHING), EVERYTHING, "what the host has")


def fresh(proof, name):
    """The machine as it was when it had moved in, from the next start on."""
    proof.vm.disk = machine.overlay(proof.moved, proof.vm.disk.parent / f"{name}.qcow2")


@step("what hangs off each device is named, and what its loss costs", ["move-in"], kinds=("uses",))
def named(proof):
    for use in USES:
        findings = check(proof, use.address)
        dangers = {f["id"] for f in findings if f["severity"] in ("danger", "block")}
        equal(dangers, set(use.dangers), f"the dangers of {use.address}")
        for ident, words in {**use.dangers, **use.others}.items():
            texts = [f["text"] for f in findings if f["id"] == ident]
            equal(any(re.search(words, text) for text in texts), True,
                  f"{words!r} in {ident} of {use.address}: {texts or findings}")
    # Where udev wrote nothing, as in a bare shell, the disk's own blocks tell.
    entry = "/run/udev/data/b$(cat /sys/bus/pci/devices/" + IDLE_NVME + "/nvme/nvme*/nvme*n1/dev)"
    proof.vm.sh(f"mv {entry} /run/entry")
    findings = check(proof, IDLE_NVME)
    proof.vm.sh(f"mv /run/entry {entry}")
    has(str(findings), "n1 is part of an LVM volume group", "the findings without udev's word")


@step("the list of devices has a word for each use, and the choice says the danger", ["move-in"],
      kinds=("uses",))
def shown(proof):
    with Wizard(proof.vm) as wizard:
        wizard.to_devices()
        for use in USES:
            wizard.focus(use.address)
            wizard.sees(rf"^> .*{use.address} .*{use.word} *$")
            if use.dangers:
                wizard.keys("Space")
                wizard.says("DANGER: .*" + next(iter(use.dangers.values())))
                wizard.keys("Space")
                wizard.sees(r"none chosen")
            wizard.show_all()


@step("a card that a second-level guest has open: who has it is said", ["move-in"], kinds=("uses",))
def guest_running(proof):
    vm = proof.vm
    vm.sh(f"vfio-wizard apply --yes {SPARE_NIC}", timeout=900)
    vm.reboot()
    equal([f["id"] for f in check(proof, SPARE_NIC) if f["id"] == "guest-running"], [],
          "a guest before one runs")
    nested.start(vm, [SPARE_NIC], "inner")
    try:
        group = vm.sh(f"basename $(readlink /sys/bus/pci/devices/{SPARE_NIC}/iommu_group)").strip()
        opened = f"ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q /dev/vfio/{group}"
        wait_until(lambda: vm.agent.run(opened).status == 0, 120, "the guest to open the card")
        texts = [f["text"] for f in check(proof, SPARE_NIC) if f["id"] == "guest-running"]
        has(texts[0] if texts else "", "QEMU guest inner (process ", "guest-running")
        with Wizard(vm) as wizard:
            wizard.to_devices()
            wizard.focus(SPARE_NIC)
            wizard.sees(rf"^> .*{SPARE_NIC} .*guest *$")
    finally:
        nested.stop(vm)


# What a boot ends with that does not come up: the initramfs's shell, or systemd's.
STOPPED = r"\(initramfs\)|emergency mode|for maintenance"


def comes_up(vm):
    """Start it; whether the system comes up to where a person can work."""
    vm.start()
    vm.kind.loader.boot(vm.console)

    def ended():
        try:
            return vm.agent.wait_ready(3)
        except AgentTimeout:
            return re.search(STOPPED, vm.console.screen())
    if isinstance(wait_until(ended, 600, "the boot to end", vm.console.screen), re.Match):
        return False
    vm.settle()
    return True


@step("each device given away for one boot: the host loses what was said, and nothing else",
      ["move-in"], kinds=("uses",))
def taken(proof):
    vm = proof.vm
    vm.power_off()
    wrong = []
    for use in USES:
        fresh(proof, use.address.replace(":", "-"))
        vm.boot()
        accept = " ".join(f"--accept {ident}" for ident in use.dangers)
        vm.sh(f"vfio-wizard apply --yes {accept} {use.address}", timeout=1800)
        vm.power_off()
        has_then = keeps(vm, EVERYTHING - use.loses) if comes_up(vm) else set()
        driver = proof.drivers()[use.address] if has_then else "not looked at"
        vm.kill()
        print(f"    {use.address} {', '.join([*use.dangers, *use.others]) or 'nothing said'}:"
              f" lost {', '.join(sorted(EVERYTHING - has_then)) or 'nothing'}"
              f" (driver {driver})", flush=True)
        if EVERYTHING - has_then != use.loses or driver not in ("vfio-pci", "not looked at"):
            wrong.append(use.address)
    equal(wrong, [], "devices whose loss is not as expected")
