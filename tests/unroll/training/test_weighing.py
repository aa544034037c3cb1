"""Weights of classes against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from unroll.data.tokenizers import LabelTokenizer
from unroll.errors import ParamsError
from unroll.params.tokenize import Labels
from unroll.training.weighing import class_weights

LABELS = ["a"] * 6 + ["b"] * 3 + ["c"]
READER = LabelTokenizer.train(LABELS, Labels(kind="label"))
IDS = np.concatenate([np.asarray(row) for row in READER.encode(LABELS)])


def test_balanced_classes_weigh_what_scikit_learn_says_and_all_rows_together_their_number() -> None:
    weights = class_weights("balanced", IDS, READER)
    assert weights is not None
    expected = compute_class_weight("balanced", classes=np.array(["a", "b", "c"]), y=LABELS)
    assert weights[[READER.index[name] for name in "abc"]].tolist() == pytest.approx(expected.tolist())
    assert float(weights[IDS].sum()) == pytest.approx(len(LABELS))
    assert weights[: READER.special].tolist() == [1.0] * READER.special


def test_a_class_without_a_weight_of_its_own_weighs_1() -> None:
    weights = class_weights({"c": 5.0}, IDS, READER)
    assert weights is not None
    assert weights[[READER.index[name] for name in "abc"]].tolist() == [1.0, 1.0, 5.0]


def test_a_class_that_train_has_not_is_refused_by_its_name() -> None:
    with pytest.raises(ParamsError, match=r"train.class_weights: no row of train has the class 'bb'; did you mean 'b'"):
        class_weights({"bb": 2.0}, IDS, READER)


def test_without_weights_there_is_nothing_to_multiply_by() -> None:
    assert class_weights(None, IDS, READER) is None
