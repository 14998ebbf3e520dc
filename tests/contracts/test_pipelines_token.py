"""The bearer token of a call: where it comes from and how long it is kept."""

import asyncio

import pytest

from shared.adapters.synapse import token_scope
from shared.adapters.tokens import Token, TokenSource
from shared.kernel.cloud_error import CloudError
from shared.synapse.reply import Forbidden, Found, Started, Unauthorized
from tests.contracts.calling_synapse import a_call, synapse
from tests.contracts.raw_server import ACCEPTED, RUN_ID, RawServer, answer, answers
from tests.fakes.identity import HOUR, SCOPE, Identity


def text_of(token: Token | CloudError) -> str:
    assert isinstance(token, Token), token
    return token.text


async def a_refused_token(source: TokenSource) -> Token:
    token = await source.token()
    assert isinstance(token, Token), token
    token.refused = True
    return token


@pytest.mark.parametrize(
    ("endpoint", "scope"),
    [
        ("https://w.dev.azuresynapse.net", "https://dev.azuresynapse.net/.default"),
        (
            "https://w.dev.azuresynapse.usgovcloudapi.net",
            "https://dev.azuresynapse.usgovcloudapi.net/.default",
        ),
        ("https://w.dev.azuresynapse.azure.cn", "https://dev.azuresynapse.azure.cn/.default"),
        ("https://W.DEV.AzureSynapse.Azure.CN:443/", "https://dev.azuresynapse.azure.cn/.default"),
        ("https://w.dev.azuresynapse.azure.cn.", "https://dev.azuresynapse.azure.cn/.default"),
        ("https://dev.azuresynapse.azure.cn.evil.example", "https://dev.azuresynapse.net/.default"),
        ("https://synapse.contoso.com", "https://dev.azuresynapse.net/.default"),
        ("http://127.0.0.1:8080", "https://dev.azuresynapse.net/.default"),
        ("http://[", "https://dev.azuresynapse.net/.default"),
        ("", "https://dev.azuresynapse.net/.default"),
    ],
)
def test_scope_follows_the_hosts_suffix(endpoint: str, scope: str) -> None:
    assert token_scope(endpoint) == scope


class TestKeeping:
    """One fetch serves all calls until its token's end."""

    async def test_one_fetch_serves_calls_at_once(self) -> None:
        identity = Identity()
        identity.delay = 0.01
        source = identity.source()

        tokens = await asyncio.gather(*(source.token() for _ in range(50)))

        assert {text_of(token) for token in tokens} == {"token-1"}
        assert identity.scopes == [SCOPE]
        await source.aclose()

    async def test_one_fetch_serves_later_calls(self) -> None:
        identity = Identity()
        source = identity.source()
        for _ in range(3):
            await source.token()
            identity.clock.advance(1000)

        assert identity.scopes == [SCOPE]

    async def test_token_is_renewed_before_its_end(self) -> None:
        identity = Identity()
        source = identity.source()
        await source.token()
        identity.clock.advance(HOUR - 299)

        assert text_of(await source.token()) == "token-2"
        assert len(identity.credentials) == 1

    async def test_short_lived_token_is_not_fetched_for_each_call(self) -> None:
        identity = Identity()
        identity.lifetime = 60
        source = identity.source()
        for _ in range(5):
            await source.token()
            identity.clock.advance(5)

        assert len(identity.scopes) == 1

    @pytest.mark.parametrize("lifetime", [0, -HOUR])
    async def test_token_that_seems_to_have_ended_is_used(self, lifetime: float) -> None:
        """This host's clock may be wrong: Synapse judges the token, and the next call has a new one."""
        identity = Identity()
        identity.lifetime = lifetime
        source = identity.source()

        assert text_of(await source.token()) == "token-1"
        assert text_of(await source.token()) == "token-2"

    async def test_good_token_outlasts_a_failed_renewal(self) -> None:
        """And the identity service is asked again only after a pause."""
        identity = Identity()
        source = identity.source()
        await source.token()
        identity.clock.advance(HOUR - 200)
        identity.failure = OSError()

        for _ in range(3):
            assert text_of(await source.token()) == "token-1"
        assert len(identity.scopes) == 2
        identity.clock.advance(31)
        assert text_of(await source.token()) == "token-1"
        assert len(identity.scopes) == 3

    async def test_ended_token_does_not_outlast_a_failed_renewal(self) -> None:
        identity = Identity()
        source = identity.source()
        await source.token()
        identity.clock.advance(HOUR)
        identity.failure = OSError()

        assert isinstance(await source.token(), CloudError)

    async def test_failure_is_shared_and_not_kept(self) -> None:
        identity = Identity()
        identity.failure = OSError()
        source = identity.source()

        failed = await asyncio.gather(*(source.token() for _ in range(10)))
        assert all(isinstance(token, CloudError) for token in failed)
        assert len(identity.scopes) == 1

        identity.failure = None
        assert text_of(await source.token()) == "token-2"

    async def test_cancelled_caller_does_not_take_the_token_from_others(self) -> None:
        identity = Identity()
        identity.delay = 0.02
        source = identity.source()
        first, second = (asyncio.create_task(source.token()) for _ in range(2))
        await asyncio.sleep(0.005)
        first.cancel()

        assert text_of(await second) == "token-1"
        assert first.cancelled()
        assert len(identity.scopes) == 1

    async def test_closing_closes_the_credential_and_ends_a_fetch(self) -> None:
        identity = Identity()
        source = identity.source()
        await source.token()
        identity.delay = 9
        identity.clock.advance(HOUR)
        waiting = asyncio.create_task(source.token())
        await asyncio.sleep(0.005)

        await source.aclose()

        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert identity.credentials[0].closed

    async def test_closing_what_was_never_used_is_quiet(self) -> None:
        async with synapse(credential=Identity().credential):
            pass
        await Identity().source().aclose()


