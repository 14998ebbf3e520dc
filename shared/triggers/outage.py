"""Answers while the gateway can't: settings that are wrong, a storage account that is away, a record that can't be read."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import azure.functions as func

from shared.kernel import log_line
from shared.kernel.cloud_error import CloudError, Code
from shared.kernel.errors import Misconfigured, RecordUnreadable, StorageUnavailable
from shared.triggers import responses

_SOON: Final = 5.0  # seconds until it is worth asking again


async def guard(answer: Callable[[], Awaitable[func.HttpResponse]]) -> func.HttpResponse:
    """Return an answer, or why there is none."""
    try:
        return await answer()
    except Misconfigured:
        return unavailable("The gateway is not configured.")
    except StorageUnavailable as error:
        log_line.write(logging.WARNING, "storage_unavailable", reason=error)
        return unavailable(str(error))
    except RecordUnreadable as error:  # an operator has to look at it
        log_line.write(logging.WARNING, "record_unreadable", reason=error)
        unreadable = CloudError(code=Code.GATEWAY_UNAVAILABLE, message=str(error))
        return responses.refusal(unreadable)


def concealed(response: func.HttpResponse) -> func.HttpResponse:
    """Return the response for a caller that is not authenticated: it learns only that it may ask again."""
    if response.status_code < 500:
        return response
    later = CloudError(code=Code.GATEWAY_UNAVAILABLE, message="Ask again later.")
    return responses.refusal(later, retry_after=_SOON)


def unavailable(why: str) -> func.HttpResponse:
    """Say that nothing was decided, and that the caller may send the request again under the same id."""
    message = f"{why} Ask again with the same requestId."
    error = CloudError(code=Code.GATEWAY_UNAVAILABLE, message=message)
    return responses.refusal(error, retry_after=_SOON)
