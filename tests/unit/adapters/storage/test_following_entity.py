"""How open runs, chains and outcomes lie in their table: shared/adapters/storage/following_entity.py."""

import dataclasses

import pytest
from hypothesis import given, strategies as st

from shared.adapters.storage import columns, following_entity as entities
from shared.adapters.storage.record_entity import DELIVERY_FIELDS
from shared.following_ports import Chain
from shared.kernel.errors import RecordUnreadable
from shared.runs.open_run import OpenRun
from shared.runs.outcome import RecordedOutcome, RunOutcome
from tests.contracts.test_following import CHAIN, a_run, an_outcome
from tests.unit.builders import NOW

FORBIDDEN = set("/\\#?") | {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))}


def names(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def test_every_field_has_a_column() -> None:
    """A field that is added must not be forgotten here."""
    run, chain = entities.write_run(a_run()), entities.write_chain(CHAIN)
    outcome = entities.write_outcome(an_outcome())

    delivery = {columns.name_of(f"delivery_{name}") for name in DELIVERY_FIELDS}
    assert {columns.name_of(name) for name in names(OpenRun) - {"delivery"}} | delivery <= set(run)
    assert {columns.name_of(name) for name in names(Chain)} <= set(chain)
    kept = set(RunOutcome.model_fields) | (names(RecordedOutcome) - {"outcome"})
    assert {columns.name_of(name) for name in kept} <= set(outcome)


@given(run_id=st.text(min_size=1, max_size=200), endpoint=st.text(max_size=50))
def test_keys_are_ones_that_azure_takes(run_id: str, endpoint: str) -> None:
    keys = (entities.partition_of(endpoint, run_id), entities.row_of(run_id))

    assert all(key and not FORBIDDEN & set(key) and len(key) <= 200 for key in keys)
    first, last = entities.bounds(endpoint)
    assert first <= keys[0] <= last
    assert entities.OPEN < first <= last < entities.BEYOND_OPEN


def test_runs_are_spread_over_four_partitions() -> None:
    found = {entities.partition_of("https://w", a_run(number).run_id) for number in range(100)}

    assert len(found) == entities.SHARDS


@pytest.mark.parametrize("column", ["requestId", "generation", "deliverySource", "sentBefore"])
def test_a_row_that_can_not_be_read_names_its_column(column: str) -> None:
    row = entities.write_run(a_run()) | {column: [NOW]}

    with pytest.raises(RecordUnreadable, match=column):
        entities.read_run(row)


def test_the_row_of_a_newer_version_is_not_read() -> None:
    for write, read in (
        (entities.write_run(a_run()), entities.read_run),
        (entities.write_outcome(an_outcome()), entities.read_outcome),
    ):
        with pytest.raises(RecordUnreadable, match="schemaVersion"):
            read(write | {"schemaVersion": 99})
