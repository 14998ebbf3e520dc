"""The base of all sections of gateway.json, and the types that they share."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.config import expression

#: Also the form of a principal, `rule:<name>`, and of a request id, `evt-<name>-<hash>`.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Expression = Annotated[str, AfterValidator(expression.check)]


class Section(BaseModel):
    """One section; an unknown field is a mistake."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
