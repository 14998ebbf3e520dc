"""What the storage account lets the app do, as a test says."""

from typing import override

from shared.kernel.errors import StorageUnavailable
from shared.ports import Evidence, StorageRights


class FakeStorageRights(StorageRights):
    """`failures` has what reading a table raises, `evidence` what was seen of writing, `reads` what was tried."""

    def __init__(self) -> None:
        self.failures: dict[str, StorageUnavailable] = {}
        self.evidence: dict[str, Evidence] = {}
        self.reads: list[str] = []

    @override
    async def try_reading(self, table: str) -> None:
        self.reads.append(table)
        if table in self.failures:
            raise self.failures[table]

    @override
    def written(self, what: str) -> Evidence:
        return self.evidence.get(what, Evidence())
