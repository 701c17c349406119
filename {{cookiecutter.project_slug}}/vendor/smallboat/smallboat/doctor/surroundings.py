"""What of the caller's variables and files of other tools is used, and what is ignored."""

import os
from pathlib import Path

from .. import process_environment
from .rows import NOTE, OK, Row

OURS = {"ENV", "PYTHON", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"}
OURS |= {"MAKE_TERMERR", "MAKE_TERMOUT", "ORT_DISABLE_TELEMETRY"}
"""Variables that make and the library set: the caller's are replaced."""
NETWORK = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
NETWORK |= {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
AWS = "make ... ENV=staging|prod"

FILES = (
    (".metaflowconfig", "", "set [steps.*] in config/", ""),
    (".comet.config", "make train, if the tracker is Comet", "", ""),
    (".config/wandb/settings", "", "", ""),
    (".config/matplotlib/matplotlibrc", "", "", ""),
    (".dbt/profiles.yml", "", "edit warehouse/profiles.yml", "warehouse"),
    (".prefect/profiles.toml", "", "", "orchestration"),
    (".config/pip/pip.conf", "make setup, without uv", "for uv: ~/.config/uv/uv.toml", ""),
    (".pip/pip.conf", "make setup, without uv", "for uv: ~/.config/uv/uv.toml", ""),
    (".config/uv/uv.toml", "make setup", "", ""),
    (".netrc", "make setup, make data SOURCE=api", "", ""),
    (".aws/config", AWS, "", "infra"),
    (".aws/credentials", AWS, "", "infra"),
    (".npmrc", AWS, "", "infra"),
)
"""Files of other tools below the home: which commands read them, what to use instead, and the
folder without which a project does not have the tool.

A file that no command reads is ignored.
"""


def rows(environment: str) -> "list[Row]":
    """The caller's variables by name, never with values, and the files that other tools have.

    Args:
        environment: that the commands are asked about: AWS's variables pass unless it is local.
    """
    return [*variables(dict(os.environ), environment), *files(Path(os.path.expanduser("~")))]


def variables(given: "dict[str, str]", environment: str) -> "list[Row]":
    """Which variables are ignored, and which pass on purpose."""
    own = {name: value for name, value in given.items() if name not in OURS}
    on_aws = environment != process_environment.LOCAL
    dropped = process_environment.dropped(own, on_aws)
    kept = sorted(set(own).difference(dropped))
    named = [name for name in kept if _on_purpose(name)]
    others = f"and {len(kept) - len(named)} that no tool of the project knows"
    found = [Row("variables passed", OK, ", ".join([*named, others]))]
    if dropped:
        to_do = "nothing; what you mean by them is set in config/"
        found.insert(0, Row("variables ignored", NOTE, ", ".join(dropped), to_do=to_do))
    return found


def files(home: "Path") -> "list[Row]":
    """A row for each file below the home, of a tool that the project has."""
    found = []
    for name, needed, instead, folder in FILES:
        if not Path(folder).is_dir() or not os.path.exists(str(home / name)):
            continue
        state, text = (OK, "read") if needed else (NOTE, "ignored")
        found.append(Row("~/" + name, state, text, needed, instead))
    return found


def _on_purpose(name: str) -> bool:
    """Whether a variable that passes tells a tool of the project something."""
    network = name.upper() in NETWORK
    return network or process_environment.allowed(name) or name.startswith(("AWS_", "GITHUB_"))
