"""Where the account is, and how its calls are authorised: shared/adapters/storage/address.py."""

import random
from collections.abc import Mapping

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient
from hypothesis import assume, given, settings, strategies as st

from shared.adapters.storage.address import Endpoint, Sas, Service, SharedKey, find
from shared.adapters.storage.facts import ByConnectionString, ByIdentity
from shared.kernel.errors import StorageUnavailable
from tests.examples import examples

KEY = "c2VjcmV0"
EMULATED = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
SAS = "sv=2021-08-06&ss=qt&sig=a%2Bb%2F%3D"


def found(text: str, service: Service = Service.TABLE) -> Endpoint:
    return find(ByConnectionString(text=text), service)


@pytest.mark.parametrize(
    ("text", "table", "queue"),
    [
        (
            f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY};EndpointSuffix=core.chinacloudapi.cn",
            "https://a.table.core.chinacloudapi.cn",
            "https://a.queue.core.chinacloudapi.cn",
        ),
        (
            f"AccountName=a;AccountKey={KEY}",
            "https://a.table.core.windows.net",
            "https://a.queue.core.windows.net",
        ),
        (
            f"ACCOUNTNAME=a;accountkey={KEY};DEFAULTENDPOINTSPROTOCOL=http;",
            "http://a.table.core.windows.net",
            "http://a.queue.core.windows.net",
        ),
        (
            f"AccountName=a;AccountKey={KEY};TableEndpoint=https://t.example/;QueueEndpoint=https://q.example:8443",
            "https://t.example",
            "https://q.example:8443",
        ),
        (
            f"AccountName=a;AccountKey={KEY};TableEndpoint=t.example;QueueEndpoint=http://[::1]:10001/a/",
            "https://t.example",
            "http://[::1]:10001/a",
        ),
        (
            f"BlobEndpoint=http://127.0.0.1:10000/a;AccountName=a;AccountKey={KEY}",
            "https://a.table.core.windows.net",
            "https://a.queue.core.windows.net",
        ),
    ],
)
def test_an_endpoint_is_given_or_made_of_the_accounts_name(
    text: str, table: str, queue: str
) -> None:
    assert found(text, Service.TABLE).url == table
    assert found(text, Service.QUEUE).url == queue
    assert found(text).credential == SharedKey(account="a", text=KEY, key=b"secret")


@pytest.mark.parametrize("text", ["UseDevelopmentStorage=true", " usedevelopmentstorage=True; "])
def test_the_emulator_has_its_documented_account(text: str) -> None:
    assert found(text, Service.TABLE).url == "http://127.0.0.1:10002/devstoreaccount1"
    assert found(text, Service.QUEUE).url == "http://127.0.0.1:10001/devstoreaccount1"
    credential = found(text).credential
    assert isinstance(credential, SharedKey)
    assert (credential.account, credential.text) == ("devstoreaccount1", EMULATED)


def test_an_emulators_account_stands_in_the_path() -> None:
    endpoint = found(
        f"AccountName=a;AccountKey={KEY};TableEndpoint=http://127.0.0.1:10002/devstoreaccount1/"
    )

    assert (endpoint.origin, endpoint.path) == ("http://127.0.0.1:10002", "/devstoreaccount1")


@pytest.mark.parametrize("mark", ["", "?"])
def test_a_signature_stays_as_it_is(mark: str) -> None:
    text = f"SharedAccessSignature={mark}{SAS};TableEndpoint=https://a.table.core.windows.net/"

    assert found(text).credential == Sas(query=SAS)


def test_a_key_wins_over_a_signature() -> None:
    endpoint = found(f"AccountName=a;AccountKey={KEY};SharedAccessSignature={SAS}")

    assert isinstance(endpoint.credential, SharedKey)


def test_an_identity_has_an_address_for_each_service() -> None:
    place = ByIdentity(
        queue_uri="https://a.queue.core.windows.net/",
        table_uri="https://a.table.core.windows.net",
        credential=lambda: pytest.fail("no token is needed"),
    )

    assert find(place, Service.TABLE) == Endpoint(
        origin="https://a.table.core.windows.net", path="", credential=None
    )
    assert find(place, Service.QUEUE).url == "https://a.queue.core.windows.net"


