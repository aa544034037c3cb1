"""A model over HTTP: texts in, a row for each answer out, and limits on what may be asked.

POST /invocations   {"dataframe_records": [{"text": "I drink milk."}], "params": {"beam": 5, "n_best": 2}}
POST /answers       {"texts": ["I drink milk."], "details": true, "steps": true, "alternatives": 3}
POST /lines         a text a line -> an answer a line, as they are found
GET  /docs          all doors, to try them
GET  /health /ready /version /metrics

The requests of /invocations are those of `mlflow models serve`. Every error is a line of JSON.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import math
import multiprocessing
import os
import platform
import signal
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi_offline import FastAPIOffline
from prometheus_client.multiprocess import mark_process_dead
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from unroll.errors import DataError, ParamsError, ResourceError, UnrollError
from unroll.params.evaluate import Sample, Search
from unroll.serve.answering import asked, check
from unroll.serve.batching import Batcher, room
from unroll.serve.connections import Connection, quiet
from unroll.serve.forms import BODY_BYTES, Answers, Question, Refusal, RefusedError, question, read
from unroll.serve.metrics import SHARED, Metrics

if TYPE_CHECKING:
    from unroll.predict.predictor import Prediction, Predictor

BODY_SECONDS, ANSWER_SECONDS = 30.0, 60.0
"""How long a request may take to arrive, and its answer to be found."""
OPEN = 1024
"""Requests that may be open at a time."""
TOKENS, QUICK_TOKENS = 100_000, 5_000
"""Of a request: the tokens of all hypotheses that its answers may take; those of one that waits for no long one."""
LINES, LINE_BYTES = 64, 2**16
"""Of a stream of lines: those that are answered together; the bytes of one."""
LOOK_SECONDS = 0.25
"""Between two looks whether a client is still there."""
OPEN_DOORS = ("/health", "/ping", "/ready")
"""What needs no token: whoever watches over the server has none."""
WORKER_SECONDS = 30
"""How long a worker may be silent, as while it is started, before another one takes its place."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Settings:
    """How a server is to behave.

    Attributes:
        token: what requests have to bring as `Authorization: Bearer`; None: nothing.
        hosts: the names by which it may be called; none: any.
        origins: of pages that may ask it from a browser; none: no pages but its own.
        together: whether texts of several requests are answered in one batch.
        about: what /version says, beside the versions of what it runs on.
    """

    token: str | None = None
    hosts: Sequence[str] = ()
    origins: Sequence[str] = ()
    together: bool = True
    about: Mapping[str, str] = field(default_factory=dict)


def app(predictor: Predictor, settings: Settings | None = None) -> FastAPI:
    """Return the ASGI application that answers with a predictor, which searches as it was told to."""
    settings = settings or Settings()
    metrics = Metrics()
    server = _Server(predictor, settings, metrics)
    found = FastAPIOffline(
        title="Unroll",
        description=f"{predictor!r}".strip("<>"),
        version=settings.about.get("unroll", "0"),
        redoc_url=None,
        lifespan=server.lifespan,
        responses={status: {"model": Refusal} for status in (400, 413, 415, 422, 503)},
        exception_handlers={HTTPException: _no_such_door, Exception: _broken},
    )
    found.add_api_route(
        "/invocations", server.invocations, methods=["POST"], response_model=Answers, openapi_extra=MLFLOW
    )
    found.add_api_route("/answers", server.answers, methods=["POST"], response_model=Answers, openapi_extra=QUESTION)
    found.add_api_route("/lines", server.lines, methods=["POST"], response_class=PlainTextResponse, openapi_extra=LINE)
    for path in ("/health", "/ping"):
        found.add_api_route(path, _alive, methods=["GET"], include_in_schema=path == "/health")
    found.add_api_route("/ready", server.ready, methods=["GET"])
    found.add_api_route("/version", server.version, methods=["GET"])
    found.add_api_route("/metrics", metrics.page, methods=["GET"])
    found.add_middleware(_Guard, settings=settings, metrics=metrics)
    if settings.origins:  # the outermost: a browser asks whether it may ask before it shows its token
        found.add_middleware(
            CORSMiddleware, allow_origins=settings.origins, allow_methods=["GET", "POST"], allow_headers=["*"]
        )
    return found


def _body_of(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {kind: {"schema": dict(schema)}}}}


MLFLOW = _body_of(
    "application/json",
    {"type": "object", "example": {"dataframe_records": [{"text": "I drink milk."}], "params": {"n_best": 2}}},
)
QUESTION = _body_of("application/json", Question.model_json_schema())
LINE = _body_of("text/plain", {"type": "string", "example": "I drink milk.\nWhere is the station?\n"})


