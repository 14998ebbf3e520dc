"""The classes from which the worker library builds its messages: named fields, nothing serialized.

On the platform they come from protobuf. The library only needs the names, and to know which field of a oneof is set.
"""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, override


class Message:
    """A message; of a oneof group, the field that is set is the first that has a value."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 (protobuf's name)
        return next((name for name, value in self.__dict__.items() if value is not None), None)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class TypedData(Message):
    """A value on its way into or out of a function: string, bytes, json, http, int or double."""

    @property
    def kind(self) -> str | None:
        return self.WhichOneof("data")


class RpcHttp(Message):
    """A request or an answer."""


class ParameterBinding(Message):
    """A function's argument with its value."""

    @override
    def WhichOneof(self, _group: str) -> str | None:
        return "data"


class StatusResult(Message):
    """How an invocation ended."""

    Failure, Success, Cancelled = 0, 1, 2


class BindingInfo(Message):
    """One binding of a function."""

    out, inout = 1, 2
    undefined, string, binary, stream = 0, 1, 2, 3


class RpcHttpCookie(Message):
    """A Set-Cookie header."""

    # `None` is the name of "unspecified", which no class body can spell
    SameSite = SimpleNamespace(
        **{"None": None, "Lax": "Lax", "Strict": "Strict", "ExplicitNone": "None"}
    )


REST = (
    "FunctionLoadResponse FunctionMetadataResponse InvocationResponse NullableBool NullableDouble NullableString "
    "NullableTimestamp RpcException RpcFunctionMetadata RpcRetryOptions Timestamp WorkerInitResponse WorkerMetadata"
)
OURS = (BindingInfo, ParameterBinding, RpcHttp, RpcHttpCookie, StatusResult, TypedData)
NAMESPACE = SimpleNamespace(
    **{name: type(name, (Message,), {}) for name in REST.split()},
    **{message.__name__: message for message in OURS},
)
