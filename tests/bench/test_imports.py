"""What a new process imports before it has answered its first queue request: each module delays that answer.

A name that is new here is either needed for every request, and joins the list, or is to be imported when it is used.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Final

from bench.apps import APPS
from bench.ground import Ground
from local.stack import ROOT

#: Other packages that indexing imports; those of `azure` by two names.
INDEXING_OTHERS: Final = frozenset(
    {
        *(
            "annotated_types",
            "azure.functions",
            "jmespath",
            "markupsafe",
            "pydantic",
            "pydantic_core",
        ),
        *("typing_extensions", "typing_inspection", "werkzeug"),
    }
)
#: Other packages that the first queue request imports: aiohttp and httpx, then azure.identity with its own.
FIRST_REQUEST_OTHERS: Final = frozenset(
    {
        *("aiohappyeyeballs", "aiohttp", "aiosignal", "attr", "frozenlist", "idna", "multidict"),
        *("httpx", "httpx_aiohttp", "propcache", "yarl"),
        *("azure.core", "azure.identity", "certifi", "charset_normalizer", "cryptography", "msal"),
        *("requests", "urllib3"),
    }
)
#: Our modules that indexing the app imports, by package.
INDEXING: Final = {
    "shared.adapters": "clock connection observed synapse tokens track",
    "shared.adapters.storage": (
        "account audit audit_days audit_entity audit_listing columns facts following "
        "following_entity outbox queues record_entity records"
    ),
    "shared.api": "links",
    "shared.auth": "access_list bearer policy token_claims",
    "shared": "composition following_ports ports wiring",
    "shared.config": (
        "diagnostics expression gateway_json parameter_type rule settings strict_model telemetry"
    ),
    "shared.gateway": (
        "attempt cached chain delivery_log gateway poison reconciliation recovery_message refusal "
        "requeue run_lookup runner throttle tracking"
    ),
    "shared.kernel": (
        "camel_model cloud_error errors glob guid log_line query strict_json timestamp validation "
        "work"
    ),
    "shared.redaction": "names patterns plain_text redact search",
    "shared.runs": (
        "audit_entry audit_merge audit_query caller cloud_event delivery identity next_step "
        "open_run outcome payload record request result"
    ),
    "shared.synapse": "create_run reply response_filter retry run_list run_response",
    "shared.triggers": "api_document authentication health outage outbox queue responses",
}

#: Our modules that the first queue request imports.
FIRST_REQUEST: Final = {
    "shared.adapters": "http_client http_errors",
    "shared.adapters.storage": (
        "address answers call clients entity_json point queue sign table wire"
    ),
}


async def test_indexing_imports_nothing_new(base: Ground) -> None:
    async with base.worker(APPS["ours"]) as worker:
        indexed = await worker.modules()

    assert _ours(indexed) == _named(INDEXING)
    assert _others(indexed) == INDEXING_OTHERS


async def test_the_first_queue_request_imports_nothing_new(base: Ground) -> None:
    async with base.worker(APPS["ours"]) as worker:
        await worker.run(base.requests(1), 1)
        answered = await worker.modules()

    assert _ours(answered) == _named(INDEXING) | _named(FIRST_REQUEST)
    assert _others(answered) == INDEXING_OTHERS | FIRST_REQUEST_OTHERS


async def test_the_hourly_timer_needs_no_library_of_azures_for_storage(base: Ground) -> None:
    """Unless it deletes something: then it sends transactions."""
    async with base.worker(APPS["ours"]) as worker:
        await worker.run(base.requests(1), 1)
        await worker.sweep()
        swept = await worker.modules()

    assert not _others(swept) & {"azure.data", "azure.storage"}


def _named(modules: Mapping[str, str]) -> set[str]:
    return {f"{package}.{name}" for package, names in modules.items() for name in names.split()}


def _ours(modules: Iterable[str]) -> set[str]:
    return {name for name in modules if name.startswith("shared.") and not _is_package(name)}


def _is_package(name: str) -> bool:
    return (ROOT / name.replace(".", "/")).is_dir()


def _others(modules: Iterable[str]) -> set[str]:
    """Name the packages, but the app's own, the standard library's, and what only supports compiled modules."""
    own = {"shared", "function_app", "cython_runtime", *sys.stdlib_module_names}
    return {
        ".".join(parts[:2]) if parts[0] == "azure" else parts[0]
        for parts in (name.split(".") for name in modules)
        if parts[0] not in own and parts != ["azure"] and parts[0][0] != "_"
    }
