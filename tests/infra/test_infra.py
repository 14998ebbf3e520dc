"""infra/ as it is, held to every check."""

from pathlib import Path

import pytest

from tests.infra.checks import CHECKS, findings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("check", CHECKS)
def test_infra_passes(check: str) -> None:
    assert findings(ROOT)[check] == []
