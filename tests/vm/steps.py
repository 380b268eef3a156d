"""The proof, step by step: what a person does at the console, and what must then be so.

A step takes the Proof and raises when something is not as it should be; a step that
needs others names them, and they run first.
"""

import collections
import json

import files
import nested
from console import wait_until
from hardware import (BRIDGED_NEIGHBOUR, BRIDGED_NIC, CHOSEN_NIC, HOST_DRIVERS, NVME, ROOT_DISK,
                      TWIN_NIC)
from wizard import Wizard

CHOSEN = (CHOSEN_NIC, NVME)

Step = collections.namedtuple("Step", "name run needs text kinds")
STEPS = []


def step(text, needs=(), kinds=()):
    """A step of the kinds of machine that are named; or of all that have none of their own."""
    def register(run):
        STEPS.append(Step(run.__name__.replace("_", "-"), run, tuple(needs), text, kinds))
        return run
    return register


class Proof:
    """The machine and what earlier steps have written down."""

    def __init__(self, vm):
        self.vm = vm
        self.forecast = {}
        self.first_drivers = {}
        self.prepared = None        # a disk that further steps begin with, each anew
        self.duration = 0           # of an apply, in seconds

    def json(self, arguments, status=0):
        result = self.vm.agent.run("vfio-wizard " + arguments, timeout=120)
        if result.status != status:
            raise AssertionError(f"vfio-wizard {arguments} ended with {result.status}:\n"
                                 f"{result.err}")
        answer = json.loads(result.out)
        equal(answer["format"], 1, "the JSON format")
        return answer

    def drivers(self):
        """The driver of every PCI device, None where there is none, as the kernel has it."""
        output = self.vm.sh(
            "for d in /sys/bus/pci/devices/*; do"
            " driver=; [ -e $d/driver ] && driver=$(basename $(readlink $d/driver));"
            " echo ${d##*/} $driver; done")
        lines = (line.split() for line in output.splitlines())
        return {words[0]: words[1] if len(words) > 1 else None for words in lines}

    def check_forecast(self):
        """Every device is where the forecast said, and the program says so, too."""
        equal(self.drivers(), self.forecast, "the drivers and the forecast")
        equal(self.drivers()[TWIN_NIC], "e1000e", "the driver of the twin")
        equal(self.vm.agent.run(f"dmesg | grep -E 'e1000e {CHOSEN_NIC}|nvme .* {NVME}'").out, "",
              "what the host's drivers said about the chosen devices")
        answer = self.json("verify --json")
        wrong = [d for d in answer["devices"] if not d["ok"]]
        equal(wrong, [], "devices that verify objects to")


def equal(found, expected, what):
    if found == expected:
        return
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = sorted(k for k in {*found, *expected} if found.get(k) != expected.get(k))
        found = {k: found.get(k) for k in keys}
        expected = {k: expected.get(k) for k in keys}
    raise AssertionError(f"{what}: found {found!r}, expected {expected!r}")


def has(text, needle, what):
    if needle.lower() not in text.lower():
        raise AssertionError(f"{what}: no {needle!r} in\n{text}")


@step("starts with the IOMMU switched off, as a person's machine may be")
def start(proof):
    # Debian's kernel has VT-d on by itself: the boot prompt switches it off for this once.
    proof.vm.boot("intel_iommu=off")
    proof.vm.install_program()
    equal(proof.vm.sh("ls /sys/kernel/iommu_groups"), "", "IOMMU groups")
    proof.first_drivers = proof.drivers()
    equal({a: proof.first_drivers[a] for a in HOST_DRIVERS}, HOST_DRIVERS, "first drivers")
    files.record(proof.vm, "before")
    files.record_image(proof.vm, "before")


@step("the requirements name the missing IOMMU and its remedy; devices are listed all the same",
      ["start"])
def requirements(proof):
    answer = proof.json("check --json")
    iommu = {r["id"]: r for r in answer["requirements"]}["iommu"]
    equal(iommu["state"] != "ok", True, f"the IOMMU is wanted: {iommu}")
    has(iommu["text"], "off", "the requirement iommu")
    has(iommu["remedy"], "intel_iommu=o", "the remedy")
    listed = {d["address"] for d in proof.json("list --json")["devices"]}
    equal(listed, set(proof.first_drivers), "the listed devices")
    with Wizard(proof.vm) as wizard:
        wizard.sees(r"IOMMU")
        has(wizard.page_text(), "intel_iommu=o", "the screen of requirements")
        wizard.to_devices()
        for address in (CHOSEN_NIC, TWIN_NIC):
            wizard.focus(address)
            wizard.show_all()


