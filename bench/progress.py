"""Shows how far a measurement has come."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress as Bar,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)


class Progress:
    """A bar for each part on a terminal; a line for each step elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[last]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._title = ""
        self._task: TaskID | None = None

    def begin(self, title: str, steps: int) -> None:
        """Begin a part of so many steps."""
        self._bar.start()
        self._title = title
        self._task = self._bar.add_task(title, total=steps, last="")
        if not self._console.is_terminal:
            self._console.print(f"{title}: {steps} steps", highlight=False)

    def step(self, text: str, *, by: int = 1) -> None:
        """Note that a step is done."""
        if self._task is not None:
            self._bar.update(self._task, advance=by, last=text)
        if text and not self._console.is_terminal:
            self._console.print(f"{self._title}: {text}", highlight=False)

    def end(self) -> None:
        """Leave the bars as they are."""
        self._bar.stop()
