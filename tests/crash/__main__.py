"""Play the harness by hand: `python -m tests.crash kills --requests 2200 --kills 200 --stops 20`.

Ends with 1 where the books do not balance, and shows all that is known of the requests that are to blame.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from local.synapse.settings import Admission
from tests.crash import duplicates, kills, outage, report, storm, two_hosts
from tests.crash.monitoring import Monitoring
from tests.crash.outage import What
from tests.crash.play import Reckoning, play

type Outcome = tuple[list[str], Reckoning]
#: Long outages are played with the delay of host.json.
LONG_DELAY = {"AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:30"}


async def _kills(given: argparse.Namespace) -> Outcome:
    async with play("k", logs=given.logs, seed=given.seed) as one:
        harm, reckoning = await kills.run(
            one,
            seed=given.seed,
            requests=given.requests,
            kills=given.kills,
            stops=given.stops,
            echo=given.echo,
            monitoring=given.monitoring,
            seconds=given.seconds,
        )
        return list(report.harm(harm)), reckoning


async def _duplicates(given: argparse.Namespace) -> Outcome:
    async with play("d", logs=given.logs) as one:
        reckoning = await duplicates.run(
            one, seed=given.seed, requests=given.requests, copies=given.copies
        )
        return [], reckoning


async def _storm(given: argparse.Namespace) -> Outcome:
    admission = Admission(rate=given.rate, burst=int(given.rate * 3), retry_after=storm.RETRY_AFTER)
    async with play(
        "s",
        env=storm.CALM,
        storage_processes=given.storage_processes,
        queue_lease=storm.QUEUE_LEASE,
        logs=given.logs,
    ) as one:
        weather, reckoning = await storm.run(
            one,
            seed=given.seed,
            requests=given.requests,
            seconds=given.seconds,
            admission=admission,
        )
        return list(report.weather(weather)), reckoning


async def _outage(given: argparse.Namespace) -> Outcome:
    with tempfile.TemporaryDirectory() as disk:
        async with play(
            "o",
            env=LONG_DELAY,
            through_proxy=given.what is What.TABLES,
            location=Path(disk),
            logs=given.logs,
        ) as one:
            reckoning = await outage.run(
                one,
                seed=given.seed,
                what=given.what,
                requests=given.requests,
                seconds=given.seconds,
            )
            return [f"away                {given.what}, {given.seconds:.0f} s"], reckoning


async def _two_hosts(given: argparse.Namespace) -> Outcome:
    async with play("t", logs=given.logs) as one:
        reckoning = await two_hosts.run(
            one, seed=given.seed, requests=given.requests, kills=given.kills
        )
        return [f"kills               {given.kills}, each host in turn"], reckoning


PLAYS: Mapping[str, Callable[[argparse.Namespace], Awaitable[Outcome]]] = {
    "kills": _kills,
    "duplicates": _duplicates,
    "storm": _storm,
    "outage": _outage,
    "two-hosts": _two_hosts,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.crash", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--logs", type=Path, help="directory for the servers' logs")
    plays = parser.add_subparsers(dest="play", required=True)
    one = plays.add_parser("kills", help=kills.__doc__)
    one.add_argument("--requests", type=int, default=200)
    one.add_argument("--kills", type=int, default=20)
    one.add_argument("--stops", type=int, default=2)
    one.add_argument("--echo", action=argparse.BooleanOptionalAction, default=True)
    one.add_argument(
        "--monitoring", type=Monitoring, default=Monitoring.WELL, choices=list(Monitoring)
    )
    one.add_argument("--seconds", type=float, default=60.0, help="that looks are away, or late")
    one = plays.add_parser("duplicates", help=duplicates.__doc__)
    one.add_argument("--requests", type=int, default=100)
    one.add_argument("--copies", type=int, default=10)
    one = plays.add_parser("storm", help=storm.__doc__)
    one.add_argument("--requests", type=int, default=1800)
    one.add_argument("--seconds", type=float, default=60.0)
    one.add_argument("--rate", type=float, default=10.0, help="createRuns admitted each second")
    one.add_argument(
        "--storage-processes",
        type=int,
        choices=(1, 2),
        default=1,
        help="2: queues in one Azurite and tables in another",
    )
    one = plays.add_parser("outage", help=outage.__doc__)
    one.add_argument("--what", type=What, default=What.AZURITE, choices=list(What))
    one.add_argument("--requests", type=int, default=600)
    one.add_argument("--seconds", type=float, default=60.0)
    one = plays.add_parser("two-hosts", help=two_hosts.__doc__)
    one.add_argument("--requests", type=int, default=500)
    one.add_argument("--kills", type=int, default=40)
    return parser.parse_args()


def _shown(given: argparse.Namespace, done: list[str], reckoning: Reckoning) -> Iterator[str]:
    asked = {k: str(v) for k, v in vars(given).items() if k not in {"play", "logs"}}
    yield f"{given.play}  {'  '.join(f'{k} {v}' for k, v in asked.items())}"
    yield f"on                  {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    yield from done
    yield from report.books(reckoning)
    yield from report.offenders(reckoning)


def main() -> int:
    given = _arguments()
    if given.logs is not None:
        given.logs.mkdir(parents=True, exist_ok=True)
    done, reckoning = asyncio.run(_play(given))
    print("\n".join(_shown(given, done, reckoning)))
    return 0 if reckoning.books.balanced else 1


async def _play(given: argparse.Namespace) -> Outcome:
    return await PLAYS[given.play](given)


if __name__ == "__main__":
    sys.exit(main())
