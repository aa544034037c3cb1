"""A model over HTTP, on this machine alone: texts in, a row for each answer out, and limits on what may be asked.

POST /invocations   {"dataframe_records": [{"text": "I drink milk."}], "params": {"beam": 5, "n_best": 2}}
GET  /ping          200

The requests are those of `mlflow models serve`. One answer is worked on at a time; what is wrong with a request is told
in one line, and the next one is served.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from unroll.errors import DataError, ParamsError
from unroll.serve.answering import answer

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from unroll.predict.predictor import Predictor

BODY_BYTES, ROWS, BODY_SECONDS, WAITING = 2**20, 256, 30.0, 64
"""Of a request: its bytes, its texts, how long it may take to arrive; requests that may be open at a time."""
HOST = "127.0.0.1"


class RefusedError(Exception):
    """A request that is not answered, and the HTTP status that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def app(predictor: Predictor) -> Starlette:
    """Return the ASGI application that answers with a predictor, which searches as it was told to."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException
    from starlette.responses import Response
    from starlette.routing import Route

    one_at_a_time = asyncio.Lock()

    async def invocations(request: Request) -> Response:
        texts, params = read(await _body(request))
        async with one_at_a_time:
            rows = await run_in_threadpool(answer, predictor, predictor.search, texts, params)
        finite = [row._asdict() | {"score": row.score if math.isfinite(row.score) else None} for row in rows]
        return _json({"predictions": finite}, 200)

    async def ping(request: Request) -> Response:
        return Response("\n", media_type="application/json")

    return Starlette(
        routes=[
            Route("/invocations", _told(invocations), methods=["POST"]),
            *(Route(path, ping) for path in ("/ping", "/health")),
        ],
        exception_handlers={HTTPException: _no_such_door},
    )


def _json(content: object, status: int) -> Response:
    from starlette.responses import Response

    return Response(json.dumps(content, ensure_ascii=False), status, media_type="application/json")


async def _no_such_door(request: Request, error: Any) -> Response:
    return _json({"error": f"{request.method} {request.url.path}: POST /invocations, or GET /ping"}, error.status_code)


Handler = Callable[["Request"], Awaitable["Response"]]


def _told(handler: Handler) -> Handler:
    """Return a handler whose failures are answers of one line; what is a defect of ours goes to stderr whole."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except RefusedError as refusal:
            return _json({"error": str(refusal)}, refusal.status)
        except (DataError, ParamsError) as error:
            return _json({"error": str(error)}, 422)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return _json({"error": "this could not be answered; the server's stderr says why"}, 500)

    return handle


async def _body(request: Request) -> bytes:
    """Return what a request holds, read no further than its limit, whatever it says of its length.

    Raises:
        RefusedError: it is no JSON by its own account, too large, too slow, or broke off.
    """
    from starlette.requests import ClientDisconnect

    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, f"content type '{kind[:100]}'; send application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES:
                    raise RefusedError(413, f"more than {BODY_BYTES:,} bytes in one request; split it")
    except ClientDisconnect:
        raise RefusedError(400, "the request broke off") from None
    except TimeoutError:
        raise RefusedError(408, f"the request did not arrive within {BODY_SECONDS:.0f} seconds") from None
    return bytes(body)


def read(body: bytes) -> tuple[list[Any], dict[str, Any]]:
    """Return (texts, params) of a request.

    Raises:
        RefusedError: it is not JSON, holds no texts, or too many.
    """
    try:
        request = json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        cause = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise RefusedError(400, f"the request is not JSON: {cause[:200]}") from None
    request = dict(request) if isinstance(request, dict) else {}
    params = request.pop("params", {})
    if len(request) != 1 or not request.keys() <= FORMS.keys() or not isinstance(params, dict):
        raise RefusedError(400, f"needed: one of {', '.join(FORMS)}, and params if you like, as in {EXAMPLE}")
    ((form, content),) = request.items()
    texts = FORMS[form](content)
    if texts is None:
        raise RefusedError(400, f"{form} does not hold texts as it should; needed, for example: {EXAMPLE}")
    if len(texts) > ROWS:
        raise RefusedError(413, f"{len(texts)} texts in one request; at most {ROWS}: send them in parts")
    return texts, params


EXAMPLE = '{"dataframe_records": [{"text": "..."}]}'


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _of_records(records: Any) -> list[Any] | None:
    if isinstance(records, list) and all(isinstance(row, dict) and set(row) == {"text"} for row in records):
        return [row["text"] for row in records]
    return None


def _of_split(split: Any) -> list[Any] | None:
    if isinstance(split, dict) and split.get("columns") == ["text"] and isinstance(split.get("data"), list):
        rows = split["data"]
        return [row[0] for row in rows] if all(isinstance(row, list) and len(row) == 1 for row in rows) else None
    return None


def _of_inputs(inputs: Any) -> list[Any] | None:
    if isinstance(inputs, dict) and set(inputs) == {"text"}:
        inputs = inputs["text"]
    if isinstance(inputs, list) and inputs and isinstance(inputs[0], dict):
        return _of_records(inputs)
    return inputs if isinstance(inputs, list) else None


FORMS: dict[str, Callable[[Any], list[Any] | None]] = {
    "dataframe_records": _of_records,
    "dataframe_split": _of_split,
    "instances": _of_inputs,
    "inputs": _of_inputs,
}
"""{MLflow's name for a form of request: a function that returns its texts, or None if it is not of this form}"""


def serve(predictor: Predictor, port: int) -> None:
    """Answer requests on this machine until interrupted; print where, once it does."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                print(f"http://{HOST}:{port}/invocations answers; Ctrl-C ends it. Try:")
                print(
                    f"curl -s http://{HOST}:{port}/invocations -H 'Content-Type: application/json' -d "
                    '\'{"dataframe_records": [{"text": "I drink milk."}]}\'',
                    flush=True,
                )

    config = uvicorn.Config(app(predictor), HOST, port, log_level="warning", limit_concurrency=WAITING)
    with suppress(KeyboardInterrupt):
        Server(config).run()
