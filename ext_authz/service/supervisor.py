"""Keeps the processes of an edge running, and what they were served last on the disk.

It answers nothing itself. A process that ends is started again: at once if it had run for a while,
later and later if it does not get that far.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from ext_authz.service.handed import hand_secrets
from ext_authz.service.options import Options, write_options
from ext_authz.subscription.follow import follow
from ext_authz.subscription.last_good import LastGood
from ext_authz.subscription.served import Served

_log = logging.getLogger("gatewright.edge")

GRACE: Final = 5.0
_SHORTEST, _LONGEST = 0.05, 5.0
_WELL: Final = 5.0
"""Seconds after which a process counts as having started well."""


class Supervisor:
    """Runs until ``stop`` is set; ``tell`` is called with what happens, in words."""

    def __init__(self, options: Options, stop: asyncio.Event, tell: Callable[[str], None]) -> None:
        self._options = options
        self._stop = stop
        self._tell = tell
        self._served = Served()
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._wanted = 0

    async def run(self) -> None:
        """Follow the control plane, and keep as many workers as the rules want."""
        options = self._options
        disk = LastGood(options.served_folder)
        self._served = await asyncio.to_thread(disk.load)
        self._adjust()
        following = asyncio.create_task(
            follow(options.source, self._served, self._take, keep=disk, stop=self._stop)
        )
        try:
            await self._stop.wait()
        finally:
            await following
            await asyncio.gather(*self._keeping.values())
            if self._ending:
                await asyncio.wait(self._ending.values())

    def _take(self, served: Served) -> None:
        self._served = served
        self._adjust()

    def _adjust(self) -> None:
        """Start what is missing, and end the workers that are too many."""
        rules = self._served.rules
        if rules is None:
            return
        wanted = self._options.workers or rules.workers
        if wanted != self._wanted:
            self._tell(f"{wanted} worker{'s' if wanted != 1 else ''} and the ledger")
            self._wanted = wanted
        text = write_options(self._options)
        for number in range(wanted):
            self._keep(f"worker {number}", "ext_authz.service.worker", str(number), text)
        self._keep("ledger", "ext_authz.service.ledger_process", text)
        for name, task in list(self._keeping.items()):
            if name.startswith("worker") and int(name.split()[1]) >= wanted:
                task.cancel()
                self._ending[name] = self._keeping.pop(name)

    def _keep(self, name: str, module: str, *arguments: str) -> None:
        if name not in self._keeping:
            before = self._ending.pop(name, None)
            self._keeping[name] = asyncio.create_task(
                self._keep_on(name, module, arguments, before)
            )

    async def _keep_on(
        self,
        name: str,
        module: str,
        arguments: tuple[str, ...],
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None:
            await _gone(before)
        wait = _SHORTEST
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                process = await self._start(module, arguments)
            except OSError as error:
                _log.warning("%s cannot be started: %s", name, error.strerror)
            else:
                await self._watch(process)
                if self._stop.is_set():
                    return
                _log.warning("%s ended by itself with code %s", name, process.returncode)
            if time.monotonic() - began >= _WELL:
                wait = _SHORTEST
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), wait)
            wait = min(wait * 2, _LONGEST)

    async def _start(self, module: str, arguments: tuple[str, ...]) -> Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments), stdin=PIPE, stdout=DEVNULL
        )
        if process.stdin is not None:
            # Its stdin stays open: that it ends is how a process knows that we do.
            process.stdin.write(hand_secrets(self._served.secrets))
        return process

    async def _watch(self, process: Process) -> None:
        """Wait for a process to end; end it when all of it ends."""
        stopping = asyncio.ensure_future(self._stop.wait())
        ended = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait({stopping, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await _end(process, ended)


async def _gone(before: asyncio.Task[None]) -> None:
    """Wait for a process' end, whoever ends us: it removes the socket that the next one makes."""
    try:
        await asyncio.wait({before})
    except asyncio.CancelledError:
        await asyncio.wait({before})
        raise


async def _end(process: Process, ended: asyncio.Future[int]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(ended), GRACE)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await ended
    if process.stdin is not None:
        process.stdin.close()
