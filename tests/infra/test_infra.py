"""infra/ as it is, held to every check."""

import json
from pathlib import Path

import pytest

from tests.infra.checks import CHECKS, findings
from tests.infra.checks_of_alerts import LOG_ALERTS, METRIC_ALERTS
from tests.infra.scenarios import expand

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("check", CHECKS)
def test_infra_passes(check: str) -> None:
    assert findings(ROOT)[check] == []


def test_no_log_line_is_sampled_away() -> None:
    """The host samples every type from 20 items a second on, unless host.json excludes it."""
    logging = json.loads((ROOT / "host.json").read_text())["logging"]
    excluded = logging["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";")

    assert {"Trace", "Exception"} <= set(excluded)
    assert "count()" not in (ROOT / "docs" / "operate.md").read_text()


def test_the_page_counts_the_alerts() -> None:
    least = expand(ROOT).deployments["least"]
    metrics, queries = (len(least.of_type(kind)) for kind in (METRIC_ALERTS, LOG_ALERTS))

    page = (ROOT / "docs" / "infra.md").read_text()
    assert f"{metrics} metric alerts, {queries} query alerts," in page
