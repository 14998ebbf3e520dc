"""The open probe: its answer is kept for a while, so that strangers can't make the app ask its storage."""

from shared.cloud_error import CloudError
from shared.triggers.health import KEPT_SECONDS, Readiness
from tests.fakes.clock import FakeClock

FAULT = CloudError(code="GatewayUnavailable", message="Away.")


async def test_what_was_found_is_kept_for_a_while() -> None:
    clock, looks = FakeClock(), [(FAULT,), ()]

    async def look() -> tuple[CloudError, ...]:
        return looks.pop(0)

    readiness = Readiness(clock, look)

    assert await readiness() == (FAULT,)
    clock.advance(KEPT_SECONDS - 0.1)
    assert await readiness() == (FAULT,)
    clock.advance(0.1)
    assert await readiness() == ()
    assert looks == []
