"""The ways back: a change that takes the host's own disk or network away, and how it is taken back."""

import json

import files
import image
import kinds
import machine
from console import wait_until
from hardware import CHOSEN_NIC, NVME, ROOT_DISK
from machine import PROMPT
from steps import equal, has, step
from wizard import REQUIREMENTS, Wizard

# For the boot that is to take the change back: the bad one itself ends without its disk.
WITHOUT_VFIO = "module_blacklist=vfio_pci"
RESCUE = ("rescue", "rescue-dracut", "rescue-systemd-boot")

# The shell of an initramfs by its builder: the word for the boot prompt, what the shell's prompt
# looks like, where the host's root is mounted.
INITRAMFS_SHELLS = {
    "initramfs-tools": ("break=bottom", r"\(initramfs\)\s*\Z", "/root"),
    "dracut": ("rd.break", r"#\s*\Z", "/sysroot"),
}


def begin(proof):
    """The machine as a person has it, with the program; its state is written down."""
    proof.vm.boot()
    proof.vm.install_program()
    proof.first_drivers = proof.drivers()


def dangers(proof, device):
    """What has to be said to give this device away."""
    findings = proof.json(f"check --json {device}")["findings"]
    return " ".join(f"--accept {f['id']}" for f in findings if f["severity"] == "danger")


def anew(proof):
    """Switched off, with the prepared disk as it was."""
    proof.vm.kill()
    proof.vm.disk = machine.overlay(proof.prepared, proof.prepared.with_name("way.qcow2"))


def begin_bad_boot(proof, words):
    anew(proof)
    proof.vm.start()
    proof.vm.kind.loader.boot(proof.vm.console, f"{words} {WITHOUT_VFIO}")


def roll_back(vm, command):
    """At a prompt: the wizard is started, mounts what it misses, and rolls back by keys."""
    console = vm.console
    console.type(f"unset HISTFILE; stty rows 24 cols 80; {command}; echo ended with $?\r")
    wizard = Wizard(vm)
    if console.wait_for(r"\A ?vfio-wizard: (Rescue|Requirements)", 60).group(1) == "Rescue":
        console.keys("m")
        console.wait_for(r"Nothing is missing any more")
        console.keys("Enter")
    wizard.at(REQUIREMENTS)
    wizard.roll_back_newest()
    wizard.quit()


def came_back(proof):
    """Switched on without a word."""
    proof.vm.boot()
    equal(proof.drivers(), proof.first_drivers, "the drivers and the first drivers")


def record(vm, name):
    files.record(vm, name)
    files.record_image(vm, name)


@step("on trial and not confirmed: the machine takes the change back by itself and boots again",
      kinds=("way-back",))
def trial(proof):
    begin(proof)
    devices = (CHOSEN_NIC, NVME)
    proof.vm.sh("vfio-wizard apply --yes --with trial --trial-minutes 4 " + " ".join(devices),
                timeout=900)
    proof.vm.reboot()
    equal({a: proof.drivers()[a] for a in devices}, dict.fromkeys(devices, "vfio-pci"),
          "the chosen devices while on trial")
    with Wizard(proof.vm) as wizard:
        has(wizard.page_text(), "on trial", "the first screen")
    # Nobody confirms.
    proof.vm.wait_off(timeout=900)
    proof.vm.boot()
    equal(proof.drivers(), proof.first_drivers, "the drivers and the first drivers")
    equal(proof.vm.agent.run("ls /etc/sysconfig/vfio-bind /var/lib/vfio-wizard/trial").out, "",
          "what is left of the change")


@step("on trial, and the power goes before the time is over: the next boot takes it back at once",
      kinds=("way-back",))
