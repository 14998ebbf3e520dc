"""The trees that `make run TELEMETRY=1` shows."""

from rich.console import Console

from local import traces
from local.collector import Span


def a_span(name: str, span_id: str, parent_id: str = "", start: int = 0, **values: str) -> Span:
    return Span(
        trace_id="t",
        span_id=span_id,
        parent_id=parent_id,
        name=name,
        kind="CLIENT",
        start=start,
        end=start + 2_500_000,
        error=values.pop("error", None),
        attributes={f"run_gateway.{key}": value for key, value in values.items()},
        links=(),
    )


def test_calls_hang_below_their_visit_and_a_producers_span_is_not_missed() -> None:
    console = Console(width=100, record=True, force_terminal=False)
    spans = [
        a_span("insert runs", "2", "1", start=1_000_000),
        a_span("process queue", "1", "of the producer", status="Started"),
        a_span("createRun", "3", "1", start=2_000_000, error="Throttled", outcome="Throttled"),
    ]

    with console.capture() as shown:
        console.print(traces.tree("01 [x]", spans))

    assert [line.rstrip() for line in shown.get().splitlines()] == [
        "01 [x]",
        "└── ✓ process queue 2.5 ms, at 0.0 Started",
        "    ├── ✓ insert runs 2.5 ms, at 1.0",
        "    └── ✗ createRun 2.5 ms, at 2.0 Throttled",
    ]
