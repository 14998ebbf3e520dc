"""Many deliveries of few requests are thrown at the gateway at once, through queue and HTTP."""

from tests.crash.plan import duplicates
from tests.crash.play import Play, Reckoning


async def run(play: Play, *, seed: int, requests: int, copies: int, hosts: int = 1) -> Reckoning:
    """Send each of so many requests so many times, all at once."""
    for _ in range(hosts):
        await play.hosts.start()
    plan = duplicates(seed, requests=requests, copies=copies)
    play.send(*plan.postings)
    return await play.reckon()
