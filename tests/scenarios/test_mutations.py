"""However an event or a configuration is mangled: no exception, and always a reason.

Fewer examples than the 10,000 of each that a release is shown by: `MUTATIONS=10000 pytest tests/scenarios/test_mutations.py`.
"""

import asyncio
import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st

from shared.config import gateway_json
from shared.config.gateway_json import GatewayConfig
from tests.examples import examples
from tests.scenarios.event_senders import EVENT, SAMPLES, Senders, a_rule, sample
from tests.scenarios.world import World

MUTATIONS = int(os.environ.get("MUTATIONS", "1500"))
EXTENSIVE = settings(
    max_examples=examples(MUTATIONS),
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
CONFIG = json.loads((SAMPLES.parent / "gateway.json").read_text())
EVENTS = [EVENT, *(sample(f"{name}.json")[0] for name in ("blob-created", "key-vault-secret"))]
RULES = [
    a_rule(name="any"),
    a_rule(name="when", when="data.size > `1` || starts_with(subject, '/')"),
    a_rule(
        name="map",
        notBeforeSeconds=1,
        expiresAfterSeconds=60,
        parameters={
            "file": {"expression": "url_decode(basename(data.url))", "default": "none"},
            "size": {"expression": "data.contentLength", "type": "int", "required": False},
            "all": {"expression": "@"},
        },
    ),
]

SCALARS = st.sampled_from(
    [None, True, False, 0, -1, 1.5, 1e300, 10**30, "", "x", "\ud800", "\x00", "*", "é" * 600, "a" * 9000]
)  # fmt: skip
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.text(max_size=3), SCALARS, max_size=2))  # fmt: skip


@st.composite
def mangled(draw: st.DrawFn, valid: Any) -> Any:
    """Copy something with some of its parts replaced, renamed, taken out or doubled, at any depth."""
    value = json.loads(json.dumps(valid))
    for _ in range(draw(st.integers(1, 3))):
        part = value
        while isinstance(part, dict | list) and part:
            keys = list(part) if isinstance(part, dict) else list(range(len(part)))
            key = draw(st.sampled_from(keys))
            if isinstance(part[key], dict | list) and part[key] and draw(st.booleans()):
                part = part[key]
                continue
            change(draw, part, key)
            break
    return value


def change(draw: st.DrawFn, part: Any, key: Any) -> None:
    match draw(st.sampled_from(["replace", "remove", "rename", "add"])):
        case "replace":
            part[key] = draw(VALUES)
        case "remove":
            del part[key]
        case "rename" if isinstance(part, dict):
            part[str(key)[:-1]] = part.pop(key)
        case _ if isinstance(part, list):
            part.append(draw(VALUES))
        case _:
            part[draw(st.text(max_size=5))] = draw(VALUES)


async def every_way(event: dict[str, Any]) -> None:
    """By webhook and by queue: acknowledged, and each request or refusal is kept somewhere."""
    world = World()
    senders = Senders(world, RULES)
    answer = await senders.post([event])
    assert answer.status == 200
    assert len(world.audit.entries) + len(world.records.all()) >= 1
    refused = [entry.error for entry in world.audit.entries if entry.error]
    assert all(error.message for error in refused)
    await senders.enqueue(event)


@EXTENSIVE
@given(st.sampled_from(EVENTS).flatmap(mangled))
def test_any_mutation_of_an_event_is_kept_with_its_reason(event: Any) -> None:
    asyncio.run(every_way(event))


@EXTENSIVE
@given(mangled(CONFIG))
def test_any_mutation_of_a_configuration_is_read_or_told_by_path_and_hint(config: Any) -> None:
    found = gateway_json.read(json.dumps(config).encode())

    if not isinstance(found, GatewayConfig):
        assert found
        assert all(fault.message and str(fault.target).startswith("$") for fault in found)
