"""A Java server as a child process: started until it says so, stopped, killed, frozen, started again on its data."""

import contextlib
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

START_SECONDS = 150.0
STOP_SECONDS = 30.0
LOOK_EVERY = 0.02
DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
"""On Linux, a test run that is killed leaves no server behind."""


STAYS_FREE = range(20_000, 30_000)
"""Below those that systems give to outgoing connections: one of these would be taken while a server is restarted."""


def free_port() -> int:
    """For whoever is started again at the same port."""
    while True:
        port = random.choice(STAYS_FREE)
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return port


class Server:
    """What every server can suffer. A subclass names the command, and the line that says it serves.

    `folder` keeps its data and its log, `server.log`, through all restarts; the port stays the same.
    """

    READY = ""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        """Return once it serves."""
        assert self._process is None, "it runs already"
        with self.log.open("ab") as log:
            said = log.tell()
            self._process = subprocess.Popen(
                [*DIE_WITH_US, *self.command()], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until = time.monotonic() + START_SECONDS
        while self.READY not in self.said(since=said):
            if self._process.poll() is not None or time.monotonic() > until:
                last = self.said(since=said)[-3000:]
                self.kill()
                raise AssertionError(f"{type(self).__name__} did not start; its log ends with:\n{last}")
            time.sleep(LOOK_EVERY)

    def said(self, *, since: int = 0) -> str:
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def stop(self) -> None:
        """SIGTERM, and wait; killed when it does not listen. Nothing happens when it does not run."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._gone()

    def kill(self) -> None:
        """SIGKILL: as if the power went."""
        if self._process is not None:
            self._process.kill()
            self._gone()

    def freeze(self) -> None:
        """SIGSTOP: it holds its connections and answers nobody."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _gone(self) -> None:
        assert self._process is not None
        self._process.wait()
        self._process = None
