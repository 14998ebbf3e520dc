"""Every error that we raise.

GatewayError
├── StorageUnavailable   a queue or a table could not be reached or refused us
├── RecordUnreadable     a record in `runs` that this version can't understand
└── Misconfigured        the app settings or gateway.json are wrong

What a caller did wrong is no error but a value: see `run_request.Rejection` and `cloud_error.CloudError`.
"""


class GatewayError(Exception):
    """The gateway can't go on with this delivery; nothing was decided."""


class StorageUnavailable(GatewayError):
    """A queue or a table could not be reached, or it refused the gateway's identity."""


class RecordUnreadable(GatewayError):
    """A record was edited by hand or written by a newer version; nothing may be started for it."""


class Misconfigured(GatewayError):
    """The app settings or gateway.json are wrong; the readiness route and the log say where."""
