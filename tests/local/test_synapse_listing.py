"""The query's view of the runs, on a clock of its own."""

import random

import pytest

from local.synapse.pipelines import Catalogue, Life, Pipeline
from local.synapse.runs import OPEN, Run, Status, last_updated, status
from local.synapse.wire import NEVER, SECOND
from local.synapse.workspace import HISTORY_SECONDS, Ending, Order, RunEnded, Workspace

EVERY = tuple(Status)
ENDED = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


class Workshop:
    """A workspace whose clock stands at `now` seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.workspace = Workspace(Catalogue(), clock=lambda: int(self.now * SECOND))

    def start(self, **life: object) -> Run:
        plan = {"queuedSeconds": 1, "runSeconds": 10, "cancelSeconds": 5, **life}
        return self.workspace.start(
            Order(pipeline=Pipeline.model_validate({"name": "copy", **plan}))
        )

    def listed(self, *statuses: Status, first: float = 0, last: float = 1e9) -> list[Run]:
        span = int(first * SECOND), int(last * SECOND)
        return self.workspace.listed(*span, statuses or EVERY)

    def seen(self, run: Run) -> str | None:
        return run.seen_as if run in self.listed() else None


def test_the_query_shows_each_status_in_its_time() -> None:
    """Queued for a second, in progress for ten."""
    shop = Workshop()
    run = shop.start(outcome="Failed")

    seen = []
    for shop.now in (1000, 1000.9, 1001, 1010.9, 1011, 5000):
        seen.append(shop.seen(run))
    assert seen == ["Queued", "Queued", "InProgress", "InProgress", "Failed", "Failed"]


def test_it_is_the_same_whether_anybody_looked_meanwhile() -> None:
    """Nothing runs in between: a late look makes up for all of it."""
    shop = Workshop()
    run = shop.start()
    shop.now = 2000

    assert shop.listed(*ENDED, first=1011, last=1011) == [run]
    assert shop.listed(*OPEN) == []


@pytest.mark.parametrize("where", ["run", "workspace"])
def test_the_query_may_lag(where: str) -> None:
    """What it then shows has the time of the change: a window that begins at the last look misses it."""
    shop = Workshop()
    shop.workspace.lag = 30 * SECOND if where == "workspace" else 0
    run = shop.start(lagSeconds=30 if where == "run" else 0)

    seen = []
    for shop.now in (1029, 1030, 1031, 1040, 1041):
        seen.append(shop.seen(run))
    assert seen == [None, "Queued", "InProgress", "InProgress", "Succeeded"]
    assert status(run, int(1011 * SECOND)) is Status.SUCCEEDED
    assert shop.listed(first=1040) == []
    assert shop.listed(first=1011) == [run]


def test_a_lag_that_grows_takes_nothing_back() -> None:
    """And one that ends lets everything show."""
    shop = Workshop()
    run = shop.start()
    shop.now = 1005
    assert shop.seen(run) == "InProgress"
    shop.workspace.lag = 60 * SECOND
    shop.now = 1020
    assert shop.seen(run) == "InProgress"
    shop.workspace.lag = 0
    assert shop.seen(run) == "Succeeded"


def test_a_cancelled_run_is_seen_canceling() -> None:
    """Last updated when it was asked for, then when it was done."""
    shop = Workshop()
    run = shop.start()
    shop.now = 1003
    shop.workspace.cancel(run)

    assert shop.listed(Status.CANCELING, first=1003, last=1003) == [run]
    shop.now = 1008
    assert shop.listed(Status.CANCELLED, first=1008, last=1008) == [run]
    assert shop.listed(Status.SUCCEEDED, Status.CANCELING) == []


def test_a_cancelled_run_may_end_otherwise() -> None:
    """It was over before the cancelling reached it."""
    shop = Workshop()
    run = shop.start(cancelOutcome="Succeeded")
    shop.now = 1003
    shop.workspace.cancel(run)
    shop.now = 1008

    assert shop.seen(run) == "Succeeded"


def test_what_never_ends_is_ended_by_hand() -> None:
    """In progress for months; so is a cancelling that hangs (MicrosoftDocs/azure-docs #42583)."""
    shop = Workshop()
    endless, hung = shop.start(runSeconds=None), shop.start(cancelSeconds=None)
    shop.workspace.cancel(hung)
    shop.now = HISTORY_SECONDS * 3
    assert [shop.seen(one) for one in (endless, hung)] == ["InProgress", "Canceling"]
    assert endless.final == hung.final == NEVER

    shop.workspace.end(endless, Ending(outcome="Failed", message="no", seconds=5))
    shop.workspace.end(hung, Ending(outcome="Cancelled"))
    assert [shop.seen(one) for one in (endless, hung)] == ["InProgress", "Cancelled"]
    shop.now += 5
    assert (shop.seen(endless), endless.failure) == ("Failed", "no")


def test_what_has_ended_is_not_ended_again() -> None:
    shop = Workshop()
    run = shop.start()
    shop.now = 1011

    with pytest.raises(RunEnded, match="Succeeded"):
        shop.workspace.end(run, Ending())


def test_an_end_can_be_put_off() -> None:
    """The first plan moves nothing any more."""
    shop = Workshop()
    run = shop.start()
    shop.workspace.end(run, Ending(seconds=100))
    shop.now = 1050
    assert shop.seen(run) == "InProgress"
    shop.now = 1100
    assert shop.seen(run) == "Succeeded"


def test_after_45_days_a_run_is_gone() -> None:
    """No error, only less data; what still goes on stays."""
    shop = Workshop()
    old, endless = shop.start(), shop.start(runSeconds=None)
    shop.now = 1011 + HISTORY_SECONDS
    assert shop.listed(*ENDED) == [old]
    shop.now += 1

    assert shop.listed(*ENDED) == []
    assert shop.workspace.find(old.run_id) is None
    assert shop.workspace.find(endless.run_id) is endless


@pytest.mark.parametrize("looked", [True, False])
def test_a_forgotten_run_is_nowhere(*, looked: bool) -> None:
    """Shown before or not."""
    shop = Workshop()
    run = shop.start()
    if looked:
        shop.listed()
    shop.workspace.forget(run)
    shop.now = 2000

    assert shop.listed() == []
    assert shop.workspace.find(run.run_id) is None


def test_the_shelves_agree_with_a_look_at_every_run() -> None:
    """200 runs of every kind, cancelled, ended and forgotten at random; asked 60 times."""
    chance = random.Random(7)
    shop = Workshop()
    runs: list[Run] = []
    for _ in range(60):
        shop.now += chance.choice([0, 0.3, 1, 7])
        for _ in range(chance.randrange(8)):
            lasts = chance.choice([0, 0.5, 20, None])
            runs.append(shop.start(runSeconds=lasts, cancelSeconds=chance.choice([0, 3])))
        some = chance.sample(runs, min(3, len(runs)))
        for run, act in zip(some, ("cancel", "end", "forget"), strict=False):
            _disturb(shop, run, act)
        runs = [run for run in runs if run.run_id in shop.workspace.runs]
        now = int(shop.now * SECOND)
        first, last = sorted(now - chance.randrange(30) * SECOND for _ in range(2))
        wanted = set(chance.sample(EVERY, 3))

        expected = [
            run
            for run in runs
            if first <= last_updated(run, now) <= last and status(run, now) in wanted
        ]
        assert shop.workspace.listed(first, last, wanted) == expected


def _disturb(shop: Workshop, run: Run, act: str) -> None:
    if act == "cancel":
        shop.workspace.cancel(run)
    elif act == "forget":
        shop.workspace.forget(run)
    elif run.final > int(shop.now * SECOND):
        shop.workspace.end(run, Ending(seconds=2))


def test_a_life_has_every_default_of_a_pipeline() -> None:
    """A fault of the kind `live` changes what is given, so each name has to mean the same."""
    assert Life.model_fields.keys() <= Pipeline.model_fields.keys()
