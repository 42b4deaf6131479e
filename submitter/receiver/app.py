"""The two endpoints of the receiving API as local authorities meet them, and three to look at what it holds."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from submitter.receiver.schema import breaches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from submitter.receiver.store import ChildStore

LARGEST_BATCH = 100
_BREACHES_TOLD = 20


@dataclass(frozen=True)
class ReceiverConfig:
    """Whom the stand-in lets in, and its limits. The values are invented; they open nothing else."""

    la_code: str = "999"
    client_id: str = "demo-client"
    client_secret: str = "demo-secret"  # noqa: S105 - invented, for this stand-in only
    scope: str = "api://demo-receiver/.default"
    supplier_key: str = "demo-supplier"
    token_seconds: float = 3600
    max_body_bytes: int = 10_000_000


class RequestId:
    """Gives every answer an `x-request-id`, by which a support desk would find it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the header as the answer starts."""

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", str(uuid.uuid4()).encode())]
            await send(message)

        await self._app(scope, receive, with_id)


class Receiver:
    """The handlers, with the tokens they gave out."""

    def __init__(self, config: ReceiverConfig, store: ChildStore) -> None:
        self._config = config
        self._store = store
        self._tokens: dict[str, float] = {}

    async def token(self, request: Request) -> Response:
        """Give a token for client credentials."""
        form = {
            name: values[-1] for name, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()
        }
        wanted = {
            "client_id": self._config.client_id,
            "client_secret": self._config.client_secret,
            "scope": self._config.scope,
        }
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        wrong = [
            name
            for name, value in wanted.items()
            if not secrets.compare_digest(form.get(name, "").encode(), value.encode())
        ]
        if wrong:  # RFC 6749, section 5.2
            return (
                JSONResponse({"error": "invalid_scope"}, 400)
                if wrong == ["scope"]
                else JSONResponse({"error": "invalid_client"}, 401)
            )
        token = secrets.token_urlsafe(32)
        self._tokens[token] = time.monotonic() + self._config.token_seconds
        return JSONResponse(
            {"access_token": token, "token_type": "Bearer", "expires_in": int(self._config.token_seconds)}
        )

    async def submit(self, request: Request) -> Response:
        """Check a batch as the real receiver does: all of it is taken, or none.

        A child that stands in a batch twice is taken twice, in order. Answers: 200 with receipts; 400 a body that is
        no batch, or records by index; 401 the token; 403 the SupplierKey or the LA code; 413; 415.
        """
        refusal = self._refusal(request.headers, request.path_params["la_code"])
        if refusal:
            return refusal
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._config.max_body_bytes:
                return PlainTextResponse("the request body is too large", 413)
        try:
            batch = _strict_json(body)
        except (ValueError, RecursionError):
            return PlainTextResponse("the request body is not JSON in UTF-8 (strictly, no name twice)", 400)
        if not isinstance(batch, list) or not 1 <= len(batch) <= LARGEST_BATCH:
            return PlainTextResponse(f"the request body must be an array of 1 to {LARGEST_BATCH} children", 400)
        complaints = [
            f"[{index}].{breach}"
            for index, child in enumerate(batch)
            for breach in breaches(child, partial=True)[:_BREACHES_TOLD]
        ]
        if complaints:
            return JSONResponse({"errors": complaints}, 400)
        for child in batch:
            self._store.receive(child)
        return JSONResponse([_receipt() for _ in batch])

    def _refusal(self, headers: Mapping[str, str], la_code: str) -> Response | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self._tokens.get(token, 0) <= time.monotonic():
            return PlainTextResponse("the token is missing, unknown or expired", 401)
        if not secrets.compare_digest(headers.get("supplierkey", "").encode(), self._config.supplier_key.encode()):
            return PlainTextResponse("the SupplierKey is missing or unknown", 403)
        if la_code != self._config.la_code:
            return PlainTextResponse("this client does not send for this local authority", 403)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return PlainTextResponse("the content type must be application/json", 415)
        return None

    async def health(self, _: Request) -> Response:
        """Say that it runs, and how many children it holds."""
        return JSONResponse({"status": "ok", "children": len(self._store)})

    async def children(self, _: Request) -> Response:
        """List the ids of the children held."""
        ids = self._store.ids()
        return JSONResponse({"count": len(ids), "la_child_ids": ids})

    async def child(self, request: Request) -> Response:
        """Show one child as it is held."""
        child: dict[str, Any] | None = self._store.get(request.path_params["la_child_id"])
        if child is None:
            return JSONResponse({"error": "no such child is held"}, 404)
        return JSONResponse(child)


def _strict_json(body: bytearray) -> Any:  # noqa: ANN401 - any JSON
    """Parse JSON as its standard has it; raises ValueError, or RecursionError when it is nested without sense."""
    return json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has a name twice")
    return result


def _no_constant(_: str) -> None:
    raise ValueError("JSON knows neither NaN nor Infinity")


def _receipt() -> str:
    moment = datetime.now(timezone.utc)
    return f"{moment:%Y-%m-%d_%H:%M:%S}.{moment.microsecond // 10_000:02d}_{uuid.uuid4()}.json"


def create_app(config: ReceiverConfig, store: ChildStore) -> Starlette:
    """Return the stand-in as an ASGI application over a store."""
    receiver = Receiver(config, store)
    return Starlette(
        routes=[
            Route("/token", receiver.token, methods=["POST"]),
            Route("/children_social_care_data/{la_code}/children", receiver.submit, methods=["POST"]),
            Route("/health", receiver.health, methods=["GET"]),
            Route("/children", receiver.children, methods=["GET"]),
            Route("/children/{la_child_id:path}", receiver.child, methods=["GET"]),
        ],
        middleware=[Middleware(RequestId)],
    )
