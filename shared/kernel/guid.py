"""GUIDs: the ids of runs, tenants, users and applications."""

import re
import uuid
from typing import Final

PATTERN: Final = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
#: Also in braces and without dashes.
ANY_FORM: Final = r"[{(]?[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}[)}]?"


def read(value: object) -> str | None:
    """Return a GUID in lower case; None for anything else."""
    return value.lower() if isinstance(value, str) and re.fullmatch(PATTERN, value) else None


def read_any_form(text: str) -> str | None:
    """Return a GUID, in any of its usual forms, as Synapse writes it; None for anything else."""
    return str(uuid.UUID(text.strip("{()}"))) if re.fullmatch(ANY_FORM, text) else None
