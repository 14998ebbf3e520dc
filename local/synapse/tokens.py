"""Signs tokens, and checks given ones.

Keys are made when the process starts and known by nobody else: a token from here is worth nothing anywhere.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm
from pydantic import Field

from local.wire import Wire

CURRENT = "current"
REMEMBERED = 10_000


class Signature(Wire):
    """How a token is signed: with which key (made on first use), by which algorithm, under which header fields."""

    key: str = CURRENT
    algorithm: str = "RS256"
    headers: Mapping[str, Any] = Field(default_factory=dict)


class TokenRefused(Exception):
    """The token is not signed by a published key, out of its time, or no token."""


class AudienceRefused(Exception):
    """The token is good, but for somebody else."""


class Keys:
    """Private keys by name; only the published ones are in the key set."""

    def __init__(self) -> None:
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._published: dict[str, rsa.RSAPublicKey] = {}
        self.rotate(keep=False)

    def rotate(self, *, keep: bool) -> str:
        """Sign with a new key from now on; the old ones stay published if asked to. Gives the new kid."""
        key = self._keys[CURRENT] = _new_key()
        if not keep:
            self._published.clear()
        self._published[kid(key)] = key.public_key()
        return kid(key)

    def published(self, key_id: str | None) -> rsa.RSAPublicKey | None:
        return self._published.get(key_id or "")

    def jwks(self) -> dict[str, Any]:
        """Give the key set in RFC 7517's form, with the fields that Entra adds."""
        shown = []
        for key_id, key in self._published.items():
            numbers: dict[str, Any] = RSAAlgorithm.to_jwk(key, as_dict=True)
            fields = {"kty": "RSA", "use": "sig", "kid": key_id, "alg": "RS256"}
            shown.append({**fields, "n": numbers["n"], "e": numbers["e"]})
        return {"keys": shown}

    def sign(self, claims: Mapping[str, Any], signature: Signature) -> str:
        if signature.key not in self._keys:
            self._keys[signature.key] = _new_key()
        key = self._keys[signature.key]
        headers = {"kid": kid(key), **signature.headers}
        if signature.algorithm == "HS256":
            return _signed_with_public_key(claims, headers, key)
        secret = "" if signature.algorithm == "none" else key
        return jwt.encode(dict(claims), secret, algorithm=signature.algorithm, headers=headers)


@dataclass(frozen=True, slots=True)
class Verified:
    claims: Mapping[str, Any]
    not_before: float
    expires: float
    audience: Any


class Verifier:
    """Checks signature, time and audience; what a signature is worth is remembered by the token's text."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: dict[str, Verified] = {}

    def forget(self) -> None:
        self._known.clear()

    def claims(self, token: str, audience: str, now: float) -> Mapping[str, Any]:
        known = self._known.get(token) or self._learn(token)
        if not known.not_before <= now < known.expires:
            raise TokenRefused
        if audience not in (
            known.audience if isinstance(known.audience, list) else [known.audience]
        ):
            raise AudienceRefused
        return known.claims

    def _learn(self, token: str) -> Verified:
        try:
            key = self._keys.published(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise TokenRefused
            options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
            options |= {"verify_aud": False, "require": ["exp"]}
            claims = jwt.decode(token, key, algorithms=["RS256"], options=options)
            known = Verified(
                claims, float(claims.get("nbf", 0)), float(claims["exp"]), claims.get("aud")
            )
        except (jwt.InvalidTokenError, TypeError, ValueError) as fault:
            raise TokenRefused from fault
        if len(self._known) >= REMEMBERED:
            self.forget()
        self._known[token] = known
        return known


def kid(key: rsa.RSAPrivateKey) -> str:
    """Derive a short name from the public key itself."""
    return base64.urlsafe_b64encode(hashlib.sha256(_pem(key)).digest()[:15]).decode()


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _signed_with_public_key(
    claims: Mapping[str, Any], headers: Mapping[str, Any], key: rsa.RSAPrivateKey
) -> str:
    """Make the classic forgery: HMAC with the public key as its secret. PyJWT refuses to, and rightly so."""
    head = {"typ": "JWT", "alg": "HS256", **headers}
    text = b".".join(_base64(json.dumps(part).encode()) for part in (head, dict(claims)))
    return (text + b"." + _base64(hmac.digest(_pem(key), text, "sha256"))).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
