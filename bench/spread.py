"""What is told of several figures: the median, and how far they lie apart."""

import statistics
from collections.abc import Sequence
from typing import Any


def of(figures: Sequence[float]) -> dict[str, Any]:
    """Return the median with the least and the greatest."""
    return {
        "median": statistics.median(figures),
        "least": min(figures),
        "greatest": max(figures),
        "rounds": list(figures),
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 in milliseconds."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {f"p{share}": ordered[round(last * share / 100)] * 1000 for share in (50, 95, 99)}
