"""The API's stack as osls compiles it from serverless.yml, without a network."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

from clouds import GUARD
from smallboat.aws.aws import Environment
from smallboat.cloud import lambda_api, lambda_zip, osls
from smallboat.config import config


def api_template(settings: config.Settings, folder: Path) -> dict[str, Any]:
    """The template of a configuration's API; it needs the fixture `tools`."""
    shutil.copy(lambda_zip.CODE / "serverless.yml", folder)
    values = lambda_api._serverless_settings(Environment(settings), settings)
    (folder / "settings.json").write_text(json.dumps(values))
    with zipfile.ZipFile(folder / "api.zip", "w") as archive:
        archive.writestr("handler.py", "")
    command = [(osls.TOOLS / ".bin" / "osls").resolve(), "package", "--package", folder / "out"]
    kept = {key: each for key, each in os.environ.items() if not key.startswith("AWS_")}
    guard = {"NODE_OPTIONS": f"--require {GUARD / 'loopback.cjs'}"}
    done = subprocess.run(command, cwd=folder, env=kept | osls.VARIABLES | guard,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    text = (folder / "out" / "cloudformation-template-update-stack.json").read_text()
    return dict(json.loads(text))