class TestRefused:
    """After a 401 there is another token, once for all that were refused."""

    async def test_refused_token_takes_its_credential_with_it(self) -> None:
        """A credential's own cache would give the same token again."""
        identity = Identity()
        source = identity.source()
        await a_refused_token(source)

        assert text_of(await source.another()) == "token-2"
        assert [credential.closed for credential in identity.credentials] == [True, False]
        await source.aclose()

    async def test_token_that_was_not_refused_stays(self) -> None:
        """Another call was refused earlier, and the token is a new one by now."""
        identity = Identity()
        source = identity.source()
        first = await a_refused_token(source)
        await source.another()

        first.refused = True
        assert text_of(await source.another()) == "token-2"
        assert len(identity.credentials) == 2

    async def test_many_refused_calls_share_one_new_token(self) -> None:
        identity = Identity()
        source = identity.source()
        await a_refused_token(source)
        identity.delay = 0.01

        others = await asyncio.gather(*(source.another() for _ in range(20)))

        assert {text_of(other) for other in others} == {"token-2"}
        assert len(identity.credentials) == 2

    async def test_fetch_on_its_way_is_waited_for(self) -> None:
        """A renewal has begun when a call with the old token comes back refused."""
        identity = Identity()
        source = identity.source()
        token = await source.token()
        assert isinstance(token, Token)
        identity.clock.advance(HOUR - 100)
        identity.delay = 0.01
        renewal = asyncio.create_task(source.token())
        await asyncio.sleep(0)
        token.refused = True

        assert text_of(await source.another()) == "token-2"
        assert text_of(await renewal) == "token-2"
        assert len(identity.credentials) == 1

    async def test_refused_token_is_not_used_where_no_other_can_be_had(self) -> None:
        identity = Identity()
        source = identity.source()
        await a_refused_token(source)
        identity.failure = OSError()

        assert isinstance(await source.another(), CloudError)
        assert text_of(await source.token()) == "token-1", (
            "kept: other calls may be allowed with it"
        )

    async def test_credential_that_does_not_close_is_let_go(self) -> None:
        identity = Identity()
        source = identity.source()
        await a_refused_token(source)

        async def fail() -> None:
            raise OSError

        identity.credentials[0].close = fail  # type: ignore[method-assign]  # one that fails

        assert text_of(await source.another()) == "token-2"

    async def test_call_after_a_401_brings_another_token(self) -> None:
        identity = Identity()
        refusal = answer(401, {"code": "Unauthorized", "message": "m"})
        async with (
            RawServer(answers(refusal, ACCEPTED)) as server,
            synapse(credential=identity.credential) as pipelines,
        ):
            assert await pipelines.authorize(server.url) is None
            assert isinstance(await pipelines.create_run(a_call(server.url)), Unauthorized)
            assert await pipelines.authorize(server.url, refused=True) is None
            assert isinstance(await pipelines.create_run(a_call(server.url)), Started)

        assert [request.headers["authorization"] for request in server.arrived] == [
            "Bearer token-1",
            "Bearer token-2",
        ]

    async def test_calls_refused_at_once_bring_one_other_token(self) -> None:
        identity = Identity()
        refusal = answer(401, {"code": "Unauthorized", "message": "m"})
        async with (
            RawServer(answers(refusal)) as server,
            synapse(credential=identity.credential) as pipelines,
        ):

            async def call() -> None:
                assert isinstance(await pipelines.create_run(a_call(server.url)), Unauthorized)
                assert await pipelines.authorize(server.url, refused=True) is None

            await asyncio.gather(*(call() for _ in range(10)))

        assert len(identity.credentials) == 2
        assert len(server.arrived) == 10

    async def test_create_run_waits_for_no_renewal(self) -> None:
        """Its caller has looked at the lease just before."""
        identity = Identity()
        async with (
            RawServer(answers(ACCEPTED)) as server,
            synapse(credential=identity.credential, clock=identity.clock) as pipelines,
        ):
            assert await pipelines.authorize(server.url) is None
            identity.clock.advance(HOUR - 299)
            assert isinstance(await pipelines.create_run(a_call(server.url)), Started)
            assert len(identity.scopes) == 1
            assert await pipelines.authorize(server.url) is None
            assert len(identity.scopes) == 2

    async def test_a_look_with_a_stale_token_is_made_again_with_another_one(self) -> None:
        identity = Identity()
        refusal = answer(401, {"code": "Unauthorized", "message": "m"})
        found = answer(200, {"runId": RUN_ID, "pipelineName": "copy", "status": "Queued"})
        async with (
            RawServer(answers(refusal, refusal, found)) as server,
            synapse(credential=identity.credential, clock=identity.clock) as pipelines,
        ):
            assert isinstance(await pipelines.find_run(server.url, RUN_ID), Forbidden)
            assert len(server.arrived) == 1, "a fresh token that is refused is not replaced"
            identity.clock.advance(61)
            assert isinstance(await pipelines.find_run(server.url, RUN_ID), Found)

        assert [request.headers["authorization"] for request in server.arrived] == [
            "Bearer token-1",
            "Bearer token-1",
            "Bearer token-2",
        ]

    async def test_fifty_looks_that_are_refused_take_two_credentials(self) -> None:
        """Who may not look is answered 401 each time: that is no reason to fetch a token each time."""
        identity = Identity()
        refusal = answer(401, {"code": "Unauthorized", "message": "m"})
        async with (
            RawServer(answers(*[refusal] * 100)) as server,
            synapse(credential=identity.credential, clock=identity.clock) as pipelines,
        ):
            await pipelines.authorize(server.url)
            identity.clock.advance(61)
            now = identity.clock.now()
            for _ in range(10):
                await pipelines.find_run(server.url, RUN_ID)
                await pipelines.get_run(server.url, RUN_ID)
                await pipelines.cancel_run(server.url, RUN_ID)
                await pipelines.query_runs(server.url, b"{}")
                await pipelines.recent_runs(server.url, "copy", now, now)

        assert len(identity.credentials) == 2
        assert len(server.arrived) == 51

    async def test_looks_refused_at_once_are_all_made_again(self) -> None:
        """Each judges the token that it sent, not the one that another look has fetched meanwhile."""
        identity = Identity()
        refusal = answer(401, {"code": "Unauthorized", "message": "m"})
        found = answer(200, {"runId": RUN_ID, "pipelineName": "copy", "status": "Queued"})
        async with (
            RawServer(*[answers(refusal, found)] * 4) as server,
            synapse(credential=identity.credential, clock=identity.clock) as pipelines,
        ):
            await pipelines.authorize(server.url)
            identity.clock.advance(600)
            looks = await asyncio.gather(
                *(pipelines.find_run(server.url, RUN_ID) for _ in range(4))
            )

        assert [type(look) for look in looks] == [Found] * 4
        assert len(identity.credentials) == 2

    async def test_clouds_have_tokens_of_their_own(self) -> None:
        identity = Identity()
        async with synapse(credential=identity.credential) as pipelines:
            await pipelines.authorize("https://a.dev.azuresynapse.net")
            await pipelines.authorize("https://b.dev.azuresynapse.net")
            await pipelines.authorize("https://c.dev.azuresynapse.azure.cn")

        assert identity.scopes == [SCOPE, "https://dev.azuresynapse.azure.cn/.default"]
        assert all(credential.closed for credential in identity.credentials)