class _Server:
    """The doors, and the two queues behind them: what is long does not hold up what is short."""

    def __init__(self, predictor: Predictor, settings: Settings, metrics: Metrics) -> None:
        self._predictor, self._settings, self._metrics = predictor, settings, metrics
        self._batchers: dict[bool, Batcher] = {}

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Answer between the server's start and its end."""
        self._batchers = {
            quick: Batcher(self._ask, self._settings.together, self._metrics.batch) for quick in (True, False)
        }
        tasks = [asyncio.create_task(batcher.work()) for batcher in self._batchers.values()]
        with suppress(DataError):  # of labels and vectors; the first to ask is not to wait for what is made once
            await self._batchers[True].answer(["."], 1, self._predictor.search)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for batcher in self._batchers.values():
                batcher.close()
            self._batchers = {}

    def _ask(self, texts: Sequence[str], n_best: int, search: Search, steps: int | None) -> list[list[Prediction]]:
        from unroll.predict.steps import Stepper

        predictor = self._predictor if steps is None else Stepper(self._predictor, steps)
        narrow = search.model_copy(update={"batch_sentences": min(search.batch_sentences, room(search))})
        return list(predictor.stream(texts, n_best, narrow))

    async def invocations(self, request: Request) -> Response:
        """Answer texts in any form of `mlflow models serve`; `params` are `n_best`, and fields of the search."""
        return await _told(self._invocations(request))

    async def _invocations(self, request: Request) -> Response:
        texts, params = read(await _body(request, "application/json"))
        return _predictions(await self._answer(request, texts, params), details=False)

    async def answers(self, request: Request) -> Response:
        """Answer texts; with `details` answers bring their tokens and alignments, with `steps` probabilities."""
        return await _told(self._answers(request))

    async def _answers(self, request: Request) -> Response:
        wanted = question(await _body(request, "application/json"))
        steps = wanted.alternatives if wanted.steps or wanted.alternatives else None
        return _predictions(await self._answer(request, wanted.texts, wanted.params, steps), wanted.details)

    async def lines(self, request: Request) -> Response:
        """Answer each line of a text, as many as there are; answers come while lines go: `curl -T file`."""
        kind = _kind(request)
        if kind not in ("text/plain", ""):
            return _error(415, f"content type '{kind[:100]}'; send text/plain")
        return _Streamed(self._lines(request))

    async def _lines(self, request: Request) -> AsyncIterator[str]:
        """Yield an answer a line; what cannot be answered ends the stream with a line that says why."""
        try:
            async for lines in _parted(request):
                found = await self._answer(None, lines, {})
                yield "".join(f"{best.text}\n" for best, *_ in found)
        except (RefusedError, DataError, ParamsError) as error:
            yield f"unroll: {error}\n"

    async def _answer(
        self, request: Request | None, texts: Sequence[Any], params: Mapping[str, Any], steps: int | None = None
    ) -> list[list[Prediction]]:
        """Return the answers to texts, unless there are too many, they take too long, or nobody waits for them.

        Args:
            request: that was read whole, whose client may leave.
            steps: likeliest tokens that each step of an answer names; None: answers have no steps.
        Raises:
            RefusedError, DataError, ParamsError: as that.
        """
        n_best, search = asked(self._predictor.search, params)
        check(texts)
        tokens = await asyncio.to_thread(_tokens, self._predictor, texts, n_best, search)
        tokens *= 1 + (steps or 0)
        if tokens > TOKENS:
            bound = "texts x beam x length" + (" x (1 + alternatives)" if steps else "")
            raise RefusedError(
                422, f"up to {tokens:,} tokens in all hypotheses ({bound}); at most {TOKENS:,}: ask for less"
            )
        work = asyncio.ensure_future(self._batchers[tokens <= QUICK_TOKENS].answer(texts, n_best, search, steps))
        left = asyncio.ensure_future(_left(request))
        try:
            await asyncio.wait({work, left}, timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():  # or nobody reads this
                raise RefusedError(
                    503, f"not answered within {ANSWER_SECONDS:.0f} seconds: too much is asked at a time"
                )
            self._metrics.texts.inc(len(texts))
            return work.result()
        finally:
            work.cancel()
            left.cancel()

    async def ready(self) -> Response:
        """Say whether requests are answered."""
        return _json({"ready": True}, 200) if self._batchers else _error(503, "not yet, or no longer")

    async def version(self) -> dict[str, str]:
        """Say what answers: the model, and the versions of what it runs on."""
        import torch

        return {**self._settings.about, "python": platform.python_version(), "torch": torch.__version__}


async def _alive() -> Response:
    """Say that the server is there."""
    return Response("\n", media_type="application/json")


def _tokens(predictor: Predictor, texts: Sequence[str], n_best: int, search: Search) -> int:
    """Return how many tokens all hypotheses may come to: what an answer takes, in time as in memory."""
    from unroll.predict.predictor import MAX_SOURCE

    if isinstance(search, Sample):
        return len(texts) * n_best * search.max_tokens
    lengths = [len(row) for row in predictor.rows([predictor.beginning(text) for text in texts], strict=False)]
    if predictor.normalizer is None:
        lengths = [min(length, MAX_SOURCE) for length in lengths]
    ratio, beam = getattr(search, "max_length_ratio", 1.0), getattr(search, "beam", 1)
    beam += 2 * n_best if n_best > 1 else 0  # wider ones look for what a beam did not find
    return int(beam * sum(ratio * length + 10 for length in lengths))


def _predictions(found: Sequence[Sequence[Prediction]], details: bool) -> Response:
    from unroll.predict.shown import row

    rows = [
        row(number, rank, one, details)
        for number, answers in enumerate(found)
        for rank, one in enumerate(answers, start=1)
    ]
    return _json({"predictions": rows}, 200)


def _json(content: object, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), status, headers, media_type="application/json")


