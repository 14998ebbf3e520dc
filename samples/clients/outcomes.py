"""azure-storage-queue: read how runs ended from the queue `run-outcomes`, and take each end once.

    pip install azure-storage-queue azure-identity
    python outcomes.py https://mystorage.queue.core.windows.net

Each new end is printed as one line of JSON. On the local stack (make run) the first argument is
"UseDevelopmentStorage=true". With RUN_RESULTS_ENCODING=none leave the decoding policy out.
"""

import argparse
import json
import sqlite3
import time
from contextlib import closing, suppress
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.storage.queue import QueueClient, TextBase64DecodePolicy

TABLE = (
    "CREATE TABLE IF NOT EXISTS ends (outcome_id TEXT PRIMARY KEY, request_id TEXT, outcome TEXT)"
)
INSERT = "INSERT INTO ends VALUES (:outcomeId, :requestId, :outcome) ON CONFLICT DO NOTHING"


def main() -> None:
    """Read until the queue has been empty for as long as `--idle` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("storage", help="the account's queue address, or a connection string")
    parser.add_argument("--queue", default="run-outcomes")
    parser.add_argument("--ends", default="ends.db", help="the file that keeps what was taken")
    parser.add_argument(
        "--idle", type=float, default=float("inf"), help="end after so many quiet seconds"
    )
    given = parser.parse_args()
    last = time.monotonic()
    with closing(sqlite3.connect(given.ends)) as ends, connect(given.storage, given.queue) as queue:
        ends.execute(TABLE)
        while time.monotonic() - last < given.idle:
            if read(queue, ends):
                last = time.monotonic()
            time.sleep(1)


def read(queue: QueueClient, ends: sqlite3.Connection) -> bool:
    """Take the messages that are there; say whether there were any."""
    found = False
    with suppress(
        ResourceNotFoundError
    ):  # where nothing has made the queue, the first outcome does
        for message in queue.receive_messages(messages_per_page=32, visibility_timeout=60):
            take(ends, json.loads(message.content))
            # Only now: if this program dies before, the message comes again after a minute.
            queue.delete_message(message)
            found = True
    return found


def take(ends: sqlite3.Connection, outcome: dict[str, Any]) -> None:
    """Keep an outcome, and pass it on if it is new.

    An outcome may come twice; equal outcomeIds are the same news. What you do with it belongs into the transaction: it
    is kept only if that has succeeded.
    """
    with ends:
        if ends.execute(INSERT, outcome).rowcount:
            print(json.dumps(outcome, separators=(",", ":")), flush=True)


def connect(storage: str, queue: str) -> QueueClient:
    """Return the queue's client, with your identity where an address is given."""
    decode = TextBase64DecodePolicy()
    if storage.startswith("https://"):
        credential = DefaultAzureCredential()
        return QueueClient(storage, queue, credential, message_decode_policy=decode)
    return QueueClient.from_connection_string(storage, queue, message_decode_policy=decode)


if __name__ == "__main__":
    main()
