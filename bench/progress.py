"""Shows how far a measurement has come."""

from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress as Bar,
    TextColumn,
    TimeElapsedColumn,
)


class Progress:
    """A bar on a terminal; a line for each step elsewhere."""

    def __init__(self, console: Console, title: str, steps: int) -> None:
        self._console = console
        self._title = title
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=steps)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, text: str, *, by: int = 1) -> None:
        """Note that a step is done."""
        self._bar.update(self._task, advance=by, description=f"{self._title}: {text}")
        if not self._console.is_terminal:
            self._console.print(f"{self._title}: {text}", highlight=False)
