"""What the reader sees: a commentary, and a live table of weights, Pods and answers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from load import Tally
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

WHOLE = 10_000


class Screen:
    """Prints chapters, and keeps one table up to date while something is awaited."""

    def __init__(self) -> None:
        """Start the clock."""
        self.console = Console(highlight=False)
        self._began = time.monotonic()
        self._live: Live | None = None

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        self.console.print(f"\n[bold]{self._clock()}  {title}[/bold]")

    def say(self, text: str) -> None:
        """Add a line of commentary."""
        self.console.print(f"[dim]{self._clock()}[/dim]  {text}", markup=True)

    def code(self, text: str) -> None:
        """Show YAML or output as it is."""
        self.console.print(Text(text.rstrip(), style="cyan"), soft_wrap=True)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Show the live table inside this block."""
        with Live(console=self.console, refresh_per_second=4, transient=True) as self._live:
            yield
        self._live = None

    def update(self, model: dict[str, Any], pods: list[dict[str, Any]], tally: Tally) -> None:
        """Draw the table anew."""
        if self._live:
            self._live.update(Group(_revisions(model, pods, tally), _answers(tally)))

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self._began)
        return f"{seconds // 60}:{seconds % 60:02d}"


def _revisions(model: dict[str, Any], pods: list[dict[str, Any]], tally: Tally) -> Table:
    status = model.get("status", {})
    rollout, revisions = status.get("rollout", {}), status.get("revisions", {})
    asked = rollout.get("intent", {}).get("weights", {})
    table = Table("role", "revision", "asked", "Pods ready", "answers")
    for role in ("stable", "candidate", "previous"):
        if name := revisions.get(role):
            share = f"{100 * asked.get(role, 0) // WHOLE} %" if role != "previous" else "warm"
            table.add_row(role, name, share, _ready(pods, name), str(tally.by_revision[name]))
    table.caption = f"{rollout.get('state', '')} {rollout.get('stage', '')}".strip()
    return table


def _ready(pods: list[dict[str, Any]], revision: str) -> str:
    mine = [
        pod for pod in pods if pod["metadata"]["labels"].get("perennial.dev/revision") == revision
    ]
    ready = sum(
        condition["type"] == "Ready" and condition["status"] == "True"
        for pod in mine
        for condition in pod.get("status", {}).get("conditions", [])
    )
    return f"{ready} of {len(mine)}"


def _answers(tally: Tally) -> Text:
    text = (
        f"{tally.right} right answers, {len(tally.lost)} lost, {len(tally.wrong)} wrong, "
        f"slowest {1000 * tally.slowest_seconds:.0f} ms"
    )
    return Text(text, style="red" if tally.lost or tally.wrong else "green")
