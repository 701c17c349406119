"""Which of the caller's variables reach the processes of this project; decided here only.

A variable of a tool that works under us is ignored unless it is listed; all others pass: `PATH`,
`HOME`, proxies, certificates, and whatever the project's own code reads. Make starts each command
as `python -I process_environment.py COMMAND ...`, so this needs the standard library only.
"""

import os
import sys
import time
from collections.abc import Mapping
from fnmatch import fnmatch

LOCAL = "local"
"""The environment whose commands never reach AWS."""

TOOLS: dict[str, tuple[str, ...]] = {
    "API_KEY": (),  # the API's, where no gateway asks for it
    "ARROW_*": (),
    "AWS_*": (),
    "COMET_*": ("COMET_API_KEY", "COMET_URL_OVERRIDE", "COMET_WORKSPACE"),
    "CONDA_*": (),
    "DBT_*": (),
    "DISABLE_TRACING": (),
    "FLASK_*": (),
    "FORWARDED_ALLOW_IPS": (),  # gunicorn's
    "GIT_*": (),
    "GITHUB_*": (),
    "GE_*": (),
    "GUNICORN_*": (),
    "GX_*": (),
    "JOBLIB_*": (),
    "KMP_*": (),
    "LOKY_*": (),
    "MATPLOTLIBRC": (),
    "METAFLOW_*": (),
    "MF_*": (),  # Metaflow's
    "MKL_*": (),
    "MODEL_FOLDER": (),  # the model server's, for its container
    "MODEL_HOST": (),
    "MPL*": (),
    "NPY_*": (),
    "NUMEXPR_*": (),
    "OMP_*": (),
    "OPENBLAS_*": ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"),  # some processors need them
    "ORT_*": (),
    "PANDAS_*": (),
    "PREFECT_*": ("PREFECT_API_KEY", "PREFECT_API_URL"),
    "SCIPY_*": (),
    "SERVERLESS_*": (),
    "SKLEARN_*": (),
    "SLS_*": (),
    "TZ": (),
    "VIRTUAL_ENV*": (),
    "WEB_CONCURRENCY": (),  # gunicorn's
    "WERKZEUG_*": (),
    "XGBOOST_*": (),
}
"""Variables of tools by pattern, and those of them that pass."""

STARTUP: dict[str, tuple[str, ...]] = {
    "GNUMAKEFLAGS": (),
    "MAKE*": (),
    "MFLAGS": (),
    "NODE_*": ("NODE_EXTRA_CA_CERTS",),
    "PIP_*": (
        *("PIP_CERT", "PIP_CLIENT_CERT", "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT", "PIP_PROXY"),
        *("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_NO_INDEX"),
        *("PIP_CACHE_DIR", "PIP_KEYRING_PROVIDER", "PIP_RETRIES", "PIP_TRUSTED_HOST"),
    ),
    "PYTHON*": (),
    "UV_*": (
        *("UV_CACHE_DIR", "UV_CONCURRENT_*", "UV_HTTP_*", "UV_LINK_MODE", "UV_OFFLINE"),
        *("UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX*", "UV_NO_INDEX"),
        *("UV_INSECURE_HOST", "UV_KEYRING_PROVIDER", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"),
        *("UV_PYTHON_DOWNLOADS", "UV_PYTHON_INSTALL_*", "UV_REQUEST_TIMEOUT"),
    ),
}
"""The same for what acts before any code of the project runs: interpreters and installers."""

OURS = {
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
"""What each process of the project gets, whatever the caller's variables say."""

NO_AWS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def cleaned(variables: Mapping[str, str], on_aws: bool = False) -> dict[str, str]:
    """The variables that pass, and ours.

    Args:
        variables: the caller's.
        on_aws: whether the command is of an environment on AWS, which takes credentials.
    """
    tools = dict(TOOLS)
    if on_aws:
        del tools["AWS_*"]
    if variables.get("GITHUB_ACTIONS") == "true":  # a token on a laptop is not for us
        del tools["GITHUB_*"]
    fonts = os.path.join(os.getcwd(), ".cache", "matplotlib")
    return _passing(variables, tools) | OURS | {"MPLCONFIGDIR": fonts} | ({} if on_aws else NO_AWS)


def clean(on_aws: bool = False, startup: bool = False) -> None:
    """Let this process, and all that it starts, have the cleaned variables only."""
    passed = _passing(os.environ, STARTUP) if startup else os.environ
    variables = cleaned(passed, on_aws)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()


def _passing(variables: Mapping[str, str], tools: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    def passes(name: str) -> bool:
        return all(
            not fnmatch(name, pattern) or any(fnmatch(name, known) for known in kept)
            for pattern, kept in tools.items()
        )

    return {name: value for name, value in variables.items() if passes(name)}


def main(command: list[str]) -> None:
    """Become a command that has the cleaned variables; whether it reaches AWS is its own to say."""
    clean(on_aws=True, startup=True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
