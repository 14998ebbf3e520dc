"""The caller of an HTTP route, as far as that was proved.

A record and the audit keep a caller as one text, and the text gives the caller back: a request that waits is judged
again by `access` when its time has come, under the names that its caller had.

    key                                          a function key; so `queue`, `rule:<name>`, `hook:<name>`
    <object id> through <application id> (Ada)   a person, and the application that was used
    <object id> of <application id>              an application itself: a service principal, a managed identity
"""

import re
from dataclasses import dataclass
from typing import Final, Self

MAX_NAME: Final = 100

_GUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TEXT: Final = re.compile(
    rf"(?P<object>{_GUID}) (?P<how>through|of) (?P<application>{_GUID})(?: \((?P<name>.*)\))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A caller, by the names that `access` may know it by; the first one says who it is."""

    principals: tuple[str, ...]
    object_id: str | None = None  #: of the user or the service principal, in the configured tenant
    application_id: str | None = None
    name: str | None = (
        None  #: for people to read: its owner can change it, so nothing is decided by it
    )

    @classmethod
    def user(cls, object_id: str, application_id: str, name: str | None) -> Self:
        """Know a person. The application is no principal: many people can get a token through one.

        https://learn.microsoft.com/entra/identity-platform/claims-validation#validate-the-actor says so: only a
        token of type `app` may be authorized by `appid` or `azp`.
        """
        return cls(
            principals=(object_id,),
            object_id=object_id,
            application_id=application_id,
            name=_readable(name),
        )

    @classmethod
    def application(cls, object_id: str, application_id: str, name: str | None) -> Self:
        """Know an application that calls for itself, by its service principal's id or its own."""
        return cls(
            principals=(object_id, application_id),
            object_id=object_id,
            application_id=application_id,
            name=_readable(name),
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """Give the caller that was kept as this text; what is none of Entra's is a principal's name as it is."""
        found = _TEXT.fullmatch(text)
        if found is None:
            return cls(principals=(text,))
        known = cls.user if found["how"] == "through" else cls.application
        return known(found["object"], found["application"], found["name"])

    @property
    def principal(self) -> str:
        """The text that a record keeps."""
        if self.object_id is None:
            return self.principals[0]
        how = "of" if self.application_id in self.principals else "through"
        name = f" ({self.name})" if self.name else ""
        return f"{self.object_id} {how} {self.application_id}{name}"


#: Whoever brings a function key: the platform has checked it, and keys have no owner.
KEY: Final = Caller(principals=("key",))


def _readable(name: str | None) -> str | None:
    """Keep of a name what a log line and a table can hold."""
    words = "".join(sign if sign.isprintable() else " " for sign in (name or "")[:MAX_NAME]).split()
    return " ".join(words) or None
