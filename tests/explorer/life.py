"""The life of one process: its tasks, and the await at which it dies."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from typing import Any, Final

#: The process whose code is running; None while the world outside acts.
RUNNING: Final[ContextVar["Life | None"]] = ContextVar("RUNNING", default=None)


class Life:
    """Counts the awaits of a process, and cancels all of its tasks where the count ends."""

    def __init__(self, name: str, fuse: int | None, note: Callable[[str], None]) -> None:
        self.name = name
        self.alive = True
        self._fuse = fuse
        self._note = note
        self._tasks: dict[asyncio.Task[Any], None] = {}  # in order: a set's would differ

    @property
    def busy(self) -> bool:
        return bool(self._tasks)

    def start[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Let this process do some work."""
        context = copy_context()
        context.run(RUNNING.set, self)
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    async def step(self, where: str, seconds: float) -> None:
        """Wait at one of the process's awaits. What is dead goes no further, also not in a `finally`."""
        if self._fuse is not None:
            self._fuse -= 1
            if self._fuse < 0:
                self.end(where)
        if self.alive:
            await asyncio.sleep(seconds)
        if not self.alive:
            raise asyncio.CancelledError

    def end(self, where: str) -> None:
        """Kill the process."""
        if not self.alive:
            return
        self.alive = False
        self._note(f"killed {where}")
        for task in list(self._tasks):
            task.cancel()
