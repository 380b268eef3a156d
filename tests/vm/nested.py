"""A guest inside the guest: does a virtual machine see the card that was handed over?"""

import re

SCRIPT = """
set -e
exec 2>&1
log=$(mktemp /run/nested.XXXXXX)
qemu-system-x86_64 -M pc -accel tcg -cpu qemu64 -m 192 -nodefaults -nographic -no-reboot \\
    -kernel /usr/local/lib/nested/vmlinux -initrd /usr/local/lib/nested/initrd \\
    -append 'console=ttyS0 quiet mitigations=off nokaslr panic=-1' \\
    -serial "file:$log" {devices} || {{ cat "$log"; exit 1; }}
cat "$log"
rm "$log"
"""


def devices_seen(vm, addresses, timeout=420):
    """Start a second-level guest with these host devices; the vendor:device ids it sees."""
    devices = " ".join(f"-device vfio-pci,host={address}" for address in addresses)
    output = vm.sh(SCRIPT.format(devices=devices), timeout)
    if "pci-end" not in output:
        raise AssertionError(f"the second-level guest did not finish:\n{output}")
    return re.findall(r"^pci \S+ (\S+?)\r?$", output, re.MULTILINE)
