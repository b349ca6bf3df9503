"""Two network namespaces joined by a virtual cable: two machines with addresses of their own, on one. Needs root."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NAMES, ADDRESSES = ("duchenne-a", "duchenne-b"), ("10.77.0.1", "10.77.0.2")


@contextmanager
def namespaces() -> Iterator[None]:
    """Make the two; at the end kill whatever runs in them."""
    try:
        for name in NAMES:
            ip("netns", "add", name)
        ip(
            "link",
            "add",
            "duchenne0",
            "netns",
            NAMES[0],
            "type",
            "veth",
            "peer",
            "name",
            "duchenne1",
            "netns",
            NAMES[1],
        )
        for k, (name, address) in enumerate(zip(NAMES, ADDRESSES, strict=True)):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", f"duchenne{k}")
            ip("-n", name, "link", "set", f"duchenne{k}", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for k, name in enumerate(NAMES):
            kill(k)
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def inside(k: int, command: list[str]) -> list[str]:
    """Return a command that runs in a namespace."""
    return ["ip", "netns", "exec", NAMES[k], *command]


def kill(k: int) -> int:
    """Kill whatever runs in a namespace; return how many processes."""
    done = subprocess.run(["ip", "netns", "pids", NAMES[k]], check=False, capture_output=True, text=True)
    for pid in done.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    return len(done.stdout.split())
