"""Starts, kills, stops and continues the gateway's process."""

import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local import process, stack
from tests.crash.ground import Ground, Names

#: Short settings, so that what takes minutes in Azure takes seconds here.
CALL_TIMEOUT = 1.0
LEASE = 2.5
SETTLE = 1.0
QUEUE_LEASE = 3  # the platform's is ten minutes, renewed every five
RETRY_DELAY = 2

SHORT: Mapping[str, str] = {
    "CALL_TIMEOUT_SECONDS": str(CALL_TIMEOUT),
    "FOLLOW_SECONDS": "1",
    "LEASE_SECONDS": str(LEASE),
    "SETTLE_SECONDS": str(SETTLE),
    "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": f"00:00:{RETRY_DELAY:02}",
}
#: For plays that are about each step of a start: the follower's own calls would be caught there as well.
UNFOLLOWED: Mapping[str, str] = {"FOLLOW_RUNS": "none"}
HASTY = (sys.executable, "-m", "tests.crash.hasty")
POISONED = "Moving message to queue"
AGAIN = "is received again"


class Hosts:
    """The hosts of one deployment, one after the other or side by side."""

    def __init__(
        self,
        ground: Ground,
        *,
        names: Names | None = None,
        env: Mapping[str, str] | None = None,
        queue_lease: int = QUEUE_LEASE,
        through_proxy: bool = True,
    ) -> None:
        self.names = names or Names()
        self.env = {
            **ground.settings(through_proxy=through_proxy),
            **self.names.settings(),
            **SHORT,
            **(env or {}),
        }
        self._queue_lease = queue_lease
        self._logs = ground.logs
        self._all: list[process.Child] = []
        self._serving: list[process.Child] = []
        self._turn = 0

    @property
    def url(self) -> str | None:
        """The address of one that serves, in turns; None while there is none."""
        if not self._serving:
            return None
        self._turn += 1
        return self._serving[self._turn % len(self._serving)].url

    @property
    def started(self) -> int:
        return len(self._all)

    @property
    def follow(self) -> bool:
        """Whether they follow runs."""
        return self.env.get("FOLLOW_RUNS") != UNFOLLOWED["FOLLOW_RUNS"]

    async def start(self, launcher: Sequence[str] = HASTY) -> process.Child:
        """Start one. `launcher` takes the place of `python -m local.host`, with the same arguments."""
        command = stack.host_command("--queue-lease", str(self._queue_lease), "--grace", "5")
        host = await process.start([*launcher, *command[3:]], env=self.env, log=self._log())
        self._all.append(host)
        self._serving.append(host)
        return host

    def kill(self, host: process.Child) -> None:
        """End it as a crash does."""
        self._forget(host)
        host.kill()

    def suspend(self, host: process.Child) -> None:
        """Let it stand still, as a machine that is paged out or migrated. Callers find another."""
        self._forget(host)
        host.process.send_signal(signal.SIGSTOP)

    def carry_on(self, host: process.Child) -> None:
        """Let it go on where it stood."""
        host.process.send_signal(signal.SIGCONT)
        self._serving.append(host)

    async def stop(self, host: process.Child) -> None:
        """End it as a scale-in does: it may finish what it has."""
        self._forget(host)
        await host.stop()

    async def stop_all(self) -> None:
        """End those that are left, also ones that stand still."""
        self._serving.clear()
        left = [host for host in self._all if host.process.poll() is None]
        for host in left:
            host.process.send_signal(signal.SIGCONT)
        await asyncio.gather(*(host.stop() for host in left))

    def lines(self, text: str) -> int:
        """Count the log lines of all hosts so far that hold a text."""
        return sum(host.output().count(text) for host in self._all)

    def _forget(self, host: process.Child) -> None:
        self._serving = [one for one in self._serving if one is not host]

    def _log(self) -> Path | None:
        name = f"{self.names.requests}-host-{len(self._all) + 1}.log"
        return None if self._logs is None else self._logs / name