@pytest.mark.parametrize("uri", ["http://a.table.core.windows.net", "ftp://a", "", "https://u:p@a"])
def test_a_token_goes_to_an_https_address_only(uri: str) -> None:
    place = ByIdentity(queue_uri=uri, table_uri=uri, credential=lambda: pytest.fail("not asked"))

    with pytest.raises(StorageUnavailable, match="address can't be used"):
        find(place, Service.TABLE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "hunter2",
        "=hunter2",
        "AccountName=;AccountKey=hunter2",
        "AccountName=hunter2;accountname=hunter2;AccountKey=c2VjcmV0",
        "AccountName=a;AccountKey=hunter2",
        "AccountName=hunter2",
        "SharedAccessSignature=hunter2",
        "AccountName=a;AccountKey=c2VjcmV0;TableSecondaryEndpoint=https://hunter2",
        "AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=ftp://hunter2",
        "AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=https://hunter2:99999",
        "AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=https://a?sig=hunter2",
        "AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=https://hunter2@a",
        "AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=http://[::1",
        "AccountName=a b;AccountKey=c2VjcmV0",
        "AccountName=ä;AccountKey=c2VjcmV0",
    ],
)
def test_what_is_no_address_is_said_without_quoting_it(text: str) -> None:
    with pytest.raises(StorageUnavailable, match="address can't be used") as caught:
        found(text)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


@given(st.text() | st.from_regex(r"(Table|Queue)Endpoint=.*;AccountName=.*;AccountKey=c2VjcmV0"))
def test_any_text_is_an_address_or_none(text: str) -> None:
    """And the credential does not show."""
    try:
        endpoint = found(text)
    except StorageUnavailable:
        return
    assert endpoint.origin.isascii()
    assert not any(part in repr(endpoint) for part in ("key=", "text=", "query="))


HOSTS = st.sampled_from(
    ["http://127.0.0.1:10002/a", "https://t.example", "https://t.example/", "t.example/a/"]
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "AccountName": st.sampled_from(["a", "account2"]),
        "AccountKey": st.just(KEY),
        "SharedAccessSignature": st.sampled_from([SAS, f"?{SAS}"]),
        "DefaultEndpointsProtocol": st.sampled_from(["http", "https"]),
        "EndpointSuffix": st.sampled_from(["core.windows.net", "core.usgovcloudapi.net"]),
        "TableEndpoint": HOSTS,
        "QueueEndpoint": HOSTS,
        "BlobEndpoint": HOSTS,
        "TableSecondaryEndpoint": HOSTS,
        "QueueSecondaryEndpoint": HOSTS,
    },
)


@settings(max_examples=examples(300))
@given(SETTINGS, st.randoms(use_true_random=False), st.booleans())
def test_azures_libraries_find_the_same(
    given: Mapping[str, str], shuffle: random.Random, is_upper: bool
) -> None:
    """Or nothing either."""
    assume("AccountKey" not in given or "AccountName" in given)  # the library asks for a credential
    # Without a suffix the libraries overlook the protocol.
    assume("DefaultEndpointsProtocol" not in given or "EndpointSuffix" in given)
    pairs = [f"{name.upper() if is_upper else name}={value}" for name, value in given.items()]
    shuffle.shuffle(pairs)
    text = ";".join(pairs)

    assert _ours(text, Service.TABLE) == _of_table_library(text)
    if "AccountKey" in given or "SharedAccessSignature" in given:  # the queue library needs none
        assert _ours(text, Service.QUEUE) == _of_queue_library(text)


def _ours(text: str, service: Service) -> tuple[str, str | None] | None:
    try:
        endpoint = found(text, service)
    except StorageUnavailable:
        return None
    credential = endpoint.credential
    return endpoint.url, credential.account if isinstance(credential, SharedKey) else None


def _of_table_library(text: str) -> tuple[str, str | None] | None:
    try:
        client = TableClient.from_connection_string(text, "runs")
    except ValueError:
        return None
    key = client.credential
    account = key.named_key.name if isinstance(key, AzureNamedKeyCredential) else None
    return f"{client.scheme}://{client._primary_hostname}", account


def _of_queue_library(text: str) -> tuple[str, str | None] | None:
    try:
        client = QueueClient.from_connection_string(text, "run-results")
    except ValueError:
        return None
    account = getattr(client.credential, "account_name", None)
    return f"{client.scheme}://{client.primary_hostname}", account
