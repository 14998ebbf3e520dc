"""What does a record keep of its request, and what may be told of it?"""

import json
from dataclasses import replace

from pydantic import ValidationError

from shared import redaction
from shared.cloud_error import CloudError
from shared.errors import RecordUnreadable
from shared.record import Record
from shared.run_request import RunRequest, too_large_to_keep
from shared.secret_look import MARK


def read(record: Record) -> RunRequest:
    """Read a record's request. Raises `RecordUnreadable` where somebody has edited it."""
    try:
        return RunRequest.model_validate(json.loads(record.request))
    except (ValidationError, ValueError):
        msg = "The request in the record is not one that this version wrote."
        raise RecordUnreadable(msg) from None  # the cause quotes values, and the platform logs it


def close(record: Record) -> Record:
    """Cut the secrets out of a request that needs them no more."""
    request = read(record)
    kept = redaction.redact(request.parameters or {})
    if not kept.changed:
        return record
    redacted = request.model_copy(update={"parameters": kept.value})
    if too_large_to_keep(redacted):  # JSON within a string was written anew
        hidden = dict.fromkeys(kept.value if isinstance(kept.value, dict) else (), MARK)
        redacted = request.model_copy(update={"parameters": hidden})
    return replace(record, request=redacted.to_json(), redacted=True)


def safe(error: CloudError, record: Record) -> CloudError:
    """Cut the secrets of a request out of what Synapse said about it."""
    return redaction.cut_error(error, redaction.redact(read(record).parameters or {}).secrets)
