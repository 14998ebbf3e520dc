"""Reads the secrets that an app setting holds for a sender of webhooks.

There are several while one is renewed: as a JSON array of texts; those of Standard Webhooks also separated by spaces or
commas, which they can't contain. No message quotes anything of the setting.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Final

from shared.config.gateway_json import Hook
from shared.config.settings import fault
from shared.kernel.cloud_error import CloudError

#: Standard Webhooks' own have 24 to 64 bytes; a shorter one than this can be guessed.
MIN_BYTES: Final = 16
#: The beginning of the setting's value if Azure can't resolve a reference: anyone can guess that text.
_UNRESOLVED: Final = ("@microsoft.keyvault(", "@microsoft.appconfiguration(")


def read_all(
    hooks: Mapping[str, Hook], environment: Mapping[str, str]
) -> dict[str, tuple[bytes, ...] | CloudError]:
    """Return the secrets of every hook by its name, or what is wrong with its setting."""
    return {
        name: read(name, hook, environment.get(hook.setting(name))) for name, hook in hooks.items()
    }


def read(name: str, hook: Hook, given: str | None) -> tuple[bytes, ...] | CloudError:
    """Return the secrets of the hook of this name from its setting's text, or what is wrong with the setting."""
    setting = hook.setting(name)
    text = (given or "").strip()
    if not text:
        return fault(setting, f"Set the secret that the hook {name} signs with.")
    listed = [text, *_listed(hook, text)]
    if any(_is_reference(secret) for secret in listed):
        message = "The reference to Key Vault or App Configuration is not resolved: check the app's identity."
        return fault(setting, message)
    keys = [_key(hook, secret) for secret in listed[1:]]
    sound = tuple(key for key in keys if key is not None)
    if not keys or len(sound) != len(keys):
        return fault(setting, _WANTED[hook.scheme])
    return sound


_WANTED: Final = {
    "github": f"Each secret should be a text of at least {MIN_BYTES} bytes, not all equal.",
    "standard-webhooks": (
        f"Each secret should be whsec_ and base64 of at least {MIN_BYTES} bytes, not all equal. "
        "Asymmetric keys (whpk_) are not supported."
    ),
}


def _listed(hook: Hook, text: str) -> list[object]:
    if text.startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return [None]
        return found if isinstance(found, list) else [None]
    return re.split(r"[\s,]+", text) if hook.scheme == "standard-webhooks" else [text]


def _key(hook: Hook, secret: object) -> bytes | None:
    if not isinstance(secret, str):
        return None
    key = _encoded(secret) if hook.scheme == "github" else _decoded(secret)
    return key if key is not None and len(key) >= MIN_BYTES and not _is_guessed(key) else None


def _is_reference(secret: object) -> bool:
    return isinstance(secret, str) and secret.strip().lower().startswith(_UNRESOLVED)


def _is_guessed(key: bytes) -> bool:
    # A placeholder: one repeated byte, or blanks.
    return len(set(key)) == 1 or not key.strip()


def _encoded(secret: str) -> bytes | None:
    try:
        return secret.encode()
    except UnicodeEncodeError:
        return None


def _decoded(secret: str) -> bytes | None:
    encoded = secret.removeprefix("whsec_").rstrip("=")
    try:  # senders leave the padding out
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
