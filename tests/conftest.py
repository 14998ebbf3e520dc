"""The profiles of hypothesis: `full`, as `make test` runs, and `--hypothesis-profile=fast`, as `make unit` does.

Neither judges how long an example takes: on a busy machine that says nothing of the code.
"""

import gc

from hypothesis import HealthCheck, settings

from tests.examples import FAST, FULL

for name, count in (("full", FULL), ("fast", FAST)):
    settings.register_profile(
        name, max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
settings.load_profile("full")


def pytest_collection_finish() -> None:
    """Leave what is there for the whole session out of each garbage collection: they took a tenth of the CPU."""
    gc.collect()
    gc.freeze()
