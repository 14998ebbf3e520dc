"""The authenticated caller of an HTTP route.

A record and the audit keep a caller as one text, from which it can be read back: a request that waits is checked
against `access` again when it is due, under the names that its caller had.

    key                                          a function key; likewise `queue`, `rule:<name>`, `hook:<name>`
    <object id> through <application id> (Ada)   a user, and the application that was used
    <object id> of <application id>              an application itself: a service principal, a managed identity
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from shared.kernel import guid

MAX_NAME: Final = 100

_TEXT: Final = re.compile(
    rf"(?P<object>{guid.PATTERN}) (?P<how>through|of) (?P<application>{guid.PATTERN})"
    r"(?: \((?P<name>.*)\))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A caller with the names that `access` may list; the first one identifies it."""

    principals: tuple[str, ...]
    object_id: str | None = None  #: of the user or the service principal, in the configured tenant
    application_id: str | None = None
    name: str | None = None  #: for display only: its owner can change it

    @classmethod
    def user(cls, object_id: str, application_id: str, name: str | None) -> Self:
        """Return the caller for a user. The application is not a principal: many users can get a token through it.

        Only a token of type `app` may be authorized by `appid` or `azp`:
        https://learn.microsoft.com/entra/identity-platform/claims-validation#validate-the-actor
        """
        return cls(
            principals=(object_id,),
            object_id=object_id,
            application_id=application_id,
            name=_readable(name),
        )

    @classmethod
    def application(cls, object_id: str, application_id: str, name: str | None) -> Self:
        """Return the caller for an application that calls on its own behalf; both its ids are principals."""
        return cls(
            principals=(object_id, application_id),
            object_id=object_id,
            application_id=application_id,
            name=_readable(name),
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the caller that was kept as this text; a text not of Entra's forms is itself the principal."""
        found = _TEXT.fullmatch(text)
        if found is None:
            return cls(principals=(text,))
        known = cls.user if found["how"] == "through" else cls.application
        return known(found["object"], found["application"], found["name"])

    @classmethod
    def are_same(cls, one: str, other: str) -> bool:
        """Return whether two texts of `principal` name the same caller, whichever application it came through."""
        return cls.read(one).principals[0] == cls.read(other).principals[0]

    @property
    def principal(self) -> str:
        """The text by which a record keeps the caller."""
        if self.object_id is None:
            return self.principals[0]
        how = "of" if self.application_id in self.principals else "through"
        name = f" ({self.name})" if self.name else ""
        return f"{self.object_id} {how} {self.application_id}{name}"


#: A caller with a function key: the platform has checked it, and keys have no owner.
KEY: Final = Caller(principals=("key",))


def _readable(name: str | None) -> str | None:
    """Return a name in a form that a log line and a table can hold; None if it is blank."""
    words = "".join(sign if sign.isprintable() else " " for sign in (name or "")[:MAX_NAME]).split()
    return " ".join(words) or None
