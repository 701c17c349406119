"""The model server with a fault that the release's online features configure.

`where` lists "pre_switch_server" (a release's own folder), "endpoint" (a folder with a pointer, or
the container of an emulated SageMaker endpoint) or both.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path


def wrong(prediction):
    """The prediction with other numbers."""
    return {
        name: value + 10 if isinstance(value, float) else value
        for name, value in prediction.items()
    }


def broken(package):
    """The server's application, with the fault."""
    from flask import request
    from smallboat.serving.model.server import create

    app, folder = create(package), Path(os.environ["MODEL_FOLDER"])

    @app.after_request
    def fail(response):
        where, held = os.environ.get("PLACE", "pre_switch_server"), folder
        if (folder / "current").is_file():
            where, held = "endpoint", folder / "releases" / (folder / "current").read_text()
        fault = json.loads((held / "online_features.json").read_text()).get("fault", {})
        if request.path == "/ping" or where not in fault.get("where", []):
            return response
        if fault["how"] == "crashes":
            os._exit(1)
        content = json.loads(response.get_data())
        results = content.get("results", [])
        if fault["how"] == "is slow" and len(results) == 1:  # the requests that are timed
            time.sleep(fault.get("seconds", 0.3))
        if fault["how"] == "is wrong":
            for result in results:
                result["predictions"] = [wrong(each) for each in result["predictions"]]
            response.set_data(json.dumps(content))
        return response

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    for name in ("problem", "folder", "port"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args()
    os.environ |= {"MODEL_FOLDER": os.path.abspath(options.folder), "MODEL_HOST": options.host}
    here = Path(__file__).resolve()
    words = ["-m", "gunicorn", f"--bind={options.host}:{options.port}", f"--chdir={here.parent}"]
    words += ["--worker-class=gthread", "--threads=4", "--no-control-socket"]
    words += [f"--pythonpath={Path.cwd()}"]  # the project's folder
    os.execv(sys.executable, [sys.executable, *words, f"{here.stem}:broken({options.problem!r})"])
