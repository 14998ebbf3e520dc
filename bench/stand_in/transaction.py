"""A transaction of deletes: the multipart body of `$batch`, and its answer.

learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from bench.stand_in.answer import Answer

PART: Final = re.compile(r"^(?P<method>[A-Z]+) (?P<url>http\S+) HTTP/1.1\r?$", re.MULTILINE)
REASONS: Final = {204: "No Content", 404: "Not Found", 501: "Not Implemented"}


def read(body: bytes) -> list[tuple[str, str]]:
    """Return the method of each part, and what follows the account in its address."""
    return [
        (one["method"], unquote("/".join(urlsplit(one["url"]).path.split("/")[2:])))
        for one in PART.finditer(body.decode())
    ]


def answer(answers: Sequence[Answer]) -> Answer:
    """Answer with one part for each; a transaction that failed has one part alone."""
    lines = ["--batchresponse_0", "Content-Type: multipart/mixed; boundary=changesetresponse_0", ""]
    for one in answers:
        lines += ["--changesetresponse_0", "Content-Type: application/http"]
        lines += ["Content-Transfer-Encoding: binary", ""]
        lines += [f"HTTP/1.1 {one.status} {REASONS[one.status]}"]
        lines += [f"{name}: {value}" for name, value in one.headers.items()]
        lines += ["", one.body.decode(), ""]
    lines += ["--changesetresponse_0--", "--batchresponse_0--", ""]
    headers = {"Content-Type": "multipart/mixed; boundary=batchresponse_0"}
    return Answer(202, headers, "\r\n".join(lines).encode())
