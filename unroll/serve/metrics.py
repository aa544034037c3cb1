"""What a server counts, as Prometheus reads it: requests, their seconds, texts, and how full batches are.

Several workers count in files of one folder, and whichever is asked adds them up.
"""

from __future__ import annotations

import os

from fastapi import Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

DOORS = ("/invocations", "/answers", "/lines", "/health", "/ping", "/ready", "/version", "/metrics", "/docs")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder of several workers; prometheus_client reads it when a worker starts."""


class Metrics:
    """The counters of one server, which it shares with the other workers if there are some."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("unroll_requests", "Requests.", ["path", "status"], registry=self._registry)
        self._seconds = Histogram(
            "unroll_request_seconds", "Seconds of a request.", ["path"], buckets=SECONDS, registry=self._registry
        )
        self._batches = Histogram("unroll_batch_texts", "Texts of a batch.", buckets=TEXTS, registry=self._registry)
        self.texts = Counter("unroll_texts", "Texts that were answered.", registry=self._registry)
        self.open = Gauge(
            "unroll_requests_open", "Requests that are being answered.", registry=self._registry,
            multiprocess_mode="livesum",
        )  # fmt: skip

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request; paths that are no doors are one."""
        door = path if path in DOORS else "other"
        self._requests.labels(door, str(status)).inc()
        self._seconds.labels(door).observe(seconds)

    def batch(self, texts: int) -> None:
        """Count a batch."""
        self._batches.observe(texts)

    async def page(self) -> Response:
        """Say it in Prometheus' words."""
        registry = self._registry
        if SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
