"""The apps that are compared: the gateway, and four that people write in an afternoon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local import stack

PEERS: Final = Path(__file__).resolve().parent / "peers"
NOTHING_ELSE: Final = "no dedupe, no reconciliation, no record or result, no redaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A function app. All of them take the same messages, and serve POST /api/runs."""

    name: str
    directory: Path
    does: str
    lacks: str  #: what it does not do, and the gateway does


APPS: Final[Mapping[str, App]] = {
    app.name: app
    for app in (
        App(
            name="ours",
            directory=stack.ROOT,
            does="the gateway: record, createRun, result, audit; reconciliation",
            lacks="",
        ),
        App(
            name="a",
            directory=PEERS / "sync_each_call",
            does="sync function, a new DefaultAzureCredential and ArtifactsClient for each call",
            lacks=NOTHING_ELSE,
        ),
        App(
            name="b",
            directory=PEERS / "sync_kept",
            does="sync function, one ArtifactsClient kept",
            lacks=NOTHING_ELSE,
        ),
        App(
            name="c",
            directory=PEERS / "async_kept",
            does="async function, one ArtifactsClient of azure.synapse.artifacts.aio kept",
            lacks=NOTHING_ELSE,
        ),
        App(
            name="d",
            directory=PEERS / "plain_sequence",
            does="async function, record, createRun, result, audit with Azure's clients as they come",
            lacks="no reconciliation, no waiting for a throttled workspace, no redaction",
        ),
    )
}


def turns(apps: Sequence[App]) -> Mapping[str, tuple[App, Mapping[str, str]]]:
    """Return what is measured, by name: each app, and the gateway once more with settings that leave following out."""
    named: dict[str, tuple[App, Mapping[str, str]]] = {app.name: (app, {}) for app in apps}
    if "ours" in named:
        named["ours, not followed"] = (APPS["ours"], {"FOLLOW_RUNS": "none"})
    return named
