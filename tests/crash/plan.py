"""Which requests are sent, through which entry points, and when: the seed alone decides."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SHARED = 0.3  # so many requests ask for the very same as an earlier one, under an id of their own
DUPLICATED = 0.15  # so many requests are sent more than once
OTHERS = 0.1  # so many runs for each request are somebody else's, of the same pipelines
LATEST_COPY = 3  # waves after the first delivery


class Entry(StrEnum):
    """An entry point, or a way to use it."""

    PLAIN = "queue plain"
    BASE64 = "queue base64"
    NAMELESS = "queue without id"  #: the message's id is the request's
    HTTP = "http"
    EVENT = "event"


MIX: Mapping[Entry, int] = {
    Entry.PLAIN: 30,
    Entry.BASE64: 15,
    Entry.NAMELESS: 10,
    Entry.HTTP: 25,
    Entry.EVENT: 20,
}
#: A second delivery has to name the request, so it can't come as an event or without an id.
COPIES = (Entry.PLAIN, Entry.BASE64, Entry.HTTP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for."""

    number: int
    pipeline: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One delivery of it."""

    request: Request
    entry: Entry
    wave: int
    correlation_id: str  #: of its own; an event's is its id
    asks_again: bool = True  #: whether a caller over HTTP who got no answer asks again


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is sent, wave by wave."""

    requests: tuple[Request, ...]
    postings: tuple[Posting, ...]
    others: tuple[tuple[int, Request], ...]  #: what somebody else starts, and in which wave
    waves: int

    def wave(self, number: int) -> list[Posting]:
        return [posting for posting in self.postings if posting.wave == number]

    def others_of(self, number: int) -> list[Request]:
        return [request for wave, request in self.others if wave == number]


def draw(seed: int, *, requests: int, waves: int, mix: Mapping[Entry, int] = MIX) -> Plan:
    """Draw a plan; the same numbers give the same one."""
    chance = random.Random(seed)
    made: list[Request] = []
    postings: list[Posting] = []
    entries = chance.choices(list(mix), list(mix.values()), k=requests)
    for number, entry in enumerate(entries):
        request = _request(chance, number, entry, made)
        made.append(request)
        postings += _postings(chance, request, entry, number * waves // requests, waves)
    others = [(chance.randrange(waves), request) for request in made if chance.random() < OTHERS]
    return Plan(requests=tuple(made), postings=tuple(postings), others=tuple(others), waves=waves)


def duplicates(seed: int, *, requests: int, copies: int) -> Plan:
    """Draw a plan in which each request is sent so many times, all in one wave and in no order."""
    chance = random.Random(seed)
    made = [
        Request(number=number, pipeline="copyOrders", parameters={"day": f"day-{number}"})
        for number in range(requests)
    ]
    postings = [
        Posting(
            request=request,
            entry=chance.choice(COPIES),
            wave=0,
            correlation_id=f"c-{request.number}-{copy}",
        )
        for request in made
        for copy in range(copies)
    ]
    chance.shuffle(postings)
    return Plan(requests=tuple(made), postings=tuple(postings), others=(), waves=1)


def _request(chance: random.Random, number: int, entry: Entry, earlier: list[Request]) -> Request:
    pipeline = "copyBlob" if entry is Entry.EVENT else "copyOrders"
    alike = [request for request in earlier if request.pipeline == pipeline]
    if alike and chance.random() < SHARED:
        model = chance.choice(alike)
        return Request(number=number, pipeline=pipeline, parameters=model.parameters)
    return Request(number=number, pipeline=pipeline, parameters={"day": f"day-{number}"})


def _postings(
    chance: random.Random, request: Request, entry: Entry, wave: int, waves: int
) -> Iterator[Posting]:
    copies = 0
    if entry in COPIES and chance.random() < DUPLICATED:
        copies = chance.randint(1, 2)
    for copy in range(1 + copies):
        late = chance.randint(0, LATEST_COPY) if copy else 0
        yield Posting(
            request=request,
            entry=chance.choice(COPIES) if copy else entry,
            wave=min(waves - 1, wave + late),
            correlation_id=f"c-{request.number}-{copy}",
            asks_again=chance.random() < 0.5,
        )
