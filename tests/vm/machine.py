"""The machine under test: QEMU with a VT-d unit, and a person's terminal on it."""

import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile

from agent import Agent, AgentTimeout, CommandFailed
from console import Console, ScreenTimeout, wait_until
from hardware import ARGUMENTS

# UEFI's code and the variables to start with: Debian, Fedora, Arch, openSUSE.
OVMF = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
)
PROMPT = r"root@vm:\S+#\s*\Z"


def _is_gone(pid):
    """No thread of it is left, which might hold the disk's lock; nobody may have waited for it yet."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z" and len(threads) == 1


class Machine:
    """One machine of a kind with its disk; starts and stops as often as wanted.

    `program` is the built program. It comes in on a second disk of the root disk's
    controller, which adds no PCI device.
    `disk`, `hardware` (arguments of QEMU) and `program_disk` (None: without it) count from the
    next start on.
    Used as a context manager it never outlives its block.
    """

    def __init__(self, kind, disk, directory, program=None):
        self.kind = kind
        self.disk = pathlib.Path(disk)
        self.hardware = shlex.split(ARGUMENTS)
        self._directory = pathlib.Path(directory)
        self.program_disk = self._directory / "program.img" if program else None
        if program:
            _program_disk(program, self.program_disk)
        self._pidfile = self._directory / "qemu.pid"
        self._firmware = self._directory / "firmware.fd"
        self._log = self._directory / "qemu.log"
        self._line = self._directory / "agent.sock"
        self.console = Console()
        self.agent = Agent(self._line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.console.close()

    def start(self, kernel=None):
        """Switch on: from the disk, or with (kernel, initrd, command line) given."""
        for path in (self._pidfile, self._line):
            path.unlink(missing_ok=True)
        # What QEMU itself has to say would be written across the screen.
        self.console.run(f"exec {shlex.join(self._command(kernel))} 2>{self._log}")
        self.agent.connect()

    def boot(self, extra=None):
        """Switch on through the boot loader; `extra` is typed into the entry."""
        self.start()
        self.kind.loader.boot(self.console, extra)
        self.wait_up()

    def wait_up(self, timeout=180):
        """Wait until the guest has started up and both serial lines answer."""
        self.agent.wait_ready(timeout)
        self.settle(timeout)

    def settle(self, timeout=180):
        """Once the agent is ready: wait until the rest of the system is, too."""
        self.agent.run("systemctl is-system-running --wait; udevadm settle", timeout=timeout)
        self.console.wait_for(r"root@vm:", timeout=60)
        self.console.type("clear\r")
        self.console.wait_for(PROMPT)

    def reboot(self, extra=None):
        self.power_off("reboot")
        self.boot(extra)

    def power_off(self, how="poweroff"):
        """Shut down; a machine that reboots switches off, too."""
        try:
            self.agent.run(f"systemd-run --quiet systemctl {how}")
        except AgentTimeout:
            pass        # It can be gone before it answers.
        self.wait_off()

    def wait_off(self, timeout=120):
        wait_until(self.console.ended, timeout, "machine to switch off", self.console.screen)
        self.agent.close()

    def kill(self):
        """Cut the power."""
        self.agent.close()
        try:
            pid = int(self._pidfile.read_text())
            os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return
        try:
            wait_until(lambda: _is_gone(pid), 60, "QEMU to end")
        except ScreenTimeout as error:
            print(f"{self.kind.name}: {error}", flush=True)     # no matter for what was tested
        self._pidfile.unlink(missing_ok=True)

    def sh(self, script, timeout=60):
        """Run a shell script on the second line; its output, or CommandFailed."""
        result = self.agent.run(script, timeout)
        if result.status != 0:
            raise CommandFailed(f"{script.strip()}\nended with {result.status}\n"
                                f"{result.out[-2000:]}{result.err[-2000:]}")
        return result.out

    def install_program(self):
        """Put the program where `make install` puts it."""
        self.sh("mount -o ro LABEL=program /mnt"
                " && install -m 755 /mnt/vfio-wizard /usr/local/sbin/vfio-wizard"
                "; status=$?; umount /mnt; exit $status")

    def _command(self, kernel):
        argv = ["qemu-system-x86_64", *self.hardware]
        argv += ["-pidfile", str(self._pidfile)]
        argv += ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
        argv += ["-serial", f"unix:{self._line},server=on,wait=off"]
        argv += ["-drive", f"file={self.disk},format={disk_format(self.disk)},if=ide,index=0"
                           ",cache=writeback"]
        if self.program_disk:
            argv += ["-drive", f"file={self.program_disk},format=raw,if=ide,index=1,snapshot=on"]
        if kernel:      # the loader of -kernel is the BIOS's
            argv += ["-kernel", str(kernel[0]), "-initrd", str(kernel[1]), "-append", kernel[2]]
        elif self.kind.loader.efi:
            code, variables = next(pair for pair in OVMF if os.path.exists(pair[0]))
            if not self._firmware.exists():
                shutil.copy(variables, self._firmware)
            argv += ["-drive", f"file={code},format=raw,if=pflash,readonly=on"]
            argv += ["-drive", f"file={self._firmware},format=raw,if=pflash"]
        return argv


def _program_disk(program, disk):
    with tempfile.TemporaryDirectory() as tree:
        shutil.copy(program, pathlib.Path(tree) / "vfio-wizard")
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-L", "program",
                        "-d", tree, str(disk), "16M"], check=True, stdout=subprocess.DEVNULL)


def overlay(base, path):
    """A copy-on-write disk on top of a base disk, or of another of its kind."""
    # A killed QEMU may hold the lock of the file before it for a moment longer.
    pathlib.Path(path).unlink(missing_ok=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", disk_format(base),
                    "-b", str(base), str(path)], check=True)
    return pathlib.Path(path)


def disk_format(disk):
    return "qcow2" if pathlib.Path(disk).suffix == ".qcow2" else "raw"
