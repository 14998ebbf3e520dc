"""The exceptions of the gateway.

GatewayError
├── StorageUnavailable   a queue or a table could not be reached, or refused the call
│   └── StorageRefused   it answered 401 or 403
├── RecordUnreadable     a record in `runs` that this version can't read
└── Misconfigured        the app settings or gateway.json are wrong

A caller's mistake is a value, not an exception: see `runs.request.Rejection` and `cloud_error.CloudError`.
"""


class GatewayError(Exception):
    """The gateway can't continue with this delivery; nothing was decided."""


class StorageUnavailable(GatewayError):
    """A queue or a table could not be reached, or it refused the gateway's identity."""


class StorageRefused(StorageUnavailable):
    """The storage service answered 401 or 403: a role is missing, or its network or keys are closed to the app.

    Args:
        message: what was called, and the answer's status and code.
        code: the service's error code, such as AuthorizationPermissionMismatch.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class RecordUnreadable(GatewayError):
    """A record was edited by hand or written by a newer version; no run may be started for it."""


class Misconfigured(GatewayError):
    """The app settings or gateway.json are wrong; the readiness route and the log list the mistakes."""
