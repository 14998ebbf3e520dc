"""Reads where the account's tables or queues are, and how calls to them are authorised.

The rules are those of Azure's libraries, where these agree: names of settings in any case, an endpoint before the
name of the account, https and the public cloud where nothing else is said. An endpoint of blobs says nothing here.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NoReturn

from shared.adapters.storage.facts import ByConnectionString, ByIdentity
from shared.kernel.errors import StorageUnavailable

_PUBLIC: Final = "core.windows.net"
# The emulator's documented account: its key is the same everywhere, and opens nothing else.
_DEVELOPMENT_ACCOUNT: Final = "devstoreaccount1"
_DEVELOPMENT_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_ENDPOINT: Final = re.compile(
    r"(?P<origin>(?P<scheme>https?)://(?:[\w.-]+|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?)"
    r"(?P<path>(?:/[\w.~%-]*)*)",
    re.ASCII | re.IGNORECASE,
)


class Service(StrEnum):
    """A service of the account, by its name in addresses."""

    TABLE = "table"
    QUEUE = "queue"


_DEVELOPMENT_PORTS: Final = {Service.QUEUE: 10001, Service.TABLE: 10002}


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKey:
    """The account's key, which signs each call."""

    account: str
    text: str = field(repr=False)  #: the key, in base64
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sas:
    """A shared access signature, which is added to the query of each call as it is."""

    query: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The address of one service of the account."""

    origin: str  #: such as https://account.table.core.windows.net
    path: str  #: before that of every call; empty, or /account at an emulator
    credential: SharedKey | Sas | None  #: None: a token

    @property
    def url(self) -> str:
        """The address as one text, without a slash at its end."""
        return self.origin + self.path


def find(place: ByConnectionString | ByIdentity, service: Service) -> Endpoint:
    """Return a service's address. Raises `StorageUnavailable`, quoting nothing."""
    match place:
        case ByConnectionString(text=text):
            return _of_settings(_settings(text), service)
        case ByIdentity(table_uri=table_uri, queue_uri=queue_uri):
            endpoint = _endpoint(table_uri if service is Service.TABLE else queue_uri, None)
            if not endpoint.origin.lower().startswith("https:"):
                _refuse("a token is sent over https only")
            return endpoint


def _settings(text: str) -> Mapping[str, str]:
    """Split a connection string; the names are in lower case."""
    pairs = [part.partition("=") for part in text.strip().rstrip(";").split(";")]
    found = {name.lower(): value for name, _, value in pairs}
    if not all(name and value for name, _, value in pairs) or len(found) != len(pairs):
        _refuse("it is no list of names and values")
    return found


def _of_settings(given: Mapping[str, str], service: Service) -> Endpoint:
    if given.get("usedevelopmentstorage", "").lower() == "true":
        url = f"http://127.0.0.1:{_DEVELOPMENT_PORTS[service]}/{_DEVELOPMENT_ACCOUNT}"
        return _endpoint(url, _key(_DEVELOPMENT_ACCOUNT, _DEVELOPMENT_KEY))
    return _endpoint(_url(given, service), _credential(given))


def _url(given: Mapping[str, str], service: Service) -> str:
    endpoint, account = given.get(f"{service}endpoint"), given.get("accountname")
    if endpoint is not None:
        return endpoint
    if account is None or f"{service}secondaryendpoint" in given:
        _refuse("it names no account")
    protocol = given.get("defaultendpointsprotocol", "https")
    suffix = given.get("endpointsuffix", _PUBLIC)
    return f"{protocol}://{account}.{service}.{suffix}"


def _credential(given: Mapping[str, str]) -> SharedKey | Sas:
    account, key = given.get("accountname"), given.get("accountkey")
    if account is not None and key is not None:
        return _key(account, key)
    signature = given.get("sharedaccesssignature", "").removeprefix("?")
    if not signature:
        _refuse("it has neither a key nor a signature")
    return Sas(query=signature)


def _key(account: str, key: str) -> SharedKey:
    try:
        return SharedKey(account=account, text=key, key=base64.b64decode(key, validate=True))
    except ValueError:
        _refuse("its key is not base64")


def _endpoint(url: str, credential: SharedKey | Sas | None) -> Endpoint:
    found = _ENDPOINT.fullmatch(url if "://" in url else f"https://{url}")
    if found is None or int(found["port"] or 0) > 65535:
        _refuse("an endpoint of it is no address")
    return Endpoint(origin=found["origin"], path=found["path"].rstrip("/"), credential=credential)


def _refuse(why: str) -> NoReturn:
    msg = f"The storage account's address can't be used: {why}."
    raise StorageUnavailable(msg) from None
