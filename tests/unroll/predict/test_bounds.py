"""A folder that says what it cannot be is refused before anything of it is built."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import tiny
from tests.unroll.predict.test_checkpoints import KINDS
from unroll.errors import IntegrityError, ResourceError
from unroll.predict import bounds


@pytest.mark.parametrize(("section", "changes", "pairs"), KINDS, ids=[f"{s}-{'-'.join(c)}" for s, c, _ in KINDS])
def test_every_kind_of_model_is_within_its_bounds(
    tmp_path: Path, section: str, changes: dict[str, Any], pairs: list[tuple[str, str]] | None
) -> None:
    bounds.hold(tiny.checkpoint(tmp_path, tiny.pipeline(section, **({"train__updates": 11} | changes)), pairs))


def test_the_list_at_the_head_is_what_the_weights_are(saved: Path) -> None:
    weights = load_file(saved / "model.safetensors")
    found = bounds.head(saved / "model.safetensors")
    assert found == {name: (weight.dtype, tuple(weight.shape)) for name, weight in weights.items()}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (lambda weights: {"head.readout.bias": None}, "head.readout.bias"),
        (lambda weights: {"head.readout.weight": weights["head.readout.weight"].double()}, "head.readout.weight"),
        (lambda weights: {"head.readout.weight": weights["head.readout.weight"].T.contiguous()}, "head.readout.weight"),
        (lambda weights: {"another": torch.zeros(1)}, "another"),
    ],
    ids=["too few", "of another dtype", "of another shape", "too many"],
)
def test_weights_that_the_parameters_do_not_make_are_named(
    copy: Path, changes: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor | None]], told: str
) -> None:
    weights = load_file(copy / "model.safetensors")
    kept = {name: weight for name, weight in (weights | changes(weights)).items() if weight is not None}
    save_file(kept, copy / "model.safetensors")
    tiny.sign(copy)
    with pytest.raises(IntegrityError, match=f"do not belong together: {told} is of another shape"):
        bounds.hold(copy)


def test_nothing_is_built_of_sizes_that_the_weights_have_not(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads((copy / "params.json").read_text())
    document["model"]["encoder"]["hidden"] = 30_000
    (copy / "params.json").write_text(json.dumps(document))
    tiny.sign(copy)
    monkeypatch.setattr("unroll.predict.checkpoints.load", lambda _: pytest.fail("it was built"))
    with pytest.raises(IntegrityError, match="do not belong together"):
        bounds.hold(copy)


def test_a_model_that_memory_has_no_room_for_is_not_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    free = 2 * (copy / "model.safetensors").stat().st_size
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": free}))
    bounds.hold(copy)
    free -= 1
    with pytest.raises(ResourceError, match="of memory"):
        bounds.hold(copy)


def test_another_kind_of_folder_is_left_to_who_reads_it(saved: Path) -> None:
    bounds.hold(saved.parent / "tokenized")


def test_parts_that_are_not_here_do_not_hide_another_size(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    document = json.loads((copy / "params.json").read_text())
    document["parts"] = "pipelines/mine.py"
    (copy / "params.json").write_text(json.dumps(document))
    tiny.sign(copy)
    bounds.hold(copy)
    document["model"]["encoder"]["hidden"] = 30_000
    (copy / "params.json").write_text(json.dumps(document))
    tiny.sign(copy)
    with pytest.raises(IntegrityError, match="do not belong together"):
        bounds.hold(copy)
