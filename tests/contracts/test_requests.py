"""The contract of the `Requests` port, on the fake and on Azurite."""

import pytest

from shared.ports import Receipt
from shared.runs.delivery import Delivery, Source
from shared.runs.request import QUEUE_LIMIT, Resume, decode
from tests.contracts.queue_worlds import RequestQueueWorld, RequestsWorld
from tests.contracts.worlds import Storage

RESUME = Resume(
    resume="order-17",
    delivery=Delivery(id="m-1", source=Source.HTTP, correlation_id="é😀 <&>"),
    fingerprint="a" * 64,
)
SIX_DAYS = 6 * 24 * 3600


async def shown(world: RequestsWorld) -> list[Resume]:
    """Read what shows now as the queue trigger would."""
    found = [
        decode(text.encode(), default_id="x", limit=QUEUE_LIMIT) for text in await world.peek()
    ]
    assert all(isinstance(one, Resume) for one in found)
    return [one for one in found if isinstance(one, Resume)]


async def test_a_message_is_our_own_as_it_was(requests_world: RequestsWorld) -> None:
    """The reader of the queue gets what was sent, in a queue that did not exist before."""
    await requests_world.requests.enqueue(RESUME, 0)

    assert await shown(requests_world) == [RESUME]


@pytest.mark.parametrize(
    "text", ["\x00\x07\x1f", "\ufffe\uffff", "\r\n\t", "\x7f\x85\u2028", '"\\u0041']
)
async def test_any_text_travels(requests_world: RequestsWorld, text: str) -> None:
    """Also characters that XML can't hold: ids come from outside."""
    resume = Resume(resume="r", delivery=Delivery(id=text, source=Source.EVENT))

    await requests_world.requests.enqueue(resume, 0)

    assert await shown(requests_world) == [resume]


@pytest.mark.slow
async def test_a_message_shows_after_its_delay(requests_world: RequestsWorld) -> None:
    """Not before, and soon after: whole seconds are counted, and a record has to be due by then."""
    await requests_world.requests.enqueue(RESUME, 1.5)
    await requests_world.pass_time(1.0)
    assert await shown(requests_world) == []

    await requests_world.pass_time(2.5)

    assert await shown(requests_world) == [RESUME]


@pytest.mark.parametrize("delay", [-5, 0, 0.0])
async def test_no_delay_is_no_fault(requests_world: RequestsWorld, delay: float) -> None:
    """What is overdue shows at once."""
    await requests_world.requests.enqueue(RESUME, delay)

    assert await shown(requests_world) == [RESUME]


async def test_a_longer_delay_is_cut_to_six_days(requests_world: RequestsWorld) -> None:
    """The service would refuse more than seven; whoever takes it up then waits on."""
    await requests_world.requests.enqueue(RESUME, 30 * 24 * 3600)
    await requests_world.requests.enqueue(RESUME, 5)

    longest, other = requests_world.delays()
    assert longest == SIX_DAYS
    assert 5 <= other <= 6
    assert await shown(requests_world) == []


async def test_each_message_has_a_receipt_of_its_own(requests_world: RequestsWorld) -> None:
    """Two messages of one request can be told apart."""
    first = await requests_world.requests.enqueue(RESUME, 60)
    second = await requests_world.requests.enqueue(RESUME, 60)

    assert first.message_id != second.message_id


@pytest.mark.slow
async def test_a_message_can_be_hidden_for_longer(requests_world: RequestsWorld) -> None:
    """From now on, whatever its delay was, and it keeps its content."""
    receipt = await requests_world.requests.enqueue(RESUME, 1)

    assert await requests_world.requests.postpone(receipt, 3)
    await requests_world.pass_time(1.5)
    assert await shown(requests_world) == []
    await requests_world.pass_time(3.5)

    assert await shown(requests_world) == [RESUME]


async def test_a_message_can_be_shown_at_once(requests_world: RequestsWorld) -> None:
    """As when what it waits for has come."""
    receipt = await requests_world.requests.enqueue(RESUME, 60)

    assert await requests_world.requests.postpone(receipt, 0)

    assert await shown(requests_world) == [RESUME]


async def test_a_message_that_somebody_took_is_not_hidden(requests_world: RequestsWorld) -> None:
    """It is theirs."""
    receipt = await requests_world.requests.enqueue(RESUME, 0)
    await requests_world.take()

    assert not await requests_world.requests.postpone(receipt, 60)


async def test_a_message_that_is_gone_is_not_hidden(requests_world: RequestsWorld) -> None:
    """Whether it was deleted, or its queue never was."""
    never = Receipt(message_id="0c0e4ef5-5c39-4d05-9d6c-0f2a40c4f2a0", pop_receipt="MjR=")
    assert not await requests_world.requests.postpone(never, 60)
    receipt = await requests_world.requests.enqueue(RESUME, 60)
    await requests_world.requests.withdraw(receipt)

    assert not await requests_world.requests.postpone(receipt, 60)


async def test_a_message_is_withdrawn(requests_world: RequestsWorld) -> None:
    """This one, and no other."""
    receipt = await requests_world.requests.enqueue(RESUME, 0)
    other = Resume(resume="other")
    await requests_world.requests.enqueue(other, 0)

    await requests_world.requests.withdraw(receipt)

    assert await shown(requests_world) == [other]


async def test_withdrawing_what_is_gone_is_no_fault(requests_world: RequestsWorld) -> None:
    """Gone, taken by somebody, or never there."""
    never = Receipt(message_id="0c0e4ef5-5c39-4d05-9d6c-0f2a40c4f2a0", pop_receipt="MjR=")
    await requests_world.requests.withdraw(never)
    receipt = await requests_world.requests.enqueue(RESUME, 0)
    await requests_world.take()

    await requests_world.requests.withdraw(receipt)
    await requests_world.requests.withdraw(receipt)


async def test_a_message_whose_answer_was_lost_is_there(
    storage: Storage, requests_world: RequestsWorld
) -> None:
    """Perhaps twice; never not at all."""
    if isinstance(requests_world, RequestQueueWorld):
        storage.cut_answers("putMessage")
    await requests_world.requests.enqueue(RESUME, 0)

    assert set(map(str, await shown(requests_world))) == {str(RESUME)}


async def test_messages_never_expire(request_queue: RequestQueueWorld) -> None:
    """The service's own default is seven days, and a chain of delays may be longer."""
    await request_queue.requests.enqueue(RESUME, 0)

    (message,) = await request_queue.queue.take()

    assert message.expires_on is not None
    assert message.expires_on.year == 9999
