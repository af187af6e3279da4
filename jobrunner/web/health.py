"""Whether the process answers, and whether the daemon does its work: for whoever watches it."""

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def health_routes(troubles: Callable[[], Sequence[str]]) -> list[Route]:
    """Return `/healthz` (200 while the loop runs) and `/readyz` (503 with names while something does not work)."""

    async def healthz(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def readyz(request: Request) -> JSONResponse:
        names = list(troubles())
        content = {"status": "not ready" if names else "ready", "troubles": names}
        return JSONResponse(content, 503 if names else 200, {"Cache-Control": "no-store"})

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
