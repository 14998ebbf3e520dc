"""What is to go wrong in a fake."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.kernel.errors import StorageUnavailable


@dataclass(slots=True, kw_only=True)
class _Fault:
    operation: str
    landed: bool
    times: int


class Mishaps:
    """Planned failures and interruptions of a fake's operations, named as the port's methods."""

    def __init__(self) -> None:
        self._faults: list[_Fault] = []
        self._meanwhile: list[tuple[str, Callable[[], Awaitable[object]]]] = []
        self.calls: list[str] = []  #: the operations so far, failed ones too

    def fail(self, operation: str = "", *, landed: bool = False, times: int = 1) -> None:
        """Fail the next calls (of any operation where none is named), before or after they did their work."""
        self._faults.append(_Fault(operation=operation, landed=landed, times=times))

    def meanwhile(self, operation: str, action: Callable[[], Awaitable[object]]) -> None:
        """Do something, as another process would, just before the next call of an operation."""
        self._meanwhile.append((operation, action))

    @asynccontextmanager
    async def around(self, operation: str) -> AsyncIterator[None]:
        """Carry out one operation with what was planned for it."""
        self.calls.append(operation)
        await asyncio.sleep(0)  # as every call to a service, it lets others run
        for planned in [one for one in self._meanwhile if one[0] == operation]:
            self._meanwhile.remove(planned)
            await planned[1]()
        fault = self._next_fault(operation)
        msg = f"{operation}: planned by the test"
        if fault and not fault.landed:
            raise StorageUnavailable(msg)
        yield
        if fault:
            raise StorageUnavailable(msg)

    def _next_fault(self, operation: str) -> _Fault | None:
        for fault in self._faults:
            if fault.times > 0 and fault.operation in {"", operation}:
                fault.times -= 1
                return fault
        return None
