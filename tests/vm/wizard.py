"""The wizard as a person works it: every key and every text of its screens that a step uses."""

import re

from console import wait_until
from machine import PROMPT

# What a screen is known by: its title in the bar at the top.
REQUIREMENTS, DEVICES, OPTIONS = "Requirements", "Devices", "Options"
REVIEW, APPLY = "Review", "Apply"
SNAPSHOTS, ROLLBACK = "Snapshots", "Roll back"

# update-initramfs and update-grub under emulation, on a busy machine.
RUN_TIMEOUT = 900


class Wizard:
    """A wizard running on the machine's console; use as a context manager."""

    def __init__(self, vm):
        self._vm = vm
        self._console = vm.console

    def __enter__(self):
        self._console.wait_for(PROMPT)
        self._console.type("clear; vfio-wizard; echo ended with $?\r")
        self.at(REQUIREMENTS, 60)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.quit()

    def at(self, title, timeout=60):
        """Wait until the screen with this title is in view."""
        self._console.wait_for(rf"\A ?vfio-wizard: {title}( |$)", timeout)

    def sees(self, pattern, timeout=30):
        return self._console.wait_for(pattern, timeout)

    def says(self, pattern, timeout=30):
        """Wait for a text that may go over several rows."""
        return wait_until(lambda: re.search(pattern, " ".join(self._console.screen().split())),
                          timeout, f"screen to say {pattern!r}", self._console.screen)

    def keys(self, *names):
        self._console.keys(*names)

    def quit(self):
        """Leave from wherever it is; what is chosen and not applied is dropped."""
        self.keys("q")
        if self.sees(r"ended with \d|Quit anyway").group().startswith("Quit"):
            self.keys("y")
        self.sees(r"ended with 0")

    def page_text(self, limit=40):
        """The text of a scrolling page, from here to its end, lines joined by blanks."""
        seen = [self._drawn()]
        for _ in range(limit):
            self.keys("PageDown")
            screen = self._drawn()
            if screen == seen[-1]:
                break
            seen.append(screen)
        return re.sub(r"\s+", " ", " ".join(seen))

    def to_devices(self):
        self.keys("Enter")
        self.at(DEVICES)

    def focus(self, address):
        """In the list of devices: narrow it to one device and put the cursor on it."""
        self.keys("/")
        self.sees(r"^Show only:")
        self._console.type(address)
        self.keys("Enter")
        self.sees(rf"^> .*{re.escape(address)}")

    def show_all(self):
        # On until it is seen: a key right after Escape would be taken for one key with it.
        self.keys("/")
        self.sees(r"^Show only:")
        self.keys("Escape")
        self.sees(r"devices? chosen|none chosen")

    def choose(self, address):
        """Choose a device; the offer to take the whole card is declined."""
        self.focus(address)
        self.keys("Space")
        mark = rf"^> \[x\] {re.escape(address)}"
        if self.sees(mark + r"|Only this").group().startswith("Only"):
            self.keys("o")
            self.sees(mark)
        self.show_all()

    def to_review(self):
        self.keys("Enter")
        self.at(OPTIONS)
        self.keys("Enter")
        self.at(REVIEW)

    def apply(self):
        """From the review to the end of applying."""
        self.page_text()
        self.keys("Enter")
        self.at(APPLY)
        self._console.type("A")
        self.sees(r"Applied:|Not applied", RUN_TIMEOUT)
        self.sees(r"Applied:", 1)

    def roll_back_newest(self):
        """From a screen that offers the snapshots to the end of rolling back the newest."""
        self.keys("s")
        self.at(SNAPSHOTS)
        self.keys("Enter")
        self.at(ROLLBACK)
        self.page_text()
        self._console.type("R")
        self.sees(r"Done:|Not rolled back", RUN_TIMEOUT)
        self.sees(r"Done:", 1)

    def _drawn(self):
        """The screen once every key so far has been taken and drawn, however slow the machine is:
        keys are taken in their order, and rows drawn in theirs, the one of the keys last."""
        self.keys("?")
        self.sees(r"^ Enter Close")
        self.keys("Enter")
        wait_until(lambda: not re.search(r"^ Enter Close", self._console.screen(), re.MULTILINE),
                   30, "the help to close", self._console.screen)
        return self._console.screen_settled()
