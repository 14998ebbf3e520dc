"""Names of secrets are known in every usual spelling, and ordinary names are left alone."""

import pytest

from shared.redaction.names import COMPOUNDS, ENDINGS, EXCEPTIONS, ROOTS, WORDS, is_secret


@pytest.mark.parametrize(
    "name",
    [
        "password", "api_key", "apiKey", "APIKey", "x-api-key", "connectionString", "connection_string",
        "ConnectionStrings", "clientSecret", "SAS", "sasUrl", "SASUrl", "credential", "credentials",
        "account.key", "storageKey2", "key1", "Key", "dbPwd", "token", "refreshToken",
        # without borders, and with borders in odd places
        "apikey", "APIKEY", "accesstoken", "clientsecret", "DBPASSWORD", "MySQLpassword", "sastoken",
        "sqlconnectionstring", "pass_word", "SASurl", "DBkey", "APIkey",
        "sharedAccessSignature", "sharedaccesssignature", "storageaccountkey", "STORAGEACCOUNTKEY", "connString",
        "conn_str", "sqlConnString", "myappapikey",
        # an exception excuses its own word alone
        "partitionKeySecret", "partitionKeyConnectionString", "secretNamePassword",
        "primaryKey",  # as Azure calls an access key
    ],
)  # fmt: skip
def test_the_name_of_a_secret(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "monkey", "turkey", "hockey", "keyboard", "tokenizer", "secretary", "saskatoon", "signal", "design",
        "partitionKey", "partition_key", "PARTITION_KEY", "XMLPartitionKey", "primaryKeyColumn", "rowKey",
        "keyVaultName", "secretName", "maxTokens", "path", "fileName", "", "1", "ключ",
    ],
)  # fmt: skip
def test_an_ordinary_name(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(("before", "after"), sorted(EXCEPTIONS))
def test_every_exception_excuses_a_name_that_would_be_secret(before: str, after: str) -> None:
    """An exception that excuses nothing, or that a compound overrules, should not be in the data."""
    assert is_secret(before) or is_secret(after)
    assert not is_secret(f"{before}_{after}")
    assert not is_secret(before + after.capitalize())


@pytest.mark.parametrize("word", sorted(WORDS | COMPOUNDS | {*ROOTS, *ENDINGS}))
def test_every_word_counts_in_every_position(word: str) -> None:
    for name in (word, word.upper(), f"the_{word}", f"{word}-2", f"my{word.capitalize()}Of"):
        assert is_secret(name)
