"""An operator settles what nobody could know, through the routes that are there for it."""

from collections.abc import Iterable

import aiohttp

#: /resolve answers 200 with the record, /rerun 202 as a new request does.
DONE = (200, 202)


async def settle(url: str, findings: Iterable[tuple[str, str | None]]) -> None:
    """Say of each request which run was found in Synapse; one that has none is resolved so, and run again.

    Raises RuntimeError with the gateway's words where it refuses.
    """
    async with aiohttp.ClientSession(base_url=url) as http:
        for request_id, run_id in findings:
            await _post(http, f"/api/runs/{request_id}/resolve", {"runId": run_id})
            if run_id is None:
                await _post(http, f"/api/runs/{request_id}/rerun", {"generation": 2})


async def _post(http: aiohttp.ClientSession, path: str, body: dict[str, object]) -> None:
    async with http.post(path, json=body) as answer:
        if answer.status not in DONE:
            msg = f"{path}: {answer.status} {await answer.text()}"
            raise RuntimeError(msg)
