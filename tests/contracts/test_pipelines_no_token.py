"""No token can be had: nothing is sent, and what is said holds nothing of the foreign text."""

from collections.abc import Callable

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError
from azure.identity.aio import ManagedIdentityCredential

from shared.adapters.tokens import Credential, TokenSource
from shared.kernel.cloud_error import CloudError
from shared.synapse.reply import NotSent, Unreachable
from tests.contracts.calling_synapse import a_call, synapse
from tests.contracts.raw_server import ACCEPTED, RUN_ID, RawServer, answer, answers, hang
from tests.fakes.clock import FakeClock
from tests.fakes.identity import SCOPE, Identity

SECRET = "planted-secret"


class TestFailures:
    """Without a token nothing is sent, and what is said holds nothing of the foreign text."""

    @pytest.mark.parametrize(
        ("failure", "words"),
        [
            (
                CredentialUnavailableError(message=f"no identity {SECRET}"),
                (
                    "this host offers no identity (AZURE_CLIENT_ID names a user-assigned one)"
                    " [CredentialUnavailableError]"
                ),
            ),
            (
                ClientAuthenticationError(message=f"AADSTS7000215: bad secret {SECRET}"),
                "the identity service refused it [ClientAuthenticationError, AADSTS7000215]",
            ),
            (
                ServiceRequestError(message=SECRET),
                "the identity service could not be asked [ServiceRequestError]",
            ),
            (ValueError(SECRET), "the identity service could not be asked [ValueError]"),
            (
                TimeoutError(SECRET),
                "the identity service did not answer within 0.05 s [TimeoutError]",
            ),
        ],
    )
    async def test_failure_says_why_in_our_own_words(self, failure: Exception, words: str) -> None:
        identity = Identity()
        identity.failure = failure

        assert await identity.source().token() == CloudError(
            code="GatewayUnavailable",
            message=f"No token for {SCOPE} could be had: {words}. Nothing was sent.",
        )

    async def test_slow_service_is_not_waited_for(self) -> None:
        identity = Identity()
        identity.delay = 9

        error = await identity.source().token()

        assert isinstance(error, CloudError)
        assert "did not answer within 0.05 s" in error.message

    async def test_credential_that_can_not_be_made_is_a_failure(self) -> None:
        def fail() -> Credential:
            raise ImportError(SECRET)

        error = await TokenSource(SCOPE, fail, FakeClock()).token()

        assert isinstance(error, CloudError)
        assert SECRET not in error.message

    async def test_nothing_is_sent_without_a_token(self) -> None:
        identity = Identity()
        identity.failure = OSError(SECRET)
        async with (
            RawServer(answers(ACCEPTED)) as server,
            synapse(credential=identity.credential) as pipelines,
        ):
            refusal = await pipelines.authorize(server.url)
            reply = await pipelines.create_run(a_call(server.url))
            look = await pipelines.find_run(server.url, RUN_ID)
            now = identity.clock.now()
            seen = await pipelines.recent_runs(server.url, "copy", now, now)

        assert isinstance(refusal, NotSent)
        assert refusal.error.code == "GatewayUnavailable"
        assert reply == refusal
        assert look == Unreachable(error=refusal.error)
        assert seen == look
        assert server.connections == 0


class TestManagedIdentity:
    """azure-identity's own credential, with an identity endpoint that is down, slow or refuses."""

    @pytest.fixture
    def at(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        def point(url: str) -> None:
            monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/identity")
            monkeypatch.setenv("IDENTITY_HEADER", SECRET)

        return point

    @pytest.mark.parametrize(
        "refusal",
        [
            answer(400, {"statusCode": 400, "message": "No identity"}),
            answer(401, {"statusCode": 401, "message": "The header is wrong"}),
            answer(200, b"nonsense"),
            answer(500),
        ],
    )
    async def test_endpoint_refuses(self, refusal: bytes, at: Callable[[str], None]) -> None:
        async with RawServer(answers(refusal)) as service:
            at(service.url)
            await self.assert_nothing_is_sent()

        assert service.arrived[0].headers["x-identity-header"] == SECRET

    async def test_endpoint_is_slow(self, at: Callable[[str], None]) -> None:
        async with RawServer(hang) as service:
            at(service.url)
            await self.assert_nothing_is_sent()

    async def test_endpoint_is_down(self, at: Callable[[str], None]) -> None:
        async with RawServer(answers()) as service:
            pass
        at(service.url)
        await self.assert_nothing_is_sent()

    async def assert_nothing_is_sent(self) -> None:
        async with (
            RawServer(answers(ACCEPTED)) as server,
            synapse(credential=ManagedIdentityCredential) as pipelines,
        ):
            reply = await pipelines.create_run(a_call(server.url))

        assert isinstance(reply, NotSent)
        assert reply.error.code == "GatewayUnavailable"
        assert SECRET not in reply.error.message
        assert server.connections == 0