def trial_dies(proof):
    vm = proof.vm
    begin(proof)
    vm.sh(f"vfio-wizard apply --yes --with trial --trial-minutes 60 {NVME}", timeout=900)
    vm.reboot()
    equal(proof.drivers()[NVME], "vfio-pci", "the controller while on trial")
    wait_until(lambda: vm.agent.run("grep ^tried /var/lib/vfio-wizard/trial").status == 0, 60,
               "the boot to be noted")
    vm.kill()
    vm.start()
    vm.kind.loader.boot(vm.console)
    vm.wait_off(timeout=900)
    vm.boot()
    equal(proof.drivers(), proof.first_drivers, "the drivers and the first drivers")
    equal(vm.agent.run("ls /etc/sysconfig/vfio-bind /var/lib/vfio-wizard/trial").out, "",
          "what is left of the change")


@step("the root disk's controller given away with its danger accepted", kinds=RESCUE)
def given_away(proof):
    begin(proof)
    accept = dangers(proof, ROOT_DISK)
    has(accept, "root-disk", "the dangers")
    proof.vm.sh(f"vfio-wizard apply --yes --with rescue {accept} {ROOT_DISK}", timeout=900)
    proof.vm.power_off()
    proof.prepared = proof.vm.disk


def from_target(proof, unit):
    """systemd's own shells: root has no password here."""
    begin_bad_boot(proof, f"systemd.unit={unit}")
    console = proof.vm.console
    console.wait_for(r"Press Enter for maintenance", timeout=180)
    console.keys("Enter")
    console.wait_for(PROMPT)
    roll_back(proof.vm, "vfio-wizard")
    console.type("systemctl reboot\r")
    proof.vm.wait_off()
    came_back(proof)


@step("taken back by keys in systemd's rescue.target", ["given-away"], ("rescue",))
def rescue_target(proof):
    from_target(proof, "rescue.target")


@step("taken back by keys in systemd's emergency.target", ["given-away"], ("rescue",))
def emergency_target(proof):
    from_target(proof, "emergency.target")


@step("taken back by keys from init=/bin/bash", ["given-away"], ("rescue",))
def bare_shell(proof):
    begin_bad_boot(proof, "init=/bin/bash")
    console = proof.vm.console
    console.wait_for(r"(root@\(none\):/#|bash-[\d.]+#)\s*\Z", timeout=180)
    roll_back(proof.vm, "TERM=linux /usr/local/sbin/vfio-wizard")
    console.type("sync; umount -r / ; echo o >/proc/sysrq-trigger\r")
    proof.vm.wait_off()
    came_back(proof)


@step("taken back by keys in the shell of the initramfs, by the program in the image",
      ["given-away"], ("rescue", "rescue-dracut"))
def initramfs_shell(proof):
    word, prompt, root = INITRAMFS_SHELLS[proof.vm.kind.initramfs.files]
    begin_bad_boot(proof, word)
    console = proof.vm.console
    found = console.wait_for(rf"{prompt}|Press Enter for maintenance", 180)
    if found.group().startswith("Press"):
        console.keys("Enter")
        console.wait_for(prompt)
    console.type(f"mount -o remount,rw {root}\r")
    roll_back(proof.vm, f"TERM=linux /usr/local/sbin/vfio-wizard --root {root}")
    console.type(f"sync; umount {root}; echo o >/proc/sysrq-trigger\r")
    proof.vm.wait_off()
    came_back(proof)


@step("taken back from another system, which stays as it is", ["given-away"], ("rescue",))
def another_system(proof):
    vm = proof.vm
    anew(proof)
    broken, hardware = vm.disk, vm.hardware
    base = image.base_disk(kinds.KINDS[vm.kind.disk], print)
    vm.disk = machine.overlay(base, broken.with_name("rescuer.qcow2"))
    vm.hardware = [*hardware, "-drive", f"file={broken},format=qcow2,if=ide,index=2"]
    # Label and UUID are the same on both disks.
    vm.boot("root=/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001-part1")
    vm.install_program()
    record(vm, "rescuer")
    vm.sh("mount /dev/disk/by-id/ata-QEMU_HARDDISK_QM00005-part1 /mnt")
    snapshots = json.loads(vm.sh("vfio-wizard --root /mnt snapshots --json"))["snapshots"]
    said = vm.sh(f"vfio-wizard --root /mnt rollback --yes {snapshots[0]['id']}", timeout=900)
    for command in ("update-initramfs", "update-grub"):
        has(said, command, "what rollback says")
    # The other system began with the same disk: what it has is what the mended one must have.
    vm.sh(f"cp -rT {files.STORE} /mnt{files.STORE} && umount /mnt")
    record(vm, "rescuer-after")
    equal(files.differences(vm, "rescuer", "rescuer-after"), "", "the files of the other system")
    vm.power_off()
    vm.disk, vm.hardware = broken, hardware
    came_back(proof)
    record(vm, "after")
    equal(files.differences(vm, "rescuer", "after"), "", "the files")


