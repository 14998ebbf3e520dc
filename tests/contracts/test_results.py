"""The contract of the `Results` port, on the fake and on Azurite in both encodings."""

import json
from datetime import timedelta

import pytest

from shared.kernel.cloud_error import CloudError
from shared.runs import result as run_result
from shared.runs.record import Status
from shared.runs.result import MAX_BYTES, RunResult
from tests.contracts.queue_worlds import ResultQueueWorld, ResultsWorld
from tests.unit.builders import DELIVERY, ERROR, NOW, a_record


def a_result(error: CloudError | None = ERROR) -> RunResult:
    return run_result.answer(
        a_record(status=Status.FAILED, error=error, finished_at=NOW + timedelta(seconds=1)),
        DELIVERY,
    )


async def test_a_result_is_read_as_it_was_published(results_world: ResultsWorld) -> None:
    """One JSON object, in a queue that did not exist before."""
    await results_world.results.publish(a_result())

    assert await results_world.texts() == [a_result().to_json()]


async def test_a_result_published_twice_is_there_twice(results_world: ResultsWorld) -> None:
    """Its reader drops the second by its resultId."""
    for _ in range(2):
        await results_world.results.publish(a_result())

    ids = [json.loads(text)["resultId"] for text in await results_world.texts()]
    assert ids == [a_result().result_id] * 2


@pytest.mark.parametrize("text", ["é😀", "<&>]]>", "\ufffe\uffff", "\x00\x1f", "\r\n"])
async def test_any_text_travels(results_world: ResultsWorld, text: str) -> None:
    """Synapse's messages are not ours to choose."""
    result = a_result(CloudError(code="C", message=text))

    await results_world.results.publish(result)

    (found,) = await results_world.texts()
    assert RunResult.model_validate_json(found) == result


@pytest.mark.parametrize("character", ["a", "😀", "<", "\ufffe"])
async def test_the_largest_result_fits(results_world: ResultsWorld, character: str) -> None:
    """48 KiB of JSON are 64 KiB in base64, which is what a message may have."""
    size, one = (
        len(a_result(CloudError(code="C", message=text)).to_json().encode())
        for text in ("", character)
    )
    count, rest = divmod(MAX_BYTES - size, one - size)
    result = a_result(CloudError(code="C", message=character * count + "x" * rest))
    assert len(result.to_json().encode()) == MAX_BYTES

    await results_world.results.publish(result)

    assert await results_world.texts() == [result.to_json()]


async def test_results_never_expire(result_queue: ResultQueueWorld) -> None:
    """A reader may be away for longer than the service's own default of seven days."""
    await result_queue.results.publish(a_result())

    (message,) = await result_queue.queue.take()

    assert message.expires_on is not None
    assert message.expires_on.year == 9999


async def test_results_are_encoded_as_their_readers_expect(result_queue: ResultQueueWorld) -> None:
    """Base64 is what a Functions consumer expects unless its host.json says otherwise."""
    await result_queue.results.publish(a_result())

    (raw,) = await result_queue.queue.peek()

    assert raw.startswith("{") == (result_queue.encoding == "none")
