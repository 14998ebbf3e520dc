"""Gives a test a workspace of its own, without a process of its own.

async with simulating(Pipeline(name="copy")) as sim, calling(sim) as caller:
    await caller.post("/pipelines/copy/createRun")
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import httpx

from local.synapse.client import Simulator
from local.synapse.dataplane import API_VERSION
from local.synapse.pipelines import Catalogue, Pipeline
from local.synapse.server import serving
from local.synapse.simulation import Simulation
from local.synapse.tokens import Keys


@asynccontextmanager
async def simulating(
    *pipelines: Pipeline,
    seed: int = 0,
    keys: Keys | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Simulator]:
    """Serve a workspace with these pipelines until the block ends. A test that rotates keys brings its own."""
    simulation = Simulation(Catalogue(pipelines=pipelines), seed=seed, keys=keys or _keys())
    async with serving(simulation, tls=tls) as server, Simulator(server.url) as simulator:
        yield simulator


@asynccontextmanager
async def calling(
    simulator: Simulator, token: str | None = None, url: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a plain client with a good token (or the given one) and the api version."""
    bearer = await simulator.token() if token is None else token
    async with httpx.AsyncClient(
        base_url=url or simulator.url,
        params={"api-version": API_VERSION},
        headers={"Authorization": f"Bearer {bearer}"},
        verify=False,  # there is no TLS, and reading the trust store costs 20 ms
    ) as client:
        yield client


@cache
def _keys() -> Keys:
    """Keys cost a tenth of a second, and nobody can tell those of two tests apart."""
    return Keys()