@step("started by the entry without passthrough, taken back there, and the entry is gone",
      ["given-away"], ("rescue", "rescue-systemd-boot"))
def boot_entry(proof):
    vm = proof.vm
    anew(proof)
    vm.start()
    vm.kind.loader.boot_without_passthrough(vm.console)
    vm.wait_up()
    has(vm.sh("cat /proc/cmdline"), WITHOUT_VFIO, "the kernel command line")
    equal(proof.drivers(), proof.first_drivers, "the drivers and the first drivers")
    vm.sh("vfio-wizard rollback --yes", timeout=900)
    entries = vm.sh(f"cat {vm.kind.loader.config}")
    equal("without passthrough" in entries, False, "whether the entry is still there")
    vm.power_off("reboot")
    came_back(proof)


NETWORK = r"""
set -e
for card in /sys/bus/pci/devices/{nic}/net/*; do
    name=${{card##*/}}
done
cat >/etc/systemd/network/10-test.network <<EOF
[Match]
Name=$name
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
EOF
systemctl -q unmask systemd-networkd.service
systemctl -q enable --now systemd-networkd.service
systemctl -q disable systemd-networkd-wait-online.service
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
"""
ROUTE = "ip route show default | grep -F 'via 10.0.2.2'"


def has_route(proof):
    return proof.vm.agent.run(ROUTE).status == 0


@step("the card of the default route given away on trial: nobody can come in, and it comes back",
      kinds=("network",))
def network_comes_back(proof):
    vm = proof.vm
    begin(proof)
    vm.sh(NETWORK.format(nic=CHOSEN_NIC))
    wait_until(lambda: has_route(proof), 60, "the default route")
    accept = dangers(proof, CHOSEN_NIC)
    has(accept, "network-in-use", "the dangers")
    vm.sh(f"vfio-wizard apply --yes --with trial --trial-minutes 4 {accept} {CHOSEN_NIC}",
          timeout=900)
    vm.reboot()
    equal(proof.drivers()[CHOSEN_NIC], "vfio-pci", "the card while on trial")
    equal(has_route(proof), False, "whether the host has a default route while on trial")
    # Nobody can confirm.
    vm.wait_off(timeout=900)
    vm.boot()
    equal(proof.drivers(), proof.first_drivers, "the drivers and the first drivers")
    wait_until(lambda: has_route(proof), 60, "the default route")


@step("a login over SSH confirms a change on trial, which stays", ["network-comes-back"],
      ("network",))
def login_confirms(proof):
    vm = proof.vm
    vm.sh(f"vfio-wizard apply --yes --with trial --with trial-ssh --trial-minutes 5 {NVME}",
          timeout=900)
    vm.reboot()
    on_trial = "test -e /var/lib/vfio-wizard/trial"
    vm.sh(on_trial)
    vm.sh("ssh -o StrictHostKeyChecking=accept-new root@127.0.0.1 sleep 10", timeout=120)
    equal(vm.agent.run(on_trial).status, 1, "the status of looking for the trial")
    equal(vm.agent.run("vfio-wizard check 2>&1 | grep -i 'on trial'").out, "", "what is on trial")
    # The machine was to go back five minutes after its start.
    vm.sh("until [ \"$(cut -d. -f1 /proc/uptime)\" -gt 330 ]; do sleep 1; done", timeout=400)
    equal(proof.drivers()[NVME], "vfio-pci", "the controller after the time of the trial")
