"""A hook's secrets are read from its app setting, and nothing of them is ever told."""

import base64
import json

import pytest

from shared.auth.webhook_secrets import read
from shared.config.gateway_json import Hook
from shared.kernel.cloud_error import CloudError

GITHUB = Hook(scheme="github")
STANDARD = Hook(scheme="standard-webhooks")
BASE64 = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = base64.b64decode(BASE64)
OTHER = b"0123456789abcdefg"
UNPADDED = base64.b64encode(OTHER).decode().rstrip("=")


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        (f"whsec_{BASE64}", (KEY,)),
        (BASE64, (KEY,)),
        (f" whsec_{BASE64} ", (KEY,)),
        (f"whsec_{BASE64} whsec_{UNPADDED}", (KEY, OTHER)),
        (f"whsec_{BASE64},whsec_{UNPADDED}=", (KEY, OTHER)),
        (f"whsec_{UNPADDED}\nwhsec_{BASE64}", (OTHER, KEY)),
        (json.dumps([f"whsec_{BASE64}", UNPADDED]), (KEY, OTHER)),
    ],
)
def test_secrets_of_standard_webhooks_are_base64(text: str, secrets: tuple[bytes, ...]) -> None:
    assert read("billing", STANDARD, text) == secrets


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("It's a Secret to Everybody", (b"It's a Secret to Everybody",)),
        ('["It\'s a Secret to Everybody", "another, with a comma"]',
         (b"It's a Secret to Everybody", b"another, with a comma")),
    ],
)  # fmt: skip
def test_secrets_of_github_are_texts(text: str, secrets: tuple[bytes, ...]) -> None:
    assert read("github", GITHUB, text) == secrets


@pytest.mark.parametrize("hook", [GITHUB, STANDARD], ids=["github", "standard"])
@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "   ",
        "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/hook)",
        "@Microsoft.AppConfiguration(Endpoint=https://c.azconfig.io; Key=hook)",
        "  @microsoft.keyvault(VaultName=v;SecretName=hook)",
        '["@Microsoft.KeyVault(VaultName=v;SecretName=hook)"]',
        json.dumps([BASE64, "@microsoft.appconfiguration(Endpoint=https://c.azconfig.io)"]),
        "a" * 16,
        "A" * 24,
        json.dumps([" " * 16]),
        json.dumps(["\t \n" * 8]),
        "short",
        "[]",
        "[1]",
        "[",
        '["\\ud800-0123456789abcdef"]',
        json.dumps([BASE64, ""]),
    ],
)
def test_what_holds_no_secret_is_told_by_the_settings_name(hook: Hook, text: str | None) -> None:
    found = read("my-hook", hook, text)

    assert isinstance(found, CloudError)
    assert (found.code, found.target) == ("InvalidSetting", "HOOK_MY_HOOK_SECRETS")


@pytest.mark.parametrize("text", ["whpk_" + BASE64, "whsec_?" + BASE64, f"{BASE64} ä{BASE64}"])
def test_no_secret_is_quoted(text: str) -> None:
    found = read("billing", STANDARD, text)

    assert isinstance(found, CloudError)
    assert BASE64 not in str(found)
