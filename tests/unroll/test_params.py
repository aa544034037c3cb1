"""params.yaml is read whole or refused in one line that names the parameter."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from unroll import params
from unroll.errors import ParamsError

SECTION = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["translate"]
ABSENT = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    section = copy.deepcopy(SECTION)
    *parents, name = path.split(".")
    here = section
    for parent in parents:
        here = here[parent]
    if value is ABSENT:
        del here[name]
    else:
        here[name] = value
    return section


def message(path: str, value: Any) -> str:
    with pytest.raises(ParamsError) as caught:
        params.parse(params.Pipeline, changed(path, value), "params.yaml: translate")
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["pipelines"])
def test_every_shipped_pipeline_is_valid_and_survives_a_round_trip(name: str) -> None:
    pipeline = params.load(Path("params.yaml"), name)
    assert params.parse(params.Pipeline, params.dump(pipeline), name) == pipeline


def test_nothing_has_a_default() -> None:
    def models(kind: type[params.Section]) -> list[type[params.Section]]:
        return [
            kind,
            *(
                m
                for field in kind.model_fields.values()
                for sub in params._models_in(field.annotation)
                for m in models(sub)
            ),
        ]

    for model in models(params.Pipeline):
        assert all(field.is_required() for field in model.model_fields.values()), model


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("train.lerning_rate", 1.0, "translate: train.lerning_rate: no such parameter; did you mean 'learning_rate'?"),
        ("prepare.corpus.files", "a", "prepare.corpus.files: no such parameter; did you mean 'file'?"),
        ("register.nam", "a", "did you mean 'name'?"),
        ("train.learning_rate", "1e-3", "train.learning_rate: should be a valid number, not '1e-3'; write 0.001"),
        ("train.updates", "many", "train.updates: should be a valid integer, not 'many'"),
        ("train.updates", 0, "train.updates: should be greater than or equal to 1, not 0"),
        ("train.updates", 10.5, "train.updates"),
        ("train.threads", True, "train.threads"),
        ("model.dropout", 1.0, "model.dropout: should be less than 1"),
        ("model.dropout", float("nan"), "model.dropout"),
        ("model.cell", "lstn", "model.cell: should be 'rnn', 'lstm' or 'gru', not 'lstn'"),
        ("model.hidden", 511, "model.hidden"),
        ("prepare.split.test", 0.98, "prepare.split: valid and test must leave something to train on"),
        ("train.clip", ABSENT, "train.clip: is missing"),
        ("fetch.kind", "whel", "fetch"),
        ("fetch.sha256", "abc", "fetch.sha256"),
        ("fetch.members", {"a": "../b"}, "fetch.members.a: '../b' must be a path inside the folder"),
        ("prepare", 3, "prepare"),
        ("prepare.split.kind", "random", "prepare.split"),
        ("tokenize.vocab_size", 60_000, "tokenize.vocab_size: should be less than or equal to 50000"),
        ("tokenize.vocab_size", 200, "tokenize: vocab_size must be at least 300 with kind 'bpe'"),
        ("embed.neighbours_of", ["milk", 1], "embed.neighbours_of.1"),
        ("embed.kind", "imported", "embed: source_vectors and target_vectors"),
        ("train.sampled_softmax", 8000, "train.sampled_softmax must be smaller than tokenize.vocab_size"),
        ("train.warmup", 100_000, "train.warmup must be smaller than train.updates"),
        ("register.name", "a/b", "register.name"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_mend(path: str, value: Any, expected: str) -> None:
    assert expected in message(path, value)


def test_input_feeding_does_not_go_with_a_query_from_before() -> None:
    section = changed("model.query", "before")
    section["model"]["input_feeding"] = True
    with pytest.raises(ParamsError, match="model: input_feeding goes with query 'after'"):
        params.parse(params.Pipeline, section, "p")


def test_an_unknown_pipeline_is_guessed() -> None:
    with pytest.raises(ParamsError, match="no section 'translat'; did you mean 'translate'"):
        params.load(Path("params.yaml"), "translat")


@pytest.mark.parametrize("content", [b"", b"a: [", b"\xff\xfe", b"- 1", b"translate: 3", b"translate: null"])
def test_a_file_that_is_no_params_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(ParamsError):
        params.load(tmp_path / "params.yaml", "translate")


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@given(section=st.sampled_from(sorted(SECTION)), value=trees)
def test_whatever_stands_in_a_section_it_is_valid_or_refused(section: str, value: Any) -> None:
    assert refusal(changed(section, value)).startswith(("accepted", "p: "))


def refusal(section: dict[str, Any]) -> str:
    try:
        params.parse(params.Pipeline, section, "p")
    except ParamsError as error:
        return str(error)
    return "accepted"
