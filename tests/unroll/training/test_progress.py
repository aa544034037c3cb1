"""The bar shows what happened, on stderr alone."""

from __future__ import annotations

import pytest

from unroll.training.loop import Progress
from unroll.training.progress import progress_bar


def test_it_shows_updates_speed_and_losses(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(40, 10) as advance:
        advance(Progress(20, 900, 0.5, 3.12345, 0.001, 0.7))
        advance(Progress(40, 900, 0.5, 2.5, 0.002, 0.5, 3, 2.25, 17.5))
    out, err = capsys.readouterr()
    assert out == ""
    assert "train: 3 updates to 40 skipped: gradients not finite" in err
    last = err.split("\r")[-1]
    assert "40/40" in last
    for part in ("1,800/s", "loss=2.500", "valid=2.250", "score=17.50"):
        assert part in last
