"""The boot loaders: how each gets onto a disk, and how a person works its menu."""

import re

from console import ScreenTimeout, wait_until


class Grub:
    """GRUB 2 from the BIOS, on an MBR disk."""

    efi = False
    packages = ("grub-pc",)
    files = "grub"
    install = "grub-install /dev/sda\nupdate-grub\n"
    # What a boot reads: the configuration, and the image that the default entry names.
    config = "/boot/grub/grub.cfg"
    image = "/boot/initrd.img-*"
    volatile = ("/boot/grub/grubenv",)             # GRUB's own notes about the last boot

    @staticmethod
    def boot(console, extra=None):
        """From the menu on; `extra` is typed into the entry as a person would."""
        console.wait_for(r"GNU GRUB", timeout=60)
        if extra:
            _edit_in_grub(console, extra)
        else:
            console.keys("Enter")

    @staticmethod
    def boot_without_passthrough(console):
        """The last entry of the menu."""
        console.wait_for(r"GNU GRUB", timeout=60)
        console.keys("C-e")
        console.wait_for(r"^ *\|\*.*, without passthrough")
        console.keys("Enter")


class SystemdBoot:
    """systemd-boot from UEFI, on a GPT disk with an ESP, with Debian's own hooks."""

    efi = True
    packages = ("systemd-boot", "dosfstools")
    files = "systemd-boot"
    install = """
bootctl --no-variables --esp-path=/efi install
echo 'timeout 10' >/efi/loader/loader.conf
kernel-install add "$(uname -r)" "/boot/vmlinuz-$(uname -r)"
"""
    config = "/efi/loader/entries/*.conf"
    image = "/efi/*/*/initrd.img-*"
    volatile = ("/efi/loader/random-seed",)        # renewed at every boot

    @staticmethod
    def boot(console, extra=None):
        console.wait_for(r"Reboot Into Firmware|Debian GNU/Linux", timeout=120)
        if extra:
            console.keys("e")
            console.wait_for(r"console=ttyS0")
            # Its cursor is at the start of the line.
            console.type(extra + " ")
            console.wait_for(rf"^ *{re.escape(extra)} root=")
        console.keys("Enter")

    @staticmethod
    def boot_without_passthrough(console):
        """The last entry of the menu but for the firmware's own."""
        console.wait_for(r"without passthrough", timeout=120)
        entries = [row.strip() for row in console.screen_settled().split("\n") if row.strip()]
        last = next(i for i, entry in enumerate(entries) if "without passthrough" in entry)
        for _ in range(last):
            console.keys("Down")
        console.keys("Enter")


def _edit_in_grub(console, extra):
    """In GRUB's editor: append to the line that loads the kernel, and boot it."""
    for _ in range(3):
        console.keys("e")
        console.wait_for(r"setparams")
        if _append_to_kernel_line(console, extra):
            console.keys("C-x")
            return
        console.keys("Escape")
        console.wait_for(r"^ *\|\*Debian GNU/Linux")
    raise ScreenTimeout("GRUB's entry could not be edited\n" + console.screen())


def _append_to_kernel_line(console, extra):
    """False if that went wrong: GRUB draws slowly, and its cursor moves while it does."""
    for _ in range(40):
        at = console.cursor_row()
        if re.match(r"\s*\|\s*linux\s", at[1]):
            break
        console.keys("C-n")
        wait_until(lambda before=at: console.cursor_row() != before, 10,
                   "GRUB's cursor to move", console.screen)
    console.keys("C-e")
    console.type(" " + extra)
    edited = re.compile(rf"\blinux\s.* {re.escape(extra)}\s*$", re.MULTILINE)
    try:
        wait_until(lambda: edited.search(_editor_text(console)), 5, "the edited line")
    except ScreenTimeout:
        return False
    return True


def _editor_text(console):
    """What GRUB's editor shows, without its frame, with cut lines joined again."""
    rows = re.findall(r"^ *\|(.*)\|", console.screen(), re.MULTILINE)
    return "\n".join(row.rstrip() for row in rows).replace("\\\n", "")
