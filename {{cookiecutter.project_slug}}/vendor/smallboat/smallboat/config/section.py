"""The base of all tables of a configuration."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of a configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
