"""A directory that signs tokens and publishes its keys, over loopback HTTP."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

TENANT = "11111111-1111-4111-8111-111111111111"
CLAIMS = {"sub": "somebody", "tid": TENANT}


@cache
def private_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key costs a tenth of a second, and one of the same name is as good in the next test."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def jwk(name: str, **changes: Any) -> dict[str, Any]:
    """A key as it is published; a field that is None is left out."""
    public = RSAAlgorithm.to_jwk(private_key(name).public_key(), as_dict=True)
    fields = {
        "kty": "RSA",
        "use": "sig",
        "kid": name,
        "x5t": name,
        "n": public["n"],
        "e": public["e"],
    }
    issuer = {"issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0"}
    return {
        field: value for field, value in (fields | issuer | changes).items() if value is not None
    }


def token(name: str, claims: dict[str, Any] | None = None, **headers: Any) -> str:
    """Sign as Entra does."""
    kid = {"kid": name, "x5t": name}
    return jwt.encode(claims or CLAIMS, private_key(name), "RS256", headers=kid | headers)


def public_pem(name: str) -> bytes:
    key = private_key(name).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def by_hand(header: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """What no library makes."""
    text = b".".join(_base64(json.dumps(part).encode()) for part in (header, CLAIMS))
    return (text + b"." + _base64(sign(text))).decode()


def with_secret(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda text: hmac.digest(secret, text, hashlib.sha256)


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


Respond = Callable[[], Awaitable[web.Response]]


class Directory:
    """What it answers can be changed at any time; `asked` counts."""

    def __init__(self) -> None:
        self.keys: list[Any] = [jwk("first")]
        self.asked = 0
        self.paths: list[str] = []
        self.answer: Respond = self.publish
        self.url = ""

    async def publish(self) -> web.Response:
        return web.json_response({"keys": self.keys})

    async def fail(self) -> web.Response:
        return web.Response(status=503)

    def say(self, body: bytes, status: int = 200, **headers: str) -> None:
        async def respond() -> web.Response:
            return web.Response(body=body, status=status, headers=headers)

        self.answer = respond

    def hold(self) -> asyncio.Event:
        """Let each answer wait for the event."""
        go = asyncio.Event()

        async def respond() -> web.Response:
            await go.wait()
            return await self.publish()

        self.answer = respond
        return go

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.asked += 1
        self.paths.append(request.path)
        return await self.answer()


@asynccontextmanager
async def serving() -> AsyncIterator[Directory]:
    directory = Directory()
    runner = web.ServerRunner(web.Server(directory.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    directory.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield directory
    finally:
        await runner.cleanup()