def _error(status: int, message: str) -> Response:
    headers = {503: {"Retry-After": "1"}, 401: {"WWW-Authenticate": "Bearer"}}.get(status)
    return _json({"error": message}, status, headers)


async def _told(found: Awaitable[Response]) -> Response:
    """Return an answer, or the line that says why there is none."""
    try:
        return await found
    except RefusedError as refusal:
        return _error(refusal.status, str(refusal))
    except (DataError, ParamsError) as error:
        return _error(422, str(error))


async def _no_such_door(request: Request, error: Any) -> Response:
    return _error(error.status_code, f"{request.method} {request.url.path}: POST /invocations, or GET /docs for more")


async def _broken(request: Request, error: Exception) -> Response:
    """Tell nothing of the machine; what is a defect of ours goes to stderr whole."""
    return _error(500, "this could not be answered; the server's stderr says why")


async def _left(request: Request | None) -> None:
    """Return when the client is gone."""
    while request is None or not await request.is_disconnected():
        await asyncio.sleep(LOOK_SECONDS)


class _Streamed(Response):
    """Text that is sent while the request is still read; starlette's own reads the request on, and throws it away."""

    media_type = "text/plain"

    def __init__(self, parts: AsyncIterator[str]) -> None:
        super().__init__()
        self._parts = parts
        del self.headers["content-length"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for part in self._parts:
            await send({"type": "http.response.body", "body": part.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _body(request: Request, kind: str) -> bytes:
    """Return what a request holds, read no further than its limit, whatever it says of its length.

    Raises:
        RefusedError: it is of another kind by its own account, too large, too slow, or broke off.
    """
    if _kind(request) != kind:
        raise RefusedError(415, f"content type '{_kind(request)[:100]}'; send {kind}")
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


async def _parted(request: Request) -> AsyncIterator[list[str]]:
    """Yield the lines of a request's body as they arrive, up to LINES at a time.

    Raises:
        RefusedError: a line is too long or no text, nothing arrives for too long, or it broke off.
    """
    left, chunks = b"", request.stream()
    while True:
        try:
            chunk = await asyncio.wait_for(anext(chunks, None), BODY_SECONDS)
        except ClientDisconnect:
            raise RefusedError(400, "the request broke off") from None
        except TimeoutError:
            raise RefusedError(408, f"nothing arrived for {BODY_SECONDS:.0f} seconds") from None
        whole, break_, left = (left + (chunk or b"")).rpartition(b"\n")
        lines = whole.split(b"\n") if break_ else []
        if chunk is None and left:
            lines.append(left)
        if max(map(len, [*lines, left])) > LINE_BYTES:
            raise RefusedError(413, f"a line of more than {LINE_BYTES:,} bytes")
        try:
            texts = [line.decode().removesuffix("\r") for line in lines]
        except UnicodeDecodeError as error:
            raise RefusedError(400, f"a line is not UTF-8: {error.reason}") from None
        for first in range(0, len(texts), LINES):
            yield texts[first : first + LINES]
        if chunk is None:
            return


class _Guard:
    """What is looked at before a request is let in, and counted when it is answered."""

    def __init__(self, app: Callable[..., Awaitable[None]], settings: Settings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics, self._open = app, settings, metrics, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def noted(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        self._open += 1
        self._metrics.open.set(self._open)
        try:
            refusal = self._refused(Request(scope))
            await (refusal or self._app)(scope, receive, noted)
        finally:
            self._open -= 1
            self._metrics.open.set(self._open)
            self._metrics.request(scope["path"], status, time.perf_counter() - begun)

    def _refused(self, request: Request) -> Response | None:
        settings, path, host = self._settings, request.scope["path"], _host(request)
        if settings.hosts and host not in settings.hosts:
            return _error(400, f"no host {host[:100]!r} here; needed: {', '.join(settings.hosts)}")
        given = request.headers.get("authorization", "")
        wanted = f"Bearer {settings.token}"
        if settings.token and path not in OPEN_DOORS and not hmac.compare_digest(given.encode(), wanted.encode()):
            return _error(401, "needed: Authorization: Bearer, and the token of this server")
        if self._open > OPEN:
            return _error(503, f"more than {OPEN} requests are open; ask again")
        return None


def _host(request: Request) -> str:
    """Return the name by which a server was called; nothing, if that is none."""
    given = request.headers.get("host")
    with suppress(ValueError):  # such as [
        return (request.url.hostname if given is None else urlsplit(f"//{given}").hostname) or ""
    return ""


def serve(
    load: Callable[[], Predictor], settings: Settings, host: str, port: int, grace: float, workers: int = 1
) -> None:
    """Answer requests until told to end; print where, once it does.

    Args:
        load: brings the predictor; of several workers each calls it.
        grace: seconds in which what was begun is answered, when the server is told to end.
    """
    alone = app(load(), settings)  # what cannot be read is told before anything listens
    config = uvicorn.Config(
        partial(_loaded, load, settings) if workers > 1 else alone, host, port, factory=workers > 1, workers=workers,
        log_level="error", access_log=False, http=Connection, ws="none", server_header=False,
        timeout_graceful_shutdown=math.ceil(grace), timeout_worker_healthcheck=WORKER_SECONDS,
    )  # fmt: skip
    told = _started(host, port, settings)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as uvicorn passes it on, once all is answered
    with suppress(KeyboardInterrupt):
        if workers > 1:
            del alone
            Workers(config, told).run()
        else:
            Server(config, told).run()


def _loaded(load: Callable[[], Predictor], settings: Settings) -> FastAPI:
    """Return the application of a worker; what hinders it is told in a line, and the others end too."""
    threading.Thread(target=_end_with_starter, name="follows its starter", daemon=True).start()
    try:
        return app(load(), settings)
    except UnrollError as error:
        print(f"unroll: {error}", file=sys.stderr)
        sys.exit(STARTUP_FAILURE)


def _end_with_starter() -> None:
    """End this worker, as if told to, once the process that started it is gone, however that ended."""
    starter = multiprocessing.parent_process()
    if starter:
        starter.join()
        os.kill(os.getpid(), signal.SIGTERM)


class Workers(Multiprocess):
    """uvicorn's, which say something once all of them answer, and whose metrics are added up."""

    def __init__(self, config: uvicorn.Config, told: str) -> None:
        super().__init__(config, [config.bind_socket()])
        self._told, self._pids = told, set[int | None]()

    def run(self) -> None:
        """Answer until told to end.

        Raises:
            ResourceError: a worker cannot be started.
        """
        with tempfile.TemporaryDirectory(prefix="unroll-metrics-") as self._shared:
            os.environ[SHARED] = self._shared  # workers inherit it
            super().run()
        if any(process.exitcode == STARTUP_FAILURE for process in self.processes):
            raise ResourceError("a worker did not start; what it said stands above")

    def keep_subprocess_alive(self) -> None:
        """Start a worker for each that died, which no longer has open requests."""
        for process in self.processes:
            process.child_conn.close()  # the worker has its own: when it dies, nobody waits for its sign of life
        super().keep_subprocess_alive()
        pids = {process.pid for process in self.processes}
        for pid in self._pids - pids:
            mark_process_dead(pid, self._shared)  # type: ignore[no-untyped-call]
        self._pids = pids
        if self._told and all(process.is_ready() for process in self.processes):
            print(self._told, flush=True)
            self._told = ""


class Server(uvicorn.Server):
    """uvicorn's, which says something once it answers."""

    def __init__(self, config: uvicorn.Config, told: str | None = None) -> None:
        super().__init__(config)
        self._told = told

    async def startup(self, sockets: Any = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        asyncio.get_running_loop().set_exception_handler(quiet)
        if self.started and self._told:
            print(self._told, flush=True)


def _started(host: str, port: int, settings: Settings) -> str:
    place = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    token = " -H 'Authorization: Bearer TOKEN'" if settings.token else ""
    body = '{"dataframe_records": [{"text": "I drink milk."}]}'
    return (
        f"{place}/invocations answers, {place}/docs shows; Ctrl-C ends it. Try:\n"
        f"curl -s {place}/invocations{token} -H 'Content-Type: application/json' -d '{body}'"
    )
