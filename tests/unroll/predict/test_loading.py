"""A folder becomes the Predictor that answers people."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from unroll.errors import IntegrityError
from unroll.predict import checkpoints
from unroll.predict.fast import Fast
from unroll.predict.loading import load
from unroll.predict.predictor import Predictor, usual


def test_it_answers_as_the_parts_of_the_checkpoint_do(tiny_model_folder: Path) -> None:
    found, predictor = checkpoints.load(tiny_model_folder), load(tiny_model_folder)
    assert predictor.recipe == found.recipe
    assert predictor.search == usual(found.recipe)
    assert isinstance(predictor.decode, Fast)
    assert predictor.decode.lexicon is not None
    assert not predictor.model.training
    texts = ["I drink milk", "", "tea"]
    plain = Predictor(found.model, found.readers, found.recipe)
    assert [one.text for one in predictor(texts)] == [one.text for one in plain(texts)]


def test_it_answers_as_it_is_told_to(tiny_model_folder: Path) -> None:
    search = load(tiny_model_folder).search.model_copy(update={"beam": 2})
    assert load(tiny_model_folder, search).search is search


@pytest.mark.parametrize(("threads", "expected"), [(None, 1), (2, 2)])
def test_threads_are_set_where_a_number_is_given(
    tiny_model_folder: Path, threads: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MKL_CBWR", raising=False)
    torch.set_num_threads(1)
    try:
        load(tiny_model_folder, threads=threads)
        assert torch.get_num_threads() == expected
        assert os.environ["MKL_CBWR"] == "AUTO"
    finally:
        torch.set_num_threads(1)


def test_an_altered_folder_is_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))
    (folder / "params.json").write_bytes(b"{}")
    with pytest.raises(IntegrityError, match=r"params\.json"):
        load(folder)
