"""Decides which variables of the caller reach the processes of a project.

The variables of tools that a project uses are ignored, unless they are allowed by name. All others
pass: `PATH`, `HOME`, proxies, certificates, and whatever the project's own code reads. Make starts
each command as `python -I process_environment.py COMMAND ...`, so only the standard library is
imported here. Annotations are quoted: `make doctor` imports this under an older Python, too.
"""

import os
import sys
import time
from collections.abc import Collection, Mapping
from fnmatch import fnmatch

LOCAL = "local"
"""The environment whose commands never reach AWS."""

IGNORED = {
    *("AWS_*", "GITHUB_*", "GIT_*", "SERVERLESS_*", "SLS_*"),
    *("METAFLOW_*", "MF_*", "PREFECT_*", "DBT_*", "DISABLE_TRACING"),
    *("COMET_*", "MLFLOW_*", "_MLFLOW_*", "WANDB_*"),
    *("GE_*", "GX_*", "JOBLIB_*", "LOKY_*", "PANDAS_*", "ARROW_*", "SCIPY_*", "SKLEARN_*"),
    *("MATPLOTLIBRC", "MPL*", "NPY_*", "NUMEXPR_*", "ORT_*", "XGBOOST_*"),
    *("KMP_*", "MKL_*", "OMP_*", "OPENBLAS_*"),
    *("FLASK_*", "WERKZEUG_*", "UVICORN_*", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS"),
    # Of this project's API and its containers.
    *("API_KEY", "AUTH", "PRIVATE_FACTS", "SHARED_CACHES", "MODEL_*"),
    *("CONDA_*", "VIRTUAL_ENV*", "TZ"),
}
"""Patterns of tools' variables."""

IGNORED_AT_START = {"GNUMAKEFLAGS", "MAKE*", "MFLAGS", "NODE_*", "PIP_*", "PYTHON*", "UV_*"}
"""The same, of tools that run before any code of the project: interpreters and installers."""

ALLOWED = {
    *("COMET_API_KEY", "COMET_URL_OVERRIDE", "COMET_WORKSPACE"),
    *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
    *("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME"),
    *("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_ENTITY"),
    *("PREFECT_API_KEY", "PREFECT_API_URL"),
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"),  # some processors need them
    "NODE_EXTRA_CA_CERTS",
    *("PIP_CERT", "PIP_CLIENT_CERT", "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT", "PIP_PROXY"),
    *("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_NO_INDEX"),
    *("PIP_CACHE_DIR", "PIP_KEYRING_PROVIDER", "PIP_RETRIES", "PIP_TRUSTED_HOST"),
    *("UV_CACHE_DIR", "UV_CONCURRENT_*", "UV_HTTP_*", "UV_LINK_MODE", "UV_OFFLINE"),
    *("UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX*", "UV_NO_INDEX"),
    *("UV_INSECURE_HOST", "UV_KEYRING_PROVIDER", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"),
    *("UV_PYTHON_DOWNLOADS", "UV_PYTHON_INSTALL_*", "UV_REQUEST_TIMEOUT"),
}
"""Patterns of variables that pass although they are ignored otherwise."""

SET = {
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "METAFLOW_DEFAULT_DATASTORE": "local",
    "METAFLOW_DEFAULT_ENVIRONMENT": "local",
    "METAFLOW_DEFAULT_METADATA": "local",
    "METAFLOW_HOME": os.devnull,  # else ~/.metaflowconfig is read
    "METAFLOW_USER": "local",
    "MPLBACKEND": "agg",
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUTF8": "1",
    "TZ": "UTC",
}
"""What every process of the project gets, whatever the caller has set."""

NO_AWS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def cleaned(variables: "Mapping[str, str]", on_aws: bool = False) -> "dict[str, str]":
    """The variables that a process of the project gets.

    Args:
        variables: the caller's.
        on_aws: whether the command's environment is on AWS, and needs credentials.
    """
    fonts = os.path.join(os.getcwd(), ".cache", "matplotlib")
    kept = _passing(variables, _ignored(variables, on_aws))
    return kept | SET | {"MPLCONFIGDIR": fonts} | ({} if on_aws else NO_AWS)


def dropped(variables: "Mapping[str, str]", on_aws: bool = False) -> "list[str]":
    """The names of the caller's variables that reach no process of the project, sorted."""
    ignored = _ignored(variables, on_aws).union(IGNORED_AT_START)
    return sorted(set(variables).difference(_passing(variables, ignored)))


def allowed(name: str) -> bool:
    """Whether a tool's variable passes because it is listed by name."""
    return _matches(name, ALLOWED)


def clean(on_aws: bool = False, startup: bool = False) -> None:
    """Reduce the variables of this process, and of all that it starts, to the cleaned ones."""
    passed = _passing(os.environ, IGNORED_AT_START) if startup else os.environ
    variables = cleaned(passed, on_aws)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()


def _ignored(variables: "Mapping[str, str]", on_aws: bool) -> "set[str]":
    """The patterns of IGNORED that hold in these surroundings."""
    ignored = set(IGNORED)
    if on_aws:
        ignored.remove("AWS_*")
    if variables.get("GITHUB_ACTIONS") == "true":  # elsewhere a token is not meant for the project
        ignored.remove("GITHUB_*")
    return ignored


def _passing(variables: "Mapping[str, str]", ignored: "Collection[str]") -> "dict[str, str]":
    return {
        name: value
        for name, value in variables.items()
        if allowed(name) or not _matches(name, ignored)
    }


def _matches(name: str, patterns: "Collection[str]") -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def main(command: "list[str]") -> None:
    """Replace this process by a command with cleaned variables; the command drops AWS's later."""
    clean(on_aws=True, startup=True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
