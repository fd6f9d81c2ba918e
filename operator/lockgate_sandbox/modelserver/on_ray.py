"""The same model server as an application of Ray Serve: `modelserver.on_ray:application`.

Ray has the port, the workers and the health; here is what a request means. It speaks as much of the Open
Inference Protocol as clients of a model need, and keeps no metrics.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from .errors import RequestError
from .model import Model


class Server:
    """One replica, which has the model that was fetched into its pod."""

    def __init__(self) -> None:
        """Loads the model; an error of it is what Ray tells of the application."""
        env = os.environ
        directory = Path(env.get("MODEL_PATH", "/mnt/models"))
        self._model = Model.load(
            directory, env.get("MODEL_NAME", "model"), env.get("MODEL_VERSION", "unknown")
        )

    async def __call__(self, request: Request) -> JSONResponse:
        """Inference, and what is asked before it."""
        try:
            return JSONResponse(await self._answer(request))
        except RequestError as error:
            return JSONResponse({"error": str(error)}, error.status)

    async def _answer(self, request: Request) -> dict[str, Any]:
        path, model = request.url.path.rstrip("/"), self._model
        if path == "/v2/health/ready":
            return {"ready": True}
        if path == f"/v2/models/{model.name}":
            return model.metadata()
        if path != f"/v2/models/{model.name}/infer" or request.method != "POST":
            raise RequestError(404, f"there is nothing at {path}; this server has model {model.name}")
        try:
            asked = await request.json()
        except ValueError as error:
            raise RequestError(400, f"the request is not JSON: {error}") from error
        return model.infer(asked)


application = serve.deployment(ray_actor_options={"num_cpus": 0.1})(Server).bind()
