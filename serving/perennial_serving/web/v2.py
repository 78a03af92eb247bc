"""The routes of the data port that are not hot, on FastAPI: server, health, metadata."""

import importlib.metadata
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from perennial_serving.codec.tensors import TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.web import problems
from perennial_serving.web.service import Service

_READ = ["GET", "HEAD"]
_MODEL = "/v2/models/{name}"
_VERSION = f"{_MODEL}/versions/{{version}}"
_JSON = "application/json"
_UNREADY = "the model is not ready; try again"


class Routes:
    """The handlers; each answers from the service's present state."""

    def __init__(self, service: Service) -> None:
        """Take the service that the answers describe."""
        self._service = service
        self._version = importlib.metadata.version("perennial")

    async def server(self) -> Response:
        """Say who serves."""
        return _answer({"name": "perennial", "version": self._version, "extensions": []})

    async def live(self) -> Response:
        """Say that the process answers."""
        return _answer({"live": True})

    async def ready(self) -> Response:
        """Say whether the model may be asked."""
        if reason := self._service.unready:
            document = {"live": True, "ready": False, "error": _UNREADY, "code": reason}
            return _answer(document, status=503)
        return _answer({"live": True, "ready": True})

    async def models(self) -> Response:
        """List the one model."""
        return _answer({"models": [self._service.model]})

    async def model_ready(self, request: Request) -> Response:
        """Say whether the model, in the version asked for, may be asked."""
        self._check_names(request)
        if reason := self._service.unready:
            return _answer({"error": _UNREADY, "code": reason}, status=503)
        return _answer({"name": self._service.model, "ready": True})

    async def metadata(self, request: Request) -> Response:
        """Describe inputs and outputs."""
        self._check_names(request)
        serving = self._service.serving
        if serving is None:
            return _answer({"error": _UNREADY, "code": Reason.MODEL_LOADING}, status=503)
        return _answer(
            {
                "name": self._service.model,
                "versions": [self._service.revision],
                "platform": serving.platform,
                "inputs": [_tensor(spec) for spec in serving.signature.inputs],
                "outputs": [_tensor(spec) for spec in serving.signature.outputs],
            }
        )

    def _check_names(self, request: Request) -> None:
        parameters = request.path_params
        is_ours = parameters["name"] == self._service.model
        if (
            not is_ours
            or parameters.get("version", self._service.revision) != self._service.revision
        ):
            raise HTTPException(404)


def build(service: Service) -> FastAPI:
    """Return the application; it has no other route than these."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_exception_handler(HTTPException, _problem)
    routes = Routes(service)
    for path in ("/v2", "/v2/"):
        app.add_api_route(path, routes.server, methods=_READ)
    app.add_api_route("/v2/health/live", routes.live, methods=_READ)
    app.add_api_route("/v2/health/ready", routes.ready, methods=_READ)
    app.add_api_route("/v2/models", routes.models, methods=_READ)
    for path in (_MODEL, _VERSION):
        app.add_api_route(path, routes.metadata, methods=_READ)
        app.add_api_route(f"{path}/ready", routes.model_ready, methods=_READ)
    return app


async def _problem(_request: Request, error: Exception) -> Response:
    """Give the framework's refusals our form."""
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for this class only
    is_method = error.status_code == problems.STATUSES[Reason.METHOD_NOT_ALLOWED]
    reason = Reason.METHOD_NOT_ALLOWED if is_method else Reason.NOT_FOUND
    message = "this route has other methods" if is_method else "there is no such route or model"
    return Response(
        problems.body(reason, message),
        status_code=problems.STATUSES[reason],
        headers=error.headers,
        media_type=_JSON,
    )


def _answer(document: dict[str, Any], *, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status_code=status, media_type=_JSON)


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}
