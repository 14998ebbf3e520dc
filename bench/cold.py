"""Import of function_app and the first answer in new processes; over TLS, with the public bundle of certificates.

Microsoft's worker library is there before: the platform has it loaded when it loads an app.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bench import spread
from bench.apps import App
from bench.ground import ground
from bench.plan import Size, turned
from bench.progress import Progress


async def measure(apps: Sequence[App], size: Size, progress: Progress) -> Mapping[str, Any]:
    """Start so many processes of each app, in turns."""
    found: dict[str, list[dict[str, float]]] = {app.name: [] for app in apps}
    progress.begin("cold", size.rounds * len(apps))
    async with ground(tls=True) as base:
        for turn in range(size.rounds):
            for app in turned(apps, turn):
                async with base.worker(app) as worker:
                    facts = worker.child.facts
                    first = await worker.run(base.requests(1), 1)
                    found[app.name].append(
                        {
                            "importCpu": facts["imported"]["cpu"] * 1000,
                            "importWall": facts["imported"]["wall"] * 1000,
                            "firstCpu": first["cpu"] * 1000,
                            "firstWall": first["wall"] * 1000,
                            "bothCpu": (facts["imported"]["cpu"] + first["cpu"]) * 1000,
                            "bothWall": (facts["imported"]["wall"] + first["wall"]) * 1000,
                            "modules": facts["modules"],
                            "memoryEmpty": facts["empty"],
                            "memoryImported": facts["memory"],
                            "memoryFirst": await worker.memory(),
                        }
                    )
                progress.step(f"{app.name} {found[app.name][-1]['firstWall']:.0f} ms to answer")
    return {
        name: {key: spread.of([one[key] for one in rounds]) for key in rounds[0]}
        for name, rounds in found.items()
    }
