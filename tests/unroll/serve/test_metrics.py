"""Counters are a server's own, and paths that are no doors make no new ones."""

from __future__ import annotations

import asyncio

from unroll.serve.metrics import Metrics


def page(metrics: Metrics) -> str:
    return bytes(asyncio.run(metrics.page()).body).decode()


def test_paths_that_are_no_doors_are_one() -> None:
    metrics = Metrics()
    for number in range(100):
        metrics.request(f"/{number}", 404, 0.1)
    metrics.request("/answers", 200, 0.1)
    assert 'unroll_requests_total{path="other",status="404"} 100.0' in page(metrics)
    assert 'unroll_requests_total{path="/answers",status="200"} 1.0' in page(metrics)
    assert "/17" not in page(metrics)


def test_each_server_counts_for_itself() -> None:
    metrics = Metrics()
    metrics.batch(3)
    assert "unroll_batch_texts_sum 3.0" in page(metrics)
    assert "unroll_batch_texts_sum 0.0" in page(Metrics())
