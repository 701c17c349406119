"""The model server with a fault that the release's online features configure.

`where` lists "pre_switch_server" (a release's own folder), "endpoint" (a folder with a pointer, or
the container of an emulated SageMaker endpoint) or both.
"""

import asyncio
import json
import os
import sys
from functools import partial
from pathlib import Path


def wrong(prediction):
    """The prediction with other numbers."""
    return {
        name: value + 10 if isinstance(value, float) else value
        for name, value in prediction.items()
    }


def broken(package, folder, host):
    """The server's application, with the fault."""
    from smallboat.serving.model.server import create

    app = create(package, folder, host)

    async def failing(scope, receive, send):
        sent = []

        async def keep(message):
            sent.append(message)

        await app(scope, receive, keep)
        start, body = sent
        if scope["path"] != "/ping":
            body["body"] = await fail(folder, body["body"])
        length = (b"content-length", str(len(body["body"])).encode())
        kept = [each for each in start["headers"] if each[0] != b"content-length"]
        await send({**start, "headers": [*kept, length]})
        await send(body)

    return failing


async def fail(folder, answer):
    """The answer with the fault of the release that is served."""
    where, held = os.environ.get("PLACE", "pre_switch_server"), folder
    if (folder / "current").is_file():
        where, held = "endpoint", folder / "releases" / (folder / "current").read_text()
    fault = json.loads((held / "online_features.json").read_text()).get("fault", {})
    if where not in fault.get("where", []):
        return answer
    if fault["how"] == "crashes":
        os._exit(1)
    content = json.loads(answer)
    results = content.get("results", [])
    if fault["how"] == "is slow" and len(results) == 1:  # the requests that are timed
        await asyncio.sleep(fault.get("seconds", 0.3))
    if fault["how"] == "is wrong":
        for result in results:
            result["predictions"] = [wrong(each) for each in result["predictions"]]
        return json.dumps(content).encode()
    return answer


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())  # the project's folder
    from smallboat.serving import http_server
    from smallboat.serving.model.server import options

    given = options()
    application = partial(broken, given.problem, Path(given.folder).resolve(), given.host)
    http_server.run(application, given.host, given.port)
