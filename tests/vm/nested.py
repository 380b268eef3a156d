"""A guest inside the guest: does a virtual machine see the card that was handed over?"""

import re

QEMU = r"""qemu-system-x86_64 -M pc -accel tcg -cpu qemu64 -m 192 -nodefaults -nographic \
    -no-reboot -kernel /usr/local/lib/nested/vmlinux -initrd /usr/local/lib/nested/initrd \
    -append 'console=ttyS0 quiet mitigations=off nokaslr lpj=4000000 panic=-1' {devices}"""
SCRIPT = """
set -e
exec 2>&1
log=$(mktemp /run/nested.XXXXXX)
timeout {timeout} {qemu} -serial "file:$log" || {{ cat "$log"; exit 1; }}
cat "$log"
rm "$log"
"""


# Emulation inside emulation was seen to stand still while the guest starts, on a busy machine;
# a start that works takes two to three minutes there.
TRIES = 3


def _qemu(addresses):
    return QEMU.format(devices=" ".join(f"-device vfio-pci,host={a}" for a in addresses))


def start(vm, addresses, name):
    """Start a second-level guest of this name with these host devices, and leave it running."""
    vm.sh(f"systemd-run --quiet --unit=nested {_qemu(addresses)} -name {name}")


def stop(vm):
    vm.agent.run("systemctl stop nested")


def devices_seen(vm, addresses, timeout=300):
    """Start a second-level guest with these host devices; the vendor:device ids it sees."""
    script = SCRIPT.format(qemu=_qemu(addresses), timeout=timeout)
    for _ in range(TRIES):
        result = vm.agent.run(script, timeout + 60)
        if result.status == 0 and "pci-end" in result.out:
            return re.findall(r"^pci \S+ (\S+?)\r?$", result.out, re.MULTILINE)
    raise AssertionError(f"the second-level guest did not finish:\n{result.out}{result.err}")
