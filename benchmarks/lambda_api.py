"""What the API costs on Lambda: the zip's size, its import, and what it adds to a request.

As a function starts there: no modules but the zip's and Lambda's own (boto3 and what that needs),
which are compiled, each start in a new process. Run in a generated project: python lambda_api.py
"""

import compileall
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = ["", str(Path(__file__).resolve().parents[1] / "tests" / "smallboat")]
STARTS = 15
LAMBDAS = ("boto3", "botocore", "s3transfer", "urllib3", "jmespath", "dateutil", "six.py")
START = """
import time
started = time.process_time()
LAMBDAS
began, used = time.perf_counter(), time.process_time()
import handler
print(1000 * (time.process_time() - used), 1000 * (time.perf_counter() - began))
print(1000 * (time.process_time() - started))
"""
REQUESTS = """
import json, resource, statistics, time
import handler
from smallboat.serving.api import model_client
event = {"resource": "/predict", "path": "/predict", "httpMethod": "POST",
         "headers": {"Content-Type": "application/json"}, "body": EXAMPLE,
         "requestContext": {"stage": "prod"}, "isBase64Encoded": False}
invoke, invoked = model_client.ModelClient.invoke, []
def timed(*words):
    began = time.perf_counter()
    try:
        return invoke(*words)
    finally:
        invoked.append(time.perf_counter() - began)
model_client.ModelClient.invoke = timed
added = []
for _ in range(1500):
    invoked.clear()
    began = time.perf_counter()
    answer = handler.handler(event, None)
    added.append(1000 * (time.perf_counter() - began - sum(invoked)))
    assert answer["statusCode"] == 200, answer
added = sorted(added[100:])
print(statistics.median(added), added[int(0.99 * len(added))])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def spread(times: Sequence[float]) -> str:
    """Median and quartiles, in ms."""
    low, median, high = statistics.quantiles(times, n=4)
    return f"{median:.0f} ms [{low:.0f}, {high:.0f}]"


def main() -> None:
    """Print each number."""
    from model_stub import EXAMPLE, serving
    from smallboat.cloud import lambda_zip

    packed = lambda_zip.pack(lambda_zip.contents())
    print(f"zip: {len(packed) / 1e6:.2f} MB")
    installed = Path(sysconfig.get_path("purelib"))
    with tempfile.TemporaryDirectory() as folder, serving() as model:
        zipfile.ZipFile(io.BytesIO(packed)).extractall(Path(folder, "code"))
        own = Path(folder, "own")
        for name in LAMBDAS:
            copy = shutil.copytree if (installed / name).is_dir() else shutil.copy
            own.mkdir(exist_ok=True)
            copy(installed / name, own / name)
        compileall.compile_dir(own, quiet=2)
        known = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{folder}/code:{own}",
            "ENDPOINT_NAME": "f1",
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url,
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }

        def child(code: str) -> list[float]:
            words = [sys.executable, "-S", "-B", "-c", code]
            done = subprocess.run(words, env=known, capture_output=True, text=True, check=True)
            return [float(word) for word in done.stdout.split()]

        imports = "import botocore.auth, botocore.httpsession, botocore.retries.quota"
        starts = [child(START.replace("LAMBDAS", imports)) for _ in range(STARTS)]
        own_part, clock, whole = zip(*starts, strict=True)
        print(f"import: {spread(own_part)} of a processor, botocore's modules not counted")
        print(
            f"        {spread(clock)} on the clock; {spread(whole)} of a processor with botocore's"
        )
        median, late, memory = child(f"EXAMPLE = {json.dumps(EXAMPLE)!r}\n{REQUESTS}")
        print(f"a request: {median:.2f} ms beside the model's (1 of 100 takes {late:.2f} ms)")
        print(f"memory: {memory:.0f} MB")


if __name__ == "__main__":
    main()
