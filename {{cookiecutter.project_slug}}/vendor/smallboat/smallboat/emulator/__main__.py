"""Serves the emulator until interrupted; prints the clients' environment variables as JSON."""

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
    """Logs no requests: the emulator records the calls."""

    def log_request(self, *_: Any) -> None:
        """Log nothing."""


def variables(url: str) -> dict[str, str]:
    """The environment variables with which AWS's clients find only the emulator."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def instructions(url: str, folder: Path) -> str:
    """The same as shell commands."""
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
            "Containers are processes: `make image` is not needed.",
            "They start at once. To let endpoints sleep, and then start for 20 s:",
            f"curl {url}/_emulator/sleep --json '{{\"start_seconds\": 20}}'",
            f"Logs are in {folder}. Ctrl-C stops the emulator and deletes everything in it.",
        ]
    )


def main() -> None:
    """Run the server."""
    parser = argparse.ArgumentParser(prog="python -m smallboat.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=5000, help="0: any free port")
    parser.add_argument("--folder", type=Path, required=True, help="for processes and their logs")
    parser.add_argument("--problem", required=True, help="the project's package")
    parser.add_argument("--server", type=Path, help="another model server for the containers")
    parser.add_argument(
        "--instructions", action="store_true", help="print commands; accept any image"
    )
    chosen = parser.parse_args()
    os.umask(0o077)  # logs contain requests
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = chosen.folder.resolve()
    program = [str(chosen.server.resolve())] if chosen.server else servers.MODEL_SERVER
    words = [*program, "--problem", chosen.problem]
    server = make_server(
        HOST, chosen.port, Response(status=503), threaded=True, request_handler=Handler
    )
    url = f"http://{HOST}:{server.server_port}"
    application = Application(folder, words, url, any_image=chosen.instructions)
    server.app = Registry(application, folder / "registry")
    print(
        instructions(url, folder) if chosen.instructions else json.dumps(variables(url)), flush=True
    )
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        application.close()


if __name__ == "__main__":
    main()
