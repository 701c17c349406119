"""The part of ECR that moto lacks: the registry that images are pushed to and pulled from.

Blobs are stored in a folder. Manifests are moto's images, so ECR's API shows pushed images.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ecr.models import ECRBackend, ecr_backends
from moto.ecr.responses import ECRResponse
from werkzeug.exceptions import HTTPException, NotFound, Unauthorized
from werkzeug.wrappers import Request, Response

BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})")
UPLOAD = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<id>[0-9a-f]*)")
MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<which>[^/]+)")
PASSWORD = "-auth-token"  # moto's, behind the account
MIB = 2**20
KIND = "application/vnd.docker.distribution.manifest.v2+json"

_token = ECRResponse.get_authorization_token


class Registry:
    """WSGI middleware that serves the registry API at /v2/ and passes on other requests."""

    def __init__(self, application: Callable[..., Iterable[bytes]], folder: Path) -> None:
        """Begin empty, in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._application, self._folder = application, folder
        ECRResponse.get_authorization_token = _token_of_this_server

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        if not environ["PATH_INFO"].startswith("/v2/"):
            return self._application(environ, start_response)
        try:
            response: Any = self._answer(Request(environ))
        except HTTPException as error:
            response = error
        return response(environ, start_response)  # type: ignore[no-any-return]

    def _answer(self, request: Request) -> Response:
        account = _account(request)
        if found := BLOB.fullmatch(request.path):
            return self._blob(request, found["digest"])
        if found := UPLOAD.fullmatch(request.path):
            return self._upload(request, found["name"], found["id"] or uuid.uuid4().hex)
        if found := MANIFEST.fullmatch(request.path):
            return _manifest(request, account, found["name"], found["which"])
        return Response()

    def _blob(self, request: Request, digest: str) -> Response:
        file = self._folder / digest
        if not file.is_file():
            raise NotFound()
        headers = {"Docker-Content-Digest": digest, "Content-Length": str(file.stat().st_size)}
        if request.method == "HEAD":
            return Response(headers=headers)
        return Response(file.open("rb"), headers=headers, direct_passthrough=True)

    def _upload(self, request: Request, name: str, upload: str) -> Response:
        file = self._folder / upload
        with file.open("ab") as output:
            while chunk := request.stream.read(MIB):
                output.write(chunk)
        blobs = f"/v2/{name}/blobs"
        if request.method != "PUT":
            headers = {"Range": f"0-{max(file.stat().st_size - 1, 0)}"}
            return Response(status=202, headers=headers | {"Location": f"{blobs}/uploads/{upload}"})
        with file.open("rb") as content:
            digest = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
        if digest != request.args["digest"]:
            return Response(f"the digest is {digest}", 400)
        file.rename(self._folder / digest)
        headers = {"Docker-Content-Digest": digest, "Location": f"{blobs}/{digest}"}
        return Response(status=201, headers=headers)


def _manifest(request: Request, account: str, name: str, which: str) -> Response:
    """An image of a repository, by its tag or digest; PUT adds it to moto's ECR."""
    backend = _holding(account, name)
    by_digest = which.startswith("sha256:")
    tag, digest = (None, which) if by_digest else (which, None)
    try:
        if request.method == "PUT":
            content = request.get_data()
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            backend.put_image(name, content.decode(), tag or "", request.mimetype, digest)
            return Response(status=201, headers={"Docker-Content-Digest": digest})
        image = backend.repositories[name]._get_image(tag, digest)
    except ServiceException as error:
        return Response(str(error), 404 if request.method != "PUT" else 400)
    headers = {"Docker-Content-Digest": image.image_digest}
    return Response(image.image_manifest, 200, headers, image.image_manifest_media_type)


def _holding(account: str, name: str) -> ECRBackend:
    """Moto's ECR that has the repository: of the account, or of another one that lets it pull."""
    backends = [*ecr_backends[account].values(), *(it for _, _, it in ecr_backends.iter_backends())]
    for backend in backends:
        if name in backend.repositories:
            return backend
    raise NotFound()


def _account(request: Request) -> str:
    """The account whose password the request has."""
    login = request.authorization
    password = (login and login.password) or ""
    if not login or login.username != "AWS" or not password.endswith(PASSWORD):
        asks = Response("sign in", 401, {"WWW-Authenticate": 'Basic realm="ECR"'})
        raise Unauthorized(response=asks)
    return str(password.removesuffix(PASSWORD))


def _token_of_this_server(self: ECRResponse) -> ActionResult:
    """ECR's authorization token, with this server as the registry."""
    answer = _token(self)
    here = f"{self.parsed_url.scheme}://{self.parsed_url.netloc}"
    for data in answer.result["authorizationData"]:
        data["proxyEndpoint"] = here
    return answer


def hold(account: str, name: str, tag: str) -> None:
    """Put a placeholder image into an account's repository: containers here are processes."""
    try:
        backend = _holding(account, name)
        known = {each.image_tag for each in backend.repositories[name].images}
    except NotFound:
        return
    if tag and tag not in known:
        content = json.dumps({"schemaVersion": 2, "mediaType": KIND, "tag": tag})
        digest = f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
        backend.put_image(name, content, tag, KIND, digest)
