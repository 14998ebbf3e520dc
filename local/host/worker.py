"""Indexes the app and runs its functions through Microsoft's worker library, in this process."""

import json
import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime

from local.host.protos import NAMESPACE, ParameterBinding, StatusResult, TypedData
from local.host.trace import Trace

NO_RETRY = SimpleNamespace(retry_count=0, max_retry_count=0, exception=None)


class IndexingFailed(Exception):
    """The app's functions can't be read."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding of a function, as its decorator says."""

    type: str
    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function of the app."""

    name: str
    function_id: str
    trigger: Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one invocation."""

    error: str | None = None
    stack: str = ""
    returned: TypedData | None = None


async def load(directory: Path) -> dict[str, Function]:
    """Index function_app.py of the directory, and work in it as the platform does."""
    if not (directory / "function_app.py").is_file():
        msg = f"{directory} has no function_app.py"
        raise IndexingFailed(msg)
    sys.path.insert(0, str(directory))
    os.chdir(directory)
    request = SimpleNamespace(capabilities={}, function_app_directory=str(directory))
    answer = await runtime.worker_init_request(
        SimpleNamespace(
            request=SimpleNamespace(worker_init_request=request),
            properties={"host": "127.0.0.1", "protos": NAMESPACE},
        )
    )
    if answer.result.status != StatusResult.Success:
        fault = answer.result.exception
        msg = f"{fault.message}\n{fault.stack_trace}"
        raise IndexingFailed(msg)
    runtime.start_threadpool_executor()
    found = (await runtime.functions_metadata_request(None)).function_metadata_results
    return {one.name: _function(one) for one in found or ()}


async def invoke(
    function: Function, data: TypedData, *, metadata: Mapping[str, TypedData], trace: Trace
) -> Outcome:
    """Run the function with its trigger's data."""
    request = SimpleNamespace(
        invocation_id=str(uuid.uuid4()),
        function_id=function.function_id,
        input_data=[ParameterBinding(name=function.trigger.name, data=data)],
        trigger_metadata=metadata,
        trace_context=SimpleNamespace(
            trace_parent=trace.parent, trace_state=trace.state, attributes={}
        ),
        retry_context=NO_RETRY,
    )
    answer = await runtime.invocation_request(
        SimpleNamespace(request=SimpleNamespace(invocation_request=request), properties={})
    )
    if answer.result.status != StatusResult.Success:
        fault = answer.result.exception
        return Outcome(error=fault.message, stack=fault.stack_trace)
    return Outcome(returned=answer.return_value)


def _function(found: Any) -> Function:
    bindings = [json.loads(raw) for raw in found.raw_bindings]
    made = [Binding(one["type"], one["name"], one) for one in bindings]
    for one in made:
        if one.fields["direction"] == "OUT" and (one.type, one.name) != ("http", "$return"):
            msg = (
                f"{found.name}: this host serves no output bindings, such as {one.type} {one.name}"
            )
            raise IndexingFailed(msg)
    return Function(
        name=found.name,
        function_id=found.function_id,
        trigger=next(one for one in made if one.type.endswith("Trigger")),
    )
