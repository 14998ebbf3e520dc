"""One delivery on its way to its answer: who asks, and what outlives the process that serves it."""

from dataclasses import dataclass

from shared.gateway.recovery_message import Message
from shared.gateway.runner import OnOpen
from shared.kernel.cloud_error import CloudError
from shared.runs.delivery import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """How a request ends that the platform gave up on, if no record of it exists."""

    error: CloudError
    may_run: bool  #: whether a run of it may exist


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One delivery on its way to its answer."""

    delivery: Delivery
    principal: str | None  #: who asks; None if the message that resumes a request names nobody
    message: Message
    on_open: OnOpen | None = None
    left: bool = False  #: an open request is left to the queue: nothing is sent from here
    exhausted: Exhausted | None = None
