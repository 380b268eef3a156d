"""The power is cut while a change is applied: what the next boot finds, and both ways on from there."""

import os
import random
import re
import shlex
import socket
import time

import files
import machine
import ways_back
from console import wait_until
from hardware import ARGUMENTS, CHOSEN_NIC
from machine import PROMPT
from steps import equal, has, step

CUTS = int(os.environ.get("VFIO_WIZARD_VM_CUTS", "20"))
SEED = int(os.environ.get("VFIO_WIZARD_VM_SEED", "0")) or int(time.time())
APPLY = f"vfio-wizard apply --yes {CHOSEN_NIC}"
WANTED = "/etc/systemd/system/basic.target.wants/vfio-bind.service"

# Images and what only their builders leave are not among the recorded files.
IN_BOOT = "ls -A /boot /boot/grub"


def migratable():
    """The machine's hardware but for the NVMe controller, whose state QEMU cannot save."""
    words = shlex.split(ARGUMENTS)
    at = words.index("if=none,id=d1,driver=raw,file.driver=null-co,file.size=67108864")
    del words[at - 1:at + 3]
    return words


def monitor(directory):
    return ["-monitor", f"unix:{directory / 'monitor.sock'},server=on,wait=off"]


def ask_monitor(directory, *commands):
    """What QEMU's monitor says to these commands, all of it only if the last one ends it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(120)
        line.connect(str(directory / "monitor.sock"))
        line.sendall("".join(f"{command}\n" for command in commands).encode())
        said = b""
        while not re.search(rb"VM status: .*\n", said):
            data = line.recv(65536)
            if not data:
                break
            said += data
    return said.decode(errors="replace")


def save_state(vm, path):
    """Write down the running machine's state, and switch it off."""
    said = ask_monitor(path.parent, "migrate_set_parameter max-bandwidth 4G",
                       f'migrate "exec:cat >{path}"', "quit")
    vm.wait_off()
    if not path.exists() or not path.stat().st_size:
        raise AssertionError(f"the machine's state could not be saved:\n{said}")


def is_running(directory):
    try:
        return "running" in ask_monitor(directory, "info status")
    except ConnectionRefusedError:      # the socket of the QEMU before
        return False


def start_from_state(vm, path):
    # What is typed before the machine runs is lost.
    vm.hardware = [*migratable(), *monitor(path.parent), "-incoming", f"exec:cat {path}"]
    vm.start()
    wait_until(lambda: is_running(path.parent), 120, "the saved machine to run")


class Cut:
    """One cut of the power at `moment` seconds into an apply, and what came of it."""

    def __init__(self, moment, way):
        self.moment, self.way = moment, way
        self.stage = self.said = self.became = ""

    def __str__(self):
        return (f"{self.moment:6.1f} s  {self.became:4} {self.way:9} {self.said[:60]:60} "
                f"{self.stage[:70]}")


@step("a machine in the moment before an apply, which is timed", kinds=("power-cuts",))
def before_the_cut(proof):
    vm = proof.vm
    vm.hardware = migratable()
    vm.boot()
    vm.install_program()
    proof.first_drivers = proof.drivers()
    begin = time.monotonic()
    vm.sh(APPLY, timeout=900)
    proof.duration = time.monotonic() - begin
    record(vm, "new")
    vm.sh("vfio-wizard rollback --yes", timeout=900)
    record(vm, "old")
    vm.power_off()
    vm.program_disk = None
    proof.prepared = vm.disk


def record(vm, name):
    ways_back.record(vm, name)
    vm.sh(f"{IN_BOOT} >{files.STORE}/{name}.boot")


def is_same(vm, name):
    """Every file and the image are as they were under that name."""
    return not files.differences(vm, name, "now", ("list", "sums", "menu", "image", "boot"))


@step("the state of a machine that waits at its prompt is saved", ["before-the-cut"],
      ("power-cuts",))
def saved_state(proof):
    vm = proof.vm
    directory = proof.prepared.parent
    vm.disk = machine.overlay(proof.prepared, directory / "waiting.qcow2")
    vm.hardware = [*migratable(), *monitor(directory)]
    vm.boot()
    vm.sh("sync")
    save_state(vm, directory / "state")
    proof.prepared = vm.disk


def cut_power(proof, cut):
    """From the saved state into an apply, and off. The next start is one from the disk."""
    vm = proof.vm
    directory = proof.prepared.parent
    vm.disk = machine.overlay(proof.prepared, directory / "cut.qcow2")
    start_from_state(vm, directory / "state")
    vm.console.type("clear\r")
    vm.console.wait_for(PROMPT)
    vm.console.type(f"clear; {APPLY}; echo ended with $?\r")
    time.sleep(cut.moment)
    rows = vm.console.screen().split("\n")
    vm.kill()
    cut.stage = next((row.strip() for row in reversed(rows) if row.strip()), "")
    vm.hardware = migratable()


def mend(proof, cut):
    """After the next boot: what recover says, and the way on that it offers."""
    vm = proof.vm
    found = vm.agent.run("vfio-wizard recover", timeout=120)
    cut.said = (found.out + found.err).strip().split("\n")[0]
    if found.status == 0:
        cut.way = "-"
        return
    has(vm.agent.run("vfio-wizard list 2>&1 >/dev/null").out, "cut short", "what list says")
    # As far as it came by then, its own unit says so, too.
    if vm.agent.run(f"test -e {WANTED} -a -e /usr/local/bin/vfio-bind").status == 0:
        has(vm.sh("journalctl -b -o cat -u vfio-bind.service"), "cut short", "the journal")
    vm.sh(f"vfio-wizard recover --yes --{cut.way}", timeout=900)
    vm.sh("vfio-wizard recover", timeout=120)


def outcome(proof, cut):
    """ "old" or "new"; anything else is a failure."""
    vm = proof.vm
    record(vm, "now")
    wanted = {"back": ("old",), "finish": ("new",)}.get(cut.way, ("old", "new"))
    for name in wanted:
        if is_same(vm, name):
            return name
    raise AssertionError(f"neither {' nor '.join(wanted)}:\n" + files.differences(
        vm, wanted[0], "now", ("list", "sums", "menu", "image", "boot"))[-3000:])


@step(f"the power cut {CUTS} times during an apply: it boots, says so, and goes back or on",
      ["saved-state"], ("power-cuts",))
def cuts(proof):
    moments = random.Random(SEED)
    tried, failed = [], []
    print(f"power-cuts: VFIO_WIZARD_VM_SEED={SEED}, an apply takes {proof.duration:.1f} s",
          flush=True)
    for number in range(CUTS):
        cut = Cut(moments.uniform(0, proof.duration), ("back", "finish")[number % 2])
        tried.append(cut)
        try:
            cut_power(proof, cut)
            proof.vm.boot()
            mend(proof, cut)
            cut.became = outcome(proof, cut)
        except Exception as error:  # pylint: disable=broad-except
            cut.became = "HALF"
            failed.append(f"{cut}: {error!r}")
            print(f"{error}\n{proof.vm.console.screen().rstrip()}", flush=True)
        print(f"power-cuts: {number + 1:2} {cut}", flush=True)
        proof.vm.kill()
    equal(failed, [], "cuts after which the machine was not whole")
