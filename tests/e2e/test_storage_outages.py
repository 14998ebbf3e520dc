"""The storage service is away in the middle of a load."""

from pathlib import Path

from tests.crash import outage, report
from tests.crash.outage import What
from tests.crash.play import play


async def test_azurite_stops_and_comes_back_on_its_disk(tmp_path: Path) -> None:
    async with play("o", through_proxy=False, location=tmp_path) as one:
        reckoning = await outage.run(one, seed=4, what=What.AZURITE, requests=30, seconds=4.0)

    assert reckoning.books.balanced, "\n".join(report.offenders(reckoning))
    assert set(reckoning.books.states) == {"Started"}


async def test_tables_alone_are_refused() -> None:
    async with play("o") as one:
        reckoning = await outage.run(one, seed=5, what=What.TABLES, requests=30, seconds=4.0)

    assert reckoning.books.balanced, "\n".join(report.offenders(reckoning))
    assert set(reckoning.books.states) == {"Started"}
