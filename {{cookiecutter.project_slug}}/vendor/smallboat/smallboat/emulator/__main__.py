"""Serves the emulator until it is interrupted; prints what clients must know as one JSON line."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug import Response
from werkzeug.serving import make_server

from ..serving import servers
from .application import Application
from .registry import Registry

HOST = "127.0.0.1"


class Handler(MotoRequestHandler):
    """Says nothing of requests: the calls are kept."""

    def log_request(self, *_: Any) -> None:
        """Say nothing."""


def variables(url: str) -> dict[str, str]:
    """The environment variables by which AWS's clients find the emulator, and nothing else."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def told(url: str, folder: Path) -> str:
    """The same for a person to paste."""
    lines = [f"export {name}={value}" for name, value in variables(url).items()]
    return "\n".join(
        [
            "AWS is emulated; in another terminal:",
            "",
            *lines,
            "make bootstrap ENV=staging",
            "make deploy ENV=staging FROM=local  # after make train and make deploy",
            "make predict ENV=staging",
            "",
            "Containers are processes, so `make image` may be left out.",
            f"What processes print lies in {folder}. Ctrl-C ends it all, and forgets it.",
        ]
    )


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m smallboat.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=5000, help="0: a free one")
    parser.add_argument("--folder", type=Path, required=True, help="for processes and their logs")
    parser.add_argument("--problem", required=True, help="the project's package")
    parser.add_argument("--server", type=Path, help="another model server for the containers")
    parser.add_argument("--told", action="store_true", help="print for people")
    chosen = parser.parse_args()
    os.umask(0o077)  # what processes print holds requests
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = chosen.folder.resolve()
    program = [str(chosen.server.resolve())] if chosen.server else servers.MODEL_SERVER
    words = [*program, "--problem", chosen.problem]
    server = make_server(
        HOST, chosen.port, Response(status=503), threaded=True, request_handler=Handler
    )
    url = f"http://{HOST}:{server.server_port}"
    application = Application(folder, words, url, any_image=chosen.told)
    server.app = Registry(application, folder / "registry")
    print(told(url, folder) if chosen.told else json.dumps(variables(url)), flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        application.close()


if __name__ == "__main__":
    main()
