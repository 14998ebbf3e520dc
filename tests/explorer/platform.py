"""The platform: it delivers messages, moves them to the poison queue, carries HTTP calls and replaces processes."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from shared.kernel.errors import GatewayError
from tests.explorer.ground import Ground
from tests.explorer.hosts import Process
from tests.fakes.queues import Message
from tests.scenarios.api import Answer

FRONT_END: Final = 230.0  #: seconds after which an HTTP call is cut
RETRY: Final = 30.0  #: host.json's visibilityTimeout
LEASE: Final = 600.0  #: after which a message of a dead process shows again
MAX_DEQUEUES: Final = 20

type Work[T] = Callable[[Process], Coroutine[Any, Any, T]]


class End(Enum):
    """How a piece of work ended that has given no answer."""

    FAILED = auto()
    DIED = auto()
    LEFT = auto()  #: its caller was cut off; it goes on


@dataclass(slots=True, kw_only=True)
class Mail:
    """A message that others have put on the queue, or one on the poison queue."""

    id: str
    body: bytes
    due: float
    poisoned: bool = False


class Platform:
    """Runs two processes on a ground."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._time = ground.clock.monotonic
        self._mail: list[Mail] = []
        self._counts: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._under_way: set[asyncio.Task[None]] = set()
        self.deliveries = 0
        self._processes: list[Process | None] = [None, None]

    @property
    def idle(self) -> bool:
        """Whether nothing is left to be delivered and no process works."""
        busy = any(process and process.life.busy for process in self._processes)
        return not (self._mail or self._under_way or self._ground.requests.messages or busy)

    def post(self, body: bytes) -> None:
        """Put a sender's message on the requests queue."""
        mail = Mail(id=f"mail-{next(self._numbers)}", body=body, due=self._time())
        self._ground.note(f"{mail.id} is put on the queue")
        self._mail.append(mail)
        self._ground.changed.set()

    async def run(self) -> None:
        """Deliver what is due, for ever."""
        while True:
            self._ground.changed.clear()
            for mail in self._mail:
                if mail.due <= self._time():
                    mail.due = self._time() + LEASE
                    self._begin(self._deliver_mail(mail))
            for message in self._ground.requests.due():
                seized = self._ground.requests.seize(message, LEASE)
                self._begin(self._deliver_own(seized))
            dues = [mail.due for mail in self._mail]
            dues += [message.due for message in self._ground.requests.messages]
            seconds = max(0.001, min(dues, default=self._time() + 3600.0) - self._time())
            try:
                async with asyncio.timeout(seconds):
                    await self._ground.changed.wait()
            except TimeoutError:
                pass

    async def call(self, send: Work[Answer]) -> Answer | None:
        """Carry an HTTP call to a process; None where its caller hears nothing that counts."""
        process = await self._process(wait=False)
        if process is None:
            return None
        answer = await self._work(process, send, FRONT_END)
        return answer if isinstance(answer, Answer) else None

    async def deliver(self, send: Work[None]) -> bool:
        """Let a trigger of the platform's deliver something; tell whether it was taken."""
        process = await self._process()
        return process is not None and await self._work(process, send) is None

    def stop_one(self) -> None:
        """Kill a process, between two of its awaits or in one."""
        process = self._ground.weather.dice.choice(self._processes)
        if process is not None:
            process.life.end("from outside")

    async def _process(self, *, wait: bool = True) -> Process | None:
        """Find a process that lives; a dead one is replaced after a while."""
        dice = self._ground.weather.dice
        number = dice.randrange(len(self._processes))
        process = self._processes[number]
        if process is None or not process.life.alive:
            if process is not None:
                if not wait and dice.random() < 0.5:
                    return None
                await asyncio.sleep(dice.uniform(0.1, 20.0))
            found = self._processes[number]
            if found is not None and found.life.alive:
                return found
            process = Process(self._ground, f"process {self._ground.processes + 1}")
            self._processes[number] = process
        return process

    async def _work[T](
        self, process: Process, work: Work[T], patience: float | None = None
    ) -> T | End:
        task = process.life.start(work(process))
        await asyncio.wait({task}, timeout=patience)
        if not task.done():
            task.add_done_callback(self._see_errors)
            self._ground.note("the front end cuts a call off")
            if "freeze" not in self._ground.weather.features:
                self._ground.blame("held: an HTTP call had no answer in 230 s")
            return End.LEFT
        if task.cancelled():
            return End.DIED
        self._see_errors(task)
        return End.FAILED if task.exception() else task.result()

    def _see_errors(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, GatewayError):
            self._ground.blame(f"raised: {error!r}")

    async def _deliver_mail(self, mail: Mail) -> None:
        work = self._receive_poisoned if mail.poisoned else self._receive
        end = await self._attempt(work, mail.body, mail.id)
        if end is None:
            self._mail.remove(mail)
        elif end is End.FAILED:
            mail.due = self._time() + RETRY
            if self._counts[mail.id] >= MAX_DEQUEUES and not mail.poisoned:
                self._mail.remove(mail)
                self._ground.nameless.add(f"msg-{mail.id}")
                self._give_up(mail.body)

    async def _deliver_own(self, message: Message) -> None:
        message_id = message.receipt.message_id
        body = message.resume.to_json().encode()
        end = await self._attempt(self._receive, body, message_id)
        if end is None:
            await self._ground.requests.withdraw(message.receipt)
        elif end is End.FAILED and self._counts[message_id] >= MAX_DEQUEUES:
            await self._ground.requests.withdraw(message.receipt)
            self._give_up(body)
        elif end is End.FAILED and message in self._ground.requests.messages:
            self._ground.requests.seize(message, RETRY)

    def _give_up(self, body: bytes) -> None:
        number = next(self._numbers)
        self._ground.note(f"poison-{number} holds a message that failed {MAX_DEQUEUES} times")
        mail = Mail(id=f"poison-{number}", body=body, due=self._time(), poisoned=True)
        self._mail.append(mail)

    async def _attempt(
        self,
        work: Callable[[Process, bytes, str], Coroutine[Any, Any, None]],
        body: bytes,
        name: str,
    ) -> End | None:
        """Deliver once; None where the message was acknowledged."""
        process = await self._process()
        assert process is not None
        self._counts[name] += 1
        self.deliveries += 1
        self._ground.note(f"{process.life.name} gets {name}, delivery {self._counts[name]}")
        end = await self._work(process, lambda process: work(process, body, name))
        lost = end is None and self._ground.weather.has("storage", 0.02)
        return End.FAILED if lost else end

    def _begin(self, delivery: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(delivery)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._ground.changed.set()
        if not task.cancelled():
            task.result()

    @staticmethod
    async def _receive(process: Process, body: bytes, name: str) -> None:
        await process.receive(body, name)

    @staticmethod
    async def _receive_poisoned(process: Process, body: bytes, name: str) -> None:
        await process.receive_poisoned(body, name)