@step("one of two identical cards and the NVMe controller: chosen, reviewed, applied by keys",
      ["requirements"])
def apply(proof):
    plan = proof.json("plan --json " + " ".join(CHOSEN))
    proof.forecast = {d["address"]: d["next"] for d in plan["forecast"]}
    equal(set(proof.forecast), set(proof.first_drivers), "the devices of the forecast")
    with Wizard(proof.vm) as wizard:
        wizard.to_devices()
        for address in CHOSEN:
            wizard.choose(address)
        wizard.to_review()
        text = wizard.page_text()
        for change in plan["changes"]:
            has(text, change["path"], "the review")
        has(text, "intel_iommu=on", "the review's difference")
        wizard.apply()
    equal(proof.drivers(), proof.first_drivers, "the drivers of the running system")
    kind = proof.vm.kind
    image = proof.vm.sh(f"{kind.initramfs.list} {kind.loader.image}", timeout=120)
    has(image, "vfio-pci.ko", "the initramfs")
    has(proof.vm.sh(f"cat {kind.loader.config}"), "intel_iommu=on", "what the loader reads")


@step("after the reboot every device is on the driver of the forecast", ["apply"])
def reboot(proof):
    proof.vm.reboot()
    has(proof.vm.sh("cat /proc/cmdline"), "intel_iommu=on", "the kernel command line")
    groups = int(proof.vm.sh("ls /sys/kernel/iommu_groups | wc -l"))
    if groups < 5:
        raise AssertionError(f"only {groups} IOMMU groups")
    for address in CHOSEN:
        equal(proof.drivers()[address], "vfio-pci", address)
    proof.check_forecast()


@step("a guest started inside sees the card", ["reboot"])
def second_level(proof):
    seen = nested.devices_seen(proof.vm, [CHOSEN_NIC])
    equal(seen.count("8086:10d3"), 1, f"the cards among {seen}")


@step("a shared group warns of the neighbour; the controller of the root disk is danger",
      ["reboot"])
def warnings(proof):
    findings = proof.json(f"check --json {BRIDGED_NIC}")["findings"]
    shared = [f for f in findings if f["id"] == "group-shared"]
    has(json.dumps(shared), BRIDGED_NEIGHBOUR, "the finding group-shared")
    findings = proof.json(f"check --json {ROOT_DISK}")["findings"]
    danger = {f["id"] for f in findings if f["severity"] == "danger"}
    has(json.dumps(sorted(danger)), "root-disk", "the dangers")
    refused = proof.vm.agent.run(f"vfio-wizard apply --yes {ROOT_DISK}", timeout=120)
    equal(refused.status, 1, "the status of applying the root disk's controller")
    with Wizard(proof.vm) as wizard:
        wizard.to_devices()
        wizard.choose(BRIDGED_NIC)
        wizard.choose(ROOT_DISK)
        wizard.to_review()
        text = wizard.page_text()
        has(text, BRIDGED_NEIGHBOUR.removeprefix("0000:"), "the review")
        has(text, "danger", "the review")
        has(text, "root-disk", "the review")
    equal(proof.drivers(), proof.forecast, "the drivers")


@step("module_blacklist=vfio_pci at the boot prompt gives every device back for one boot",
      ["reboot"])
def undo_at_boot_prompt(proof):
    proof.vm.reboot("module_blacklist=vfio_pci")
    equal(proof.drivers(), proof.first_drivers, "the drivers and the first drivers")


@step("further boots: the identical cards are told apart at each", ["reboot"])
def boots(proof):
    for _ in range(proof.vm.kind.boots - 1):
        proof.vm.reboot()
        proof.check_forecast()


@step("given back until the next boot: every device is on its first driver", ["reboot"])
def give_back(proof):
    proof.vm.sh("/usr/local/bin/vfio-bind --give-back")
    wait_until(lambda: proof.drivers() == proof.first_drivers, 60, "the first drivers",
               lambda: str(proof.drivers()))


@step("rolled back by keys from the snapshots", ["reboot"])
def rollback(proof):
    with Wizard(proof.vm) as wizard:
        wizard.roll_back_newest()
    snapshots = proof.json("snapshots --json")["snapshots"]
    equal("rolled-back" in [s["state"] for s in snapshots], True, f"rolled back in {snapshots}")


@step("after the reboot every file is as it was before, and every device on its first driver",
      ["rollback"])
def restored(proof):
    proof.vm.reboot("intel_iommu=off")
    equal(proof.drivers(), proof.first_drivers, "the drivers and the first drivers")
    files.record(proof.vm, "after")
    files.record_image(proof.vm, "after")
    equal(files.differences(proof.vm, "before", "after"), "", "the files")
