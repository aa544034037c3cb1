"""Training and the machine: their limits, each refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unroll.params.refusals import ABSENT, message


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("train.lerning_rate", 1.0, "translate: train.lerning_rate: no such parameter; did you mean 'learning_rate'?"),
        ("train.learning_rate", "1e-3", "train.learning_rate: should be a valid number, not '1e-3'; write 0.001"),
        ("train.updates", "many", "train.updates: should be a valid integer, not 'many'"),
        ("train.updates", 0, "train.updates: should be greater than or equal to 1, not 0"),
        ("train.updates", 10.5, "train.updates"),
        ("train.scheduled_sampling", 1.5, "train.scheduled_sampling: should be less than or equal to 1, not 1.5"),
        ("train.clip", ABSENT, "train.clip: is missing"),
        ("machine.threads", True, "machine.threads"),
        ("machine.threads", 0, "machine.threads: should be greater than or equal to 1, not 0"),
        ("machine.accelerator", "gpu", "machine.accelerator: should be 'auto', 'cpu' or 'cuda', not 'gpu'"),
        ("machine.procesess", 2, "machine.procesess: no such parameter; did you mean 'processes'?"),
        ("machine", ABSENT, "machine: is missing"),
        ("train.restart_streams", 1.0, "train.restart_streams: should be less than 1, not 1.0"),
        ("train.restart_streams", ABSENT, "train.restart_streams: is missing"),
        ("train.threads", 2, "train.threads: no such parameter"),
        ("train.start_from", ABSENT, "train.start_from: is missing"),
        ("train.start_parts", ["decoder"], "'decoder' is no part of a model: such as encoder, encoder.embedding, head"),
        ("train.start_parts", [], "train.start_parts: "),
    ],
)
def test_a_wrong_parameter_is_named_with_its_fix(path: str, value: Any, expected: str) -> None:
    assert expected in message("translate", {path: value})
