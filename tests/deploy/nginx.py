"""nginx as it stands in docker-compose.yml, as a process: the same file, with other addresses and folders."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.deploy.tools import ROOT, need
from tests.servers.server import DIE_WITH_US, free_port

CONF = ROOT / "deploy" / "proxy" / "nginx.conf"
START_SECONDS = 10.0


@contextmanager
def nginx(folder: Path, services: Mapping[str, str]) -> Iterator[httpx.Client]:
    """A client of it while it runs. services: name in the file -> host:port. What it says goes to folder/error.log.

    Root in a test is not the unprivileged user of the image, so the worker stays root to reach the test's folder.
    """
    port = free_port()
    text = CONF.read_text()
    for old, new in {
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "/tmp/": f"{folder}/",
        "/dev/stderr": f"{folder}/error.log",
        **{f"set ${name} {name}:8080;": f"set ${name} {address};" for name, address in services.items()},
    }.items():
        assert old in text, f"nginx.conf has no `{old}`"
        text = text.replace(old, new)
    conf = folder / "nginx.conf"
    conf.write_text(text)
    command = [need("nginx"), "-c", str(conf), "-p", str(folder), "-e", f"{folder}/error.log"]
    user = "user root; " if os.geteuid() == 0 else ""
    process = subprocess.Popen([*DIE_WITH_US, *command, "-g", f"{user}daemon off;"], stdin=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            _serving(process, client)
            yield client
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _serving(process: subprocess.Popen[bytes], client: httpx.Client) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            client.get("/")
        except httpx.TransportError:
            assert process.poll() is None, "nginx did not start"
            assert time.monotonic() < until, "nginx does not answer"
            time.sleep(0.02)
        else:
            return


def locations() -> list[str]:
    """What the file names, in its order."""
    return re.findall(r"location (?:= |~ )?(\S+) \{", CONF.read_text())
