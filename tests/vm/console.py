"""A terminal of 80x24 in a tmux server of its own: keys in, screen out."""

import os
import re
import subprocess
import time

COLUMNS, LINES = 80, 24
TMUX_SECONDS = 120          # for one command of tmux
POLL_SECONDS = 0.1
# A slow machine stretches every limit, never a wait: waits end with their condition.
TIMEOUT_SCALE = float(os.environ.get("VFIO_WIZARD_VM_TIMEOUT_SCALE", "1"))


class ScreenTimeout(Exception):
    """What was waited for did not appear; carries the screen as it was."""


def wait_until(condition, timeout, what, detail=lambda: ""):
    """Poll `condition` until it gives something true and return that."""
    end = time.monotonic() + timeout * TIMEOUT_SCALE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise ScreenTimeout(f"{what}: not within {timeout} s\n{detail()}")
        time.sleep(POLL_SECONDS)


def end(pid):
    """End the terminal of a process, and what runs in it."""
    try:
        subprocess.run(["tmux", "-L", socket_name(pid), "kill-server"], check=False,
                       stderr=subprocess.DEVNULL, timeout=TMUX_SECONDS)
    except subprocess.TimeoutExpired as error:
        print(f"FAILED to end a terminal: {error}", flush=True)


def socket_name(pid):
    return f"vfio-wizard-vm-{pid}"


class Console:
    """The terminal of this process; it has one at a time."""

    def __init__(self):
        self._socket = socket_name(os.getpid())
        self._started = False

    def run(self, command):
        """Replace what runs in the terminal by `command` (a shell command line)."""
        if not self._started:
            self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "vm",
                       "-x", str(COLUMNS), "-y", str(LINES), "sleep infinity")
            self._started = True
            self._tmux("set-option", "-g", "status", "off")
            self._tmux("set-option", "-g", "remain-on-exit", "on")
            self._tmux("set-option", "-s", "escape-time", "0")
            self._tmux("resize-window", "-t", "vm", "-x", str(COLUMNS), "-y", str(LINES))
        self._tmux("respawn-pane", "-k", "-t", "vm", command)
        self._tmux("clear-history", "-t", "vm")

    def close(self):
        if self._started:
            end(os.getpid())
            self._started = False

    def ended(self):
        """Whether the command of run() has ended."""
        return self._tmux("display-message", "-p", "-t", "vm", "#{pane_dead}").strip() == "1"

    def screen(self):
        """The screen as a person sees it, one line per row."""
        return self._tmux("capture-pane", "-p", "-t", "vm")

    def cursor_row(self):
        """Where the cursor is once it stands still: the row's number and text."""
        before = None
        while True:
            row, screen = self._tmux("display-message", "-p", "-t", "vm", "#{cursor_y}", ";",
                                     "capture-pane", "-p", "-t", "vm").split("\n", 1)
            if (row, screen) == before:
                return int(row), screen.split("\n")[int(row)]
            before = row, screen
            time.sleep(POLL_SECONDS)

    def keys(self, *names):
        """Press keys by tmux's names: Enter, Escape, Up, Space, C-x, a."""
        self._tmux("send-keys", "-t", "vm", *names)

    def type(self, text):
        """Type text as it is."""
        self._tmux("send-keys", "-t", "vm", "-l", text)

    def screen_settled(self):
        """The screen once two looks at it in a row are the same."""
        before = self.screen()
        while True:
            time.sleep(POLL_SECONDS)
            screen = self.screen()
            if screen == before:
                return screen
            before = screen

    def wait_for(self, pattern, timeout=30):
        """Wait until the screen matches and return the match."""
        regex = re.compile(pattern, re.MULTILINE)
        return wait_until(lambda: regex.search(self.screen()), timeout,
                          f"screen to match {pattern!r}", self._framed)

    def _framed(self):
        rows = self.screen().rstrip("\n").split("\n")
        return "\n".join(f"| {row}" for row in rows)

    def _tmux(self, *argv):
        return subprocess.run(["tmux", "-L", self._socket, *argv], check=True,
                              timeout=TMUX_SECONDS,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding="utf-8", errors="replace").stdout
