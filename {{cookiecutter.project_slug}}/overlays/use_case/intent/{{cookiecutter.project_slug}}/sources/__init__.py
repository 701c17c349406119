"""The formats that files can have, by the name that the configuration gives them."""

from types import ModuleType

from smallboat.samples.shops import otto, rees46, retailrocket

from . import coveo

FORMATS: dict[str, ModuleType] = {
    "coveo": coveo,
    "otto": otto,
    "rees46": rees46,
    "retailrocket": retailrocket,
}
"""Each has `TERMS`, a sentence about the public data in it, and `raw(connection, directory)`.

Add a shop of your own as a module beside `coveo`, and a line here.
"""
