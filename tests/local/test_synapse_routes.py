import pytest

from local.synapse.routes import Operation, Target, target


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/pipelines/My%20Pipe/createRun", Target(Operation.CREATE_RUN, "My Pipe")),
        ("POST", "/pipelines/%C3%BCber/createRun/", Target(Operation.CREATE_RUN, "über")),
        ("GET", "/pipelines/copy", Target(Operation.GET_PIPELINE, "copy")),
        ("GET", "/pipelineruns/a-b", Target(Operation.GET_RUN, run_id="a-b")),
        ("POST", "/pipelineruns/a-b/cancel", Target(Operation.CANCEL_RUN, run_id="a-b")),
        ("POST", "/queryPipelineRuns", Target(Operation.QUERY_RUNS)),
        (
            "POST",
            "/pipelines/copy/pipelineruns/a-b/queryActivityruns",
            Target(Operation.QUERY_ACTIVITY_RUNS, "copy", "a-b"),
        ),
        ("GET", "/identity", Target(Operation.TOKEN)),
        ("GET", "/identity/keys", Target(Operation.KEYS)),
        ("GET", "/a-tenant/discovery/v2.0/keys", Target(Operation.KEYS)),
        ("GET", "/t/v2.0/.well-known/openid-configuration", Target(Operation.DISCOVERY)),
        ("GET", "/pipelines/copy/createRun", Target(Operation.UNKNOWN)),
        ("POST", "/pipelines/a%2Fb/createRun", Target(Operation.CREATE_RUN, "a/b")),
        ("GET", "/", Target(Operation.UNKNOWN)),
    ],
)
def test_a_request_is_known_by_method_and_path(method: str, path: str, expected: Target) -> None:
    """Names are percent-decoded after the path was split."""
    assert target(method, path) == expected
