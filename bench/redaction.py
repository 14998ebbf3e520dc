"""How long redaction takes, and how long at most it holds the event loop in one piece: `python -m bench.redaction`.

Beside each call a heartbeat asks for its turn without a pause; the longest stretch is between two of its beats, in CPU
time of the loop's own thread, so that other work on the machine doesn't count.

Measured on two shared cores: the record of 500 KiB with 56,900 secrets is closed in 0.17 s, its refusal with 20 details
cut in 0.7 s, 432 KiB of plain texts take 0.13 s, with stretches of up to 16 ms. Of lists, 100 runs of 20 KB take 0.5 s,
of 100 KB 0.9 s (64 of them withheld), 15.9 MiB 1.1 s (79 withheld), with stretches of up to 6 ms. The longest stretch of
all, 44 to 48 ms, was that of a list of numbers alone, which Synapse never gives: it lists parameters as texts.
"""

import asyncio
import json
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azure.functions import HttpResponse

from shared.kernel.cloud_error import CloudError
from shared.runs import payload
from shared.runs.delivery import Delivery, Source
from shared.runs.record import Place, Record, claim
from shared.runs.request import HTTP_LIMIT, RunRequest, decode
from shared.synapse import response_filter
from shared.synapse.reply import Answer
from shared.synapse.response_filter import Passed
from shared.triggers import responses

SECRETS = 57_000
LIMIT = 50.0  # milliseconds


@dataclass(slots=True)
class Heart:
    """Beats whenever the loop is free."""

    longest: float = 0.0
    beats: int = 0

    async def beat(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest, self.beats, last = max(self.longest, now - last), self.beats + 1, now


async def measure[T](name: str, call: Coroutine[Any, Any, T]) -> tuple[T, bool]:
    """Print what a call takes; report whether it let others work."""
    heart = Heart()
    beating = asyncio.create_task(heart.beat())
    await asyncio.sleep(0)
    since = time.thread_time()
    done = await call
    total = time.thread_time() - since
    await asyncio.sleep(0)
    beating.cancel()
    is_fine = heart.longest * 1000 <= LIMIT
    print(f"{name:58} {total * 1000:8.0f} ms {heart.longest * 1000:8.1f} ms {heart.beats:6}")
    return done, is_fine


def a_record(parameters: dict[str, Any]) -> Record:
    body = {"pipelineName": "copy", "requestId": "bench", "parameters": parameters}
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    request = decode(text, default_id="bench", limit=HTTP_LIMIT)
    if not isinstance(request, RunRequest):
        raise TypeError(request)
    place = Place(name="default", endpoint="https://w.dev.azuresynapse.net")
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    return claim(
        request, place, Delivery(id="bench", source=Source.HTTP), "key", now, nonce="bench"
    )


def refusal(text: str) -> CloudError:
    """Make a refusal with 20 details of 4 KB each."""
    details = tuple(
        CloudError(code="Bad", message=(f"{number}: {text} " * 4096)[:4096]) for number in range(20)
    )
    return CloudError(code="BadRequest", message=(text * 4096)[:4096], details=details)


def page(runs: int, length: int) -> Answer:
    """Make an answer of queryPipelineRuns, each run of about so many bytes, half of them in short parameters."""
    fields = length // 62
    value = [
        {
            "runId": f"r-{run}",
            "pipelineName": "copy",
            "message": f"Parameter p1 was value {run}-1 of it",
            "parameters": {
                **{f"p{field:04}": f"value {run:02}-{field:04}" for field in range(fields)},
                "rows": json.dumps([{"id": field, "note": "of it"} for field in range(fields)]),
            },
        }
        for run in range(runs)
    ]
    return an_answer(value)


def numbers(runs: int) -> Answer:
    """Make a list of the runs that take longest to read: 175 KiB each, of which almost all is numbers."""
    output = [0.1] * (175 * 1024 // len("0.1,"))
    return an_answer([{"runId": "r", "pipelineName": "copy", "output": output}] * runs)


def one_run(content: str) -> Answer:
    """Make a list of one run that is almost as long as a list may be."""
    return an_answer([{"runId": "r-1", "pipelineName": "copy", "parameters": {"x": content}}])


def an_answer(value: list[dict[str, Any]]) -> Answer:
    return Answer(
        status=200,
        headers={},
        body=json.dumps({"value": value}, ensure_ascii=False, separators=(",", ":")).encode(),
    )


async def listed(answer: Answer) -> HttpResponse:
    """Do all that is done with the answer, but what the worker does with the response."""
    shown = await response_filter.show_runs(answer, lambda _: True)
    if not isinstance(shown, Passed):
        raise TypeError(shown)
    return responses.written(shown.body)


async def main() -> int:
    secrets = a_record({"keys": [f"{number:06}" for number in range(SECRETS - 100)]})
    fields = a_record({"x": {f"key{number}": f"v{number:07}" for number in range(22_000)}})
    plain = a_record({"x": {f"f{number}": f"a plain text, {number}" for number in range(15_000)}})
    long = a_record({"x": "a plain text = b " * 30_000})
    inner = a_record({"x": json.dumps({"keys": [f"{number:06}" for number in range(40_000)]})})
    lines = a_record({"key": "abcd\n" * 85_000})
    escapes = a_record({"keys": [f"a%20&amp;{number}" for number in range(25_000)]})
    hidden = refusal("no 000017 and 000018, but %2000019")
    shares = a_record({"keys": ["a" * length + "b" for length in range(10, 900)]})
    lists = {
        "100 runs of 20 KB": page(100, 20_000),
        "100 runs of 100 KB": page(100, 100_000),
        "100 runs of 167 KB": page(100, 170_500),
        "93 runs of numbers": numbers(93),
        "one run, a plain text": one_run("a b" * 5_500_000),
        "one run, a text of quotes": one_run('"' * 8_300_000),
        "one run, a Japanese text": one_run("日本" * 2_780_000),
    }
    print(f"{'':58} {'CPU':>11} {'longest':>11} {'beats':>6}")
    calls: list[tuple[str, Coroutine[Any, Any, Any]]] = [
        (f"close: {size(secrets)}, 56,900 secrets", payload.close(secrets)),
        ("safe: the same, refused with 20 details of 4 KB", payload.safe(hidden, secrets)),
        (f"close: {size(fields)}, 22,000 secret fields", payload.close(fields)),
        (f"close: {size(plain)}, 15,000 plain texts", payload.close(plain)),
        (f"close: {size(long)}, one plain text", payload.close(long)),
        (f"close: {size(inner)}, JSON in a string", payload.close(inner)),
        (f"close: {size(lines)}, one secret of 85,000 lines", payload.close(lines)),
        (f"safe: {size(escapes)}, 25,000 secrets with escapes", payload.safe(hidden, escapes)),
        (f"safe: {size(shares)}, 890 secrets that begin alike", payload.safe(refusal("a"), shares)),
        *((f"list: {megabytes(each)}, {name}", listed(each)) for name, each in lists.items()),
    ]  # fmt: skip
    fine = [(await measure(name, call))[1] for name, call in calls]
    return 0 if all(fine) else 1


def megabytes(answer: Answer) -> str:
    return f"{len(answer.body) / (1 << 20):.1f} MiB"


def size(record: Record) -> str:
    return f"{len(record.request) // 1024} KiB"


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
