"""The simulator's error answers, as they were recorded.

The wire knows three shapes: nested `{"error":{...}}`, flat `{"code","message"}`, and flat with nulls. Each function says
where its body was seen. ADF is Azure Data Factory: the same engine, and for some errors the only recording there is.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from local.synapse.wire import Reply, dump, json_reply

#: How the answer for a run that is not there looks: two forms of Synapse's, and what a gateway in between says.
type UnknownRun = Literal["nested", "flat", "html", "empty"]

AUDIENCE_REFUSED = (
    "Token Authentication failed with SecurityTokenInvalidAudienceException - IDX10214: Audience validation failed."
    " Audiences: '[PII is hidden]'. Did not match: validationParameters.ValidAudience: '[PII is hidden]' or"
    " validationParameters.ValidAudiences: '[PII is hidden]'."
)
TOKEN_REFUSED = (
    "Token Authentication failed - MISE12034: AuthenticationTicketProvider Name:AuthenticationTicketProvider,"
    " GetVersion:1.33.0.0. "
)
CREDENTIAL_ACTION = "Microsoft.Synapse/workspaces/credentials/useSecret/action"


def flat(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"code": code, "message": message})


def flat_with_nulls(status: int, code: str, message: str, target: str) -> Reply:
    body = {"code": code, "message": message, "target": target, "details": None, "error": None}
    return json_reply(status, body)


def nested(status: int, code: str, message: str, **more: object) -> Reply:
    return json_reply(status, {"error": {"code": code, "message": message, **more}})


def pipeline_not_found(
    name: str, *, subscription: str, resource_group: str, workspace: str
) -> Reply:
    """GET of a deleted pipeline: Azure/azure-cli, synapse recordings, test_pipeline.yaml (createRun's 404 isn't recorded)."""
    place = f"subscription={subscription} resourceGroup={resource_group} workspace={workspace}"
    return flat(404, "PipelineNotFound", f"The Pipeline {name} was not found in ({place})")


def invalid_template(pipeline: str, run_id: str, message: str) -> Reply:
    """ADF: kromerm/adfdataflowdocs #11; the same shape from Synapse: Azure-Samples/modern-data-warehouse-dataops PR #568."""
    target = f"pipeline/{pipeline}/runid/{run_id}"
    return flat_with_nulls(
        400, "BadRequest", f"ErrorCode=InvalidTemplate, ErrorMessage={message}", target
    )


def reference_not_valid(reference: str, pipeline: str) -> Reply:
    """Code, message and target of MicrosoftDocs/azure-docs #38179 (ADF)."""
    message = f"Referenced pipeline run id {reference} is not a valid run id."
    return nested(
        400,
        "ReferencedPipelineRunNotValid",
        message,
        target=f"pipeline/{pipeline}/",
        details=None,
    )


def run_not_found(run_id: str, status: int = 400, form: UnknownRun = "nested") -> Reply:
    """Recorded for cancelling an unknown run: Azure/azure-powershell TestCancelRunNegativeV2.json (ADF), 400 and not 404.

    No recording shows GET of an unknown run. It answers the same by default; the settings `unknownRun` and
    `unknownRunForm` give it another status and another form.
    """
    code = "ReferencedPipelineRunNotFound"
    message = f"Referenced pipeline run id {run_id} does not exist."
    match form:
        case "nested":
            return nested(status, code, message, target="pipelinerun", details=None)
        case "flat":
            return flat(status, code, message)
        case "html":
            page = b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>"
            return Reply(status=status, body=page, headers={"Content-Type": "text/html"})
        case "empty":
            return Reply(status=status)


def no_token() -> Reply:
    """The message of MicrosoftDocs/azure-docs #64065; the code is that of other refused tokens."""
    return flat(401, "AuthenticationFailed", "BearerToken not found in request")


def token_refused() -> Reply:
    """Azure/terraform-provider-azapi #1105, from the Synapse data plane in 2026: flat."""
    return flat(401, "AuthenticationFailed", TOKEN_REFUSED)


def audience_refused() -> Reply:
    """Azure/azure-rest-api-specs #10500 and mrpaulandrew/procfwk #104: flat, also for a trailing slash too many."""
    return flat(401, "InvalidTokenAuthenticationAudience", AUDIENCE_REFUSED)


def run_not_running(run_id: str, status: str) -> Reply:
    """Cancelling what has ended, in Data Factory: code and end of the message from apache/airflow PR #56350, which cuts its start off."""
    message = (
        f"Pipeline run {run_id} has already completed with status '{status}'."
        " Only pipeline runs that are in progress or queued can be canceled."
    )
    return nested(400, "PipelineRunNotRunning", message, target="pipelinerun", details=None)


def role_missing(principal: str, action: str, scope: str, status: int = 401) -> Reply:
    """Synapse RBAC's 401: MicrosoftDocs/azure-docs #100560, and its page on moving a workspace to another tenant."""
    message = (
        f"The principal '{principal}' does not have the required Synapse RBAC permission to perform this action."
        f" Required permission: Action: {action}, Scope: {scope}."
    )
    return nested(status, "Unauthorized", message)


def credential_missing(principal: str, workspace: str) -> Reply:
    """createRun by a principal that may read but not run, as one public repository quotes it: 403."""
    message = (
        f"Insufficient permissions to call this API. {principal} does not have {CREDENTIAL_ACTION}"
        f" on scope workspaces/{workspace}/credentials/WorkspaceSystemIdentity"
    )
    return nested(403, "AccessControlUnauthorized", message)


def api_version_missing() -> Reply:
    """Azure Resource Manager's wording (Azure/azure-sdk-for-js #11913): the data plane's own isn't recorded."""
    message = "The api-version query parameter (?api-version=) is required for all requests."
    return nested(400, "MissingApiVersionParameter", message)


def api_version_unknown(version: str, known: str) -> Reply:
    message = f"The api-version '{version}' is invalid. The supported versions are '{known}'."
    return nested(400, "InvalidApiVersionParameter", message)


def body_not_read(what: str) -> Reply:
    """No recording shows it; the shape is the commonest one for a 400."""
    return flat_with_nulls(400, "BadRequest", what, "")


def too_many_requests(headers: dict[str, str]) -> Reply:
    """No 429 of createRun was ever published; readers must not depend on this body."""
    body = {"code": "TooManyRequests", "message": "Too many requests. Please try again later."}
    return Reply(
        status=429,
        body=dump(body),
        headers={"Content-Type": "application/json; charset=utf-8", **headers},
    )


def too_many_queries(workspace: str, a_minute: int, headers: Mapping[str, str]) -> Reply:
    """Data Factory's code and words, from the README of Andreas-bersgtedt/ADF-Migration-Planner; Synapse's own are unknown."""
    message = (
        f"Number of pipeline run queries has been exceeded for resource '{workspace}'."
        f" Maximum allowed number of run queries per minute is '{a_minute}'."
    )
    reply = nested(429, "TooManyPipelineRunQueryRequests", message)
    return replace(reply, headers={**reply.headers, **headers})


def identity_refused(status: int, message: str) -> Reply:
    """App Service's managed identity endpoint: `{"statusCode":…,"message":…}`, which msal reads."""
    return json_reply(status, {"statusCode": status, "message": message})
