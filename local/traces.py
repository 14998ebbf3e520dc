"""Shows traces as trees: each visit of a request, what it called, and how long everything took."""

from collections.abc import Sequence

from rich.markup import escape
from rich.tree import Tree

from local.collector import Span

#: What of a span is worth a place in its line, in this order.
SHOWN = (
    "status",
    "code",
    "outcome",
    "http_status",
    "run_id",
    "wait_seconds",
    "retry_after_seconds",
)


def tree(title: str, spans: Sequence[Span]) -> Tree:
    """Return the spans of one trace as a tree; what has no parent among them is at the top."""
    ordered = sorted(spans, key=lambda span: span.start)
    known = {span.span_id for span in ordered}
    root = Tree(f"[bold]{escape(title)}[/]")
    nodes: dict[str, Tree] = {}
    for span in ordered:
        # A visit starts before what it calls, so its node is there already.
        above = nodes.get(span.parent_id, root) if span.parent_id in known else root
        nodes[span.span_id] = above.add(_line(span, ordered[0].start))
    return root


def _line(span: Span, beginning: int) -> str:
    values = (span.attributes.get(f"run_gateway.{name}") for name in SHOWN)
    said = " ".join(escape(str(value)) for value in values if value is not None)
    mark = "[red]✗[/]" if span.error is not None else "[green]✓[/]"
    times = f"{_milliseconds(span.end - span.start)} ms, at {_milliseconds(span.start - beginning)}"
    return f"{mark} {escape(span.name)} [cyan]{times}[/] [dim]{said}[/]"


def _milliseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:,.1f}"
