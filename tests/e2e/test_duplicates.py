"""Three hundred deliveries of thirty requests at once."""

from tests.crash import duplicates, report
from tests.crash.play import play


async def test_each_request_has_one_run_and_each_delivery_an_answer_of_its_own() -> None:
    async with play("d") as one:
        reckoning = await duplicates.run(one, seed=1, requests=30, copies=10)

    assert reckoning.books.balanced, "\n".join(report.offenders(reckoning))
    assert (reckoning.books.runs, reckoning.books.deliveries) == (30, 300)
    told = {(result["requestId"], result["correlationId"]) for result in reckoning.seen.results}
    assert told == {(sent.request_id, sent.posting.correlation_id) for sent in one.senders.sent}
    assert len(told) == 300
