"""Answers every createRun with the id that it was sent, as fast as it can: `python -m bench.stub`."""

import argparse
import asyncio
import json

from aiohttp import web

from local.process import BACKLOG, announce, end_with_parent, listen


async def _answer(request: web.BaseRequest) -> web.Response:
    await request.read()
    run_id = request.headers.get("x-ms-client-request-id", "")
    return web.Response(
        status=202,
        body=json.dumps({"runId": run_id}).encode(),
        content_type="application/json",
    )


async def _serve() -> None:
    runner = web.ServerRunner(web.Server(_answer, access_log=None))
    await runner.setup()
    await web.SockSite(runner, listen(0), backlog=BACKLOG).start()
    announce(port=int(runner.addresses[0][1]))
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.stub", description=__doc__)
    parser.add_argument("--with-parent", action="store_true", help="end when stdin closes")
    if parser.parse_args().with_parent:
        end_with_parent()
    asyncio.run(_serve())


if __name__ == "__main__":
    main()
