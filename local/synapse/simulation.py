"""The parts of the simulator, and how it is put back to its beginning."""

import time
from collections.abc import Mapping
from typing import Any

from local.faults import Faults, Held
from local.synapse.admission import Bucket
from local.synapse.calls import Calls
from local.synapse.faults import Facts, Fault, matches
from local.synapse.holding import Waiting
from local.synapse.identity import Identity
from local.synapse.pipelines import Catalogue
from local.synapse.settings import Admission, Settings
from local.synapse.tokens import Keys
from local.synapse.wire import after
from local.synapse.workspace import Workspace

IDENTITY_HEADER = "local-identity-header"


class Simulation:
    """All state of one simulator. Keys outlive a reset: clients keep their tokens."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        seed: int = 0,
        identity_header: str = IDENTITY_HEADER,
        keys: Keys | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.seed = seed
        self.identity = Identity(identity_header, keys or Keys())
        self.held = Held[Waiting]()
        self.reset()

    def reset(self) -> None:
        self.settings = Settings()
        self.workspace = Workspace(self.catalogue)
        self.calls = Calls(self.settings.keep_calls)
        self.faults = Faults[Fault, Facts](matches, self.seed)
        self.bucket: Bucket | None = None
        self.monitoring_bucket: Bucket | None = None
        #: tokens with a serial up to this one are refused
        self.refused_serial = 0
        self.held.release(cut=True)

    def change(self, changes: Mapping[str, Any]) -> Settings:
        """Lay changes over the settings; a name that is not there is a ValidationError."""
        now = self.settings.model_dump(by_alias=True)
        self.settings = settings = Settings.model_validate({**now, **changes})
        self.workspace.lag = after(0, settings.query_lag_seconds)
        self.workspace.history = after(0, settings.history_seconds)
        if "admission" in changes:
            self.bucket = _bucket(settings.admission)
        if "monitoring" in changes:
            self.monitoring_bucket = _bucket(settings.monitoring)
        if "refuseTokens" in changes:
            issued = settings.refuse_tokens == "issued"
            self.refused_serial = self.identity.issued if issued else 0
        if "keepCalls" in changes:
            self.calls.keep(settings.keep_calls)
        return settings


def _bucket(limit: Admission | None) -> Bucket | None:
    return Bucket(limit, time.time_ns()) if limit else None
