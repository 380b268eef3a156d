"""The second serial line: shell scripts in, output and exit status out.

The first line stays a person's terminal. The other end is guest/usr/local/sbin/vm-agent.
"""

import base64
import collections
import itertools
import socket
import time

from console import TIMEOUT_SCALE

Result = collections.namedtuple("Result", "status out err")


class AgentTimeout(Exception):
    pass


class CommandFailed(Exception):
    pass


class Agent:
    def __init__(self, path):
        self._path = str(path)
        self._socket = None
        self._buffer = b""
        self._ids = itertools.count(1)

    def connect(self, timeout=30):
        """Connect to QEMU's socket, which appears a moment after QEMU starts."""
        end = time.monotonic() + timeout * TIMEOUT_SCALE
        while True:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                line.connect(self._path)
            except OSError:
                line.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
            else:
                self._socket, self._buffer = line, b""
                return

    def close(self):
        if self._socket:
            self._socket.close()
            self._socket = None

    def wait_ready(self, timeout):
        """Wait until the guest's agent has started; returns the boot's id."""
        return self._wait_line("ready", timeout)[1]

    def run(self, script, timeout=60):
        """Run a shell script as root and return its Result, whatever its status."""
        ident = str(next(self._ids))
        text = base64.b64encode(script.encode()).decode()
        self._socket.sendall(f"{ident} {text}\n".encode())
        end = time.monotonic() + timeout * TIMEOUT_SCALE
        output = {}
        for stream in ("out", "err"):
            words = self._wait_line(stream, end - time.monotonic(), ident, scaled=True)
            data = base64.b64decode(words[2]) if len(words) > 2 else b""
            output[stream] = data.decode(errors="replace")
        status = int(self._wait_line("end", end - time.monotonic(), ident, scaled=True)[2])
        return Result(status, **output)

    def _wait_line(self, word, timeout, ident=None, scaled=False):
        end = time.monotonic() + (timeout if scaled else timeout * TIMEOUT_SCALE)
        while True:
            words = self._read_line(end, word).split()
            if words[:1] == [word] and (ident is None or words[1] == ident):
                return words

    def _read_line(self, end, what):
        while b"\n" not in self._buffer:
            left = end - time.monotonic()
            if left <= 0:
                raise AgentTimeout(f"no '{what}' line from the guest in time")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except socket.timeout:
                continue
            if not data:
                raise AgentTimeout("the machine went away")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace")
