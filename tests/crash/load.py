"""How requests come in when no host dies on purpose: at a steady pace, or all at once."""

import asyncio
from collections.abc import Sequence

from tests.crash.plan import Posting
from tests.crash.play import Play


async def steadily(play: Play, postings: Sequence[Posting], seconds: float) -> None:
    """Begin to send them, evenly over so many seconds."""
    clock = asyncio.get_running_loop().time
    began = clock()
    for number, posting in enumerate(postings):
        await asyncio.sleep(max(0.0, began + number * seconds / len(postings) - clock()))
        play.send(posting)
