"""One delivery in progress: its principal, and the message that outlives the process."""

from dataclasses import dataclass

from shared.gateway.recovery_message import Message
from shared.gateway.runner import OnOpen
from shared.kernel.cloud_error import CloudError
from shared.runs.delivery import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """The end of a request that the platform gave up on, if it has no record."""

    error: CloudError
    may_run: bool  #: whether a run of it may exist


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One delivery in progress."""

    delivery: Delivery
    principal: str | None  #: the caller; None if the message that resumes a request names none
    message: Message
    on_open: OnOpen | None = None
    left: bool = False  #: leave an open request to the queue: nothing is sent from here
    exhausted: Exhausted | None = None
