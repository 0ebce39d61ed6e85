"""The process between `gatewright up` and its Envoy, so that nothing is left behind.

It is started with a pipe as its stdin, whose other end only the parent holds, and runs Envoy as
its own child. However the parent ends (`kill -9` too), the kernel closes the pipe: the warden then
stops Envoy and removes the run folder. Should the warden itself be killed, the kernel ends Envoy
(parent-death signal, Linux). A script of the standard library alone, run by its path: it stays as
long as Envoy does, and so it must be small.

    warden.py RUN_FOLDER -- ENVOY ARGUMENT...
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading

GRACE = 5.0
"""Seconds that Envoy has between the request to stop and the kill."""

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """Run Envoy until it ends or the parent does; return Envoy's exit code."""
    folder, separator, *command = argv
    if separator != "--" or not command:
        print(__doc__, file=sys.stderr)
        return 2
    # The terminal's Ctrl-C is for the parent, which then closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def die_with_parent() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    try:
        envoy = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread runs yet in this process
        )
        signal.signal(signal.SIGTERM, lambda *_: envoy.terminate())
        threading.Thread(target=_stop_at_end_of_input, args=(envoy,), daemon=True).start()
        return envoy.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop_at_end_of_input(envoy: subprocess.Popen[bytes]) -> None:
    # Not through sys.stdin: a thread that waits there holds a lock that the end of Python wants.
    while os.read(0, 1):
        pass
    envoy.terminate()
    try:
        envoy.wait(GRACE)
    except subprocess.TimeoutExpired:
        envoy.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
