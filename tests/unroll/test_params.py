"""params.yaml is read whole or refused in one line that names the parameter."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll import params
from unroll.errors import ParamsError

DOCUMENT = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
PIPELINES = DOCUMENT["pipelines"]
ABSENT = object()


def changed(pipeline: str, changes: dict[str, Any]) -> dict[str, Any]:
    """A shipped section with other values at dotted paths."""
    section = copy.deepcopy(DOCUMENT[pipeline])
    for path, value in changes.items():
        *parents, name = path.split(".")
        here = section
        for parent in parents:
            here = here[parent]
        if value is ABSENT:
            del here[name]
        else:
            here[name] = value
    return section


def message(pipeline: str, changes: dict[str, Any]) -> str:
    with pytest.raises(ParamsError) as caught:
        params.parse(params.Pipeline, changed(pipeline, changes), f"params.yaml: {pipeline}")
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", PIPELINES)
def test_every_shipped_pipeline_is_valid_and_survives_a_round_trip(name: str) -> None:
    pipeline = params.load(Path("params.yaml"), name)
    assert params.parse(params.Pipeline, params.dump(pipeline), name) == pipeline


def test_every_section_of_the_file_is_a_pipeline_that_it_names() -> None:
    assert set(DOCUMENT) - {"shared"} == {"pipelines", *PIPELINES}


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

    found = models(params.Pipeline)
    assert {params.Table, params.Labels, params.Tagger, params.Sample} <= set(found)
    for model in found:
        assert all(field.is_required() for field in model.model_fields.values()), model


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("train.lerning_rate", 1.0, "translate: train.lerning_rate: no such parameter; did you mean 'learning_rate'?"),
        ("model.head.atention", "dot", "model.head.atention: no such parameter; did you mean 'attention'?"),
        ("model.encoder.celll", "gru", "model.encoder.celll: no such parameter; did you mean 'cell'?"),
        ("prepare.corpus.fil", "a", "prepare.corpus.fil: no such parameter; did you mean 'file'?"),
        ("tokenize.source.vocab", 9, "tokenize.source.vocab: no such parameter; did you mean 'vocab_size'?"),
        ("evaluate.search.bean", 9, "evaluate.search.bean: no such parameter; did you mean 'beam'?"),
        ("register.nam", "a", "did you mean 'name'?"),
        ("train.learning_rate", "1e-3", "train.learning_rate: should be a valid number, not '1e-3'; write 0.001"),
        ("train.updates", "many", "train.updates: should be a valid integer, not 'many'"),
        ("train.updates", 0, "train.updates: should be greater than or equal to 1, not 0"),
        ("train.updates", 10.5, "train.updates"),
        ("train.threads", True, "train.threads"),
        ("train.scheduled_sampling", 1.5, "train.scheduled_sampling: should be less than or equal to 1, not 1.5"),
        ("model.dropout", 1.0, "model.dropout: should be less than 1"),
        ("model.dropout", float("nan"), "model.dropout"),
        ("model.encoder.hidden", 511, "model.encoder: hidden is 511, an odd number"),
        ("model.encoder.cell", "L S T M", "model.encoder.cell: "),
        ("model.head.attention", 3, "model.head.attention: should be a valid string, not 3"),
        ("model.head.query", "befor", "model.head.query: should be 'before' or 'after', not 'befor'"),
        ("model.head.kind", "decodr", "model.head"),
        ("prepare.split.test", 0.98, "prepare.split: valid and test must leave something to train on"),
        ("train.clip", ABSENT, "train.clip: is missing"),
        ("model.head.window", ABSENT, "model.head.window: is missing"),
        ("fetch.kind", "whel", "fetch"),
        ("fetch.sha256", "abc", "fetch.sha256"),
        ("fetch.members", {"a": "../b"}, "fetch.members.a: '../b' must be a path inside the folder"),
        ("prepare", 3, "prepare"),
        ("prepare.split.kind", "random", "prepare.split"),
        ("tokenize.source.vocab_size", 60_000, "tokenize.source.vocab_size: should be less than or equal to 50000"),
        ("tokenize.source.vocab_size", 200, "tokenize.source: vocab_size must be at least 300 with kind 'bpe'"),
        ("tokenize.source.kind", "wrod", "tokenize.source"),
        ("embed.neighbours_of", ["milk", 1], "embed.neighbours_of.1"),
        ("embed.kind", "imported", "embed: source_vectors and target_vectors"),
        ("embed.source_vectors", "v.txt", "embed: source_vectors and target_vectors"),
        ("evaluate.search.beam", 0, "evaluate.search.beam: should be greater than or equal to 1, not 0"),
        ("evaluate.search.beam", ABSENT, "evaluate.search.beam: is missing"),
        (
            "evaluate.search.length_penalty",
            -1.0,
            "evaluate.search.length_penalty: should be greater than or equal to 0",
        ),
        ("evaluate.search.top_p", 0.5, "evaluate.search.top_p: no such parameter"),
        ("register.name", "a/b", "register.name"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_mend(path: str, value: Any, expected: str) -> None:
    assert expected in message("translate", {path: value})


VECTORS_IN = {"tokenize.source": {"kind": "vectors", "width": 64}}
VECTOR = {"kind": "vector", "hidden": 8, "layers": 1, "activation": "tanh"}
FILTERS = DOCUMENT["translate"]["prepare"]["filters"]
BEAM, SAMPLE = DOCUMENT["translate"]["evaluate"]["search"], DOCUMENT["name"]["evaluate"]["search"]
RANK, TAG = ({"kind": kind, "batch_sentences": 8} for kind in ("rank", "tag"))
CLASSIFIER = {"kind": "classifier", "context": "last"}
UNFITTING: list[tuple[str, dict[str, Any], str]] = [
    ("translate", {"train.sampled_softmax": 8000}, "train.sampled_softmax must be smaller than the vocab_size"),
    ("caption", {"train.sampled_softmax": 300}, "train.sampled_softmax must be smaller than the vocab_size"),
    ("translate", {"train.warmup": 10_000}, "train.warmup must be smaller than train.updates"),
    ("digit", {"tokenize.source": {"kind": "label"}}, "format 'table' and tokenize.source.kind 'vectors' go together"),
    ("letter", VECTORS_IN, "format 'table' and tokenize.source.kind 'vectors' go together"),
    ("digit", {"tokenize.source.width": 32}, "tokenize.source.width must be prepare.corpus.frame"),
    ("rows", {"prepare.corpus.frame": 4}, "tokenize.source.width must be prepare.corpus.frame"),
    (
        "digit",
        {"embed.kind": "imported", "embed.source_vectors": "v.txt"},
        "embed.source_vectors are for tokens, and the source is vectors: set null",
    ),
    ("digit", {"prepare.corpus.columns": [64, 64]}, "prepare.corpus.columns: [64, 64] is empty"),
    ("classify", {"prepare.corpus.rows": [9, 3]}, "prepare.corpus.rows: [9, 3] is empty"),
    ("classify", {"prepare.filters": FILTERS}, "prepare.filters are for pairs of sentences: set null"),
    ("letter", {"prepare.corpus.pairs": False}, "prepare.corpus.pairs goes with shape one_to_one"),
    ("language", {"prepare.corpus.pairs": True}, "prepare.corpus.pairs goes with shape one_to_one"),
    ("language", {"model.head": CLASSIFIER}, "it needs a tagger as head and tokenize.target null"),
    ("language", {"tokenize.target": {"kind": "label"}}, "it needs a tagger as head and tokenize.target null"),
    ("language", {"model.encoder.bidirectional": True}, "model.encoder.bidirectional would read what is to be"),
    ("translate", {"train.bptt": 9}, "train.bptt is for running text"),
    ("language", {"train.select_by": "accuracy"}, "train.select_by must be 'loss' where the corpus is 'lines'"),
    ("classify", {"train.scheduled_sampling": 0.5}, "train.scheduled_sampling is for a decoder: set 0.0"),
    ("classify", {"model.encoder": VECTOR}, "model.encoder.kind 'vector' reads one item"),
    ("rows", {"model.encoder": VECTOR}, "model.encoder.kind 'vector' reads one item"),
    ("digit", {"prepare.corpus.join": 2}, "model.encoder.kind 'vector' reads one item"),
    ("name", {"model.head.attention": "general"}, "model.head.attention has no memory to look back at"),
    ("caption", {"model.head.attention": "dot"}, "model.head.attention has no memory to look back at"),
    ("frames", {"model.reverse_source": True}, "model.reverse_source would part the labels from their positions"),
    ("classify", {"model.tied": True}, "model.tied needs embeddings of the target"),
    ("translate", {"embed.kind": "one_hot"}, "model.tied needs embeddings of the target"),
    ("frames", {"model.tied": True}, "model.tied on a tagger needs one vocabulary for both sides"),
    ("language", {"model.encoder.hidden": 128}, "model.tied needs model.encoder.hidden and embed.dimensions to be"),
    ("translate", {"embed.frozen": True}, "model.tied and embed.frozen would leave no output layer to learn"),
    (
        "translate",
        {"evaluate.search": RANK},
        "evaluate.search.kind 'rank' cannot ask a decoder: set 'beam' or 'sample'",
    ),
    ("name", {"evaluate.search": TAG}, "evaluate.search.kind 'tag' cannot ask a decoder: set 'beam' or 'sample'"),
    ("classify", {"evaluate.search": BEAM}, "evaluate.search.kind 'beam' cannot ask a classifier: set 'rank'"),
    ("frames", {"evaluate.search": BEAM}, "evaluate.search.kind 'beam' cannot ask a tagger"),
    ("frames", {"evaluate.search": SAMPLE}, "evaluate.search.kind 'sample' cannot ask a tagger: set 'tag'"),
    ("language", {"evaluate.search": TAG}, "evaluate.search.kind 'tag' cannot ask a language model: set 'sample'"),
    ("translate", {"model.head.query": "before", "model.head.input_feeding": True}, "model.head: input_feeding goes"),
    ("digit", {"tokenize.target": None}, "tokenize: target must be given where the source is vectors"),
]


@pytest.mark.parametrize(("pipeline", "changes", "expected"), UNFITTING, ids=[f"{p}-{m[:40]}" for p, _, m in UNFITTING])
def test_parts_that_do_not_fit_are_refused_in_one_line(pipeline: str, changes: dict[str, Any], expected: str) -> None:
    assert message(pipeline, changes).startswith(f"params.yaml: {pipeline}: ")
    assert expected in message(pipeline, changes)


def test_every_misfit_is_hit() -> None:
    refused = [message(pipeline, changes) for pipeline, changes, _ in UNFITTING]
    for misfit in params.MISFITS:
        assert any(misfit.message in line for line in refused), misfit.message


@pytest.mark.parametrize(
    ("pipeline", "changes"),
    [
        ("language", {"model.tied": False, "model.encoder.hidden": 128}),
        ("translate", {"model.tied": False, "embed.frozen": True}),
        ("translate", {"model.tied": False, "embed.kind": "one_hot"}),
        ("language", {"train.bptt": None}),
        ("name", {"evaluate.search": BEAM}),
        ("name", {"model.head.attention": "none"}),
        ("translate", {"evaluate.search": SAMPLE, "train.scheduled_sampling": 1.0}),
        ("letter", {"train.sampled_softmax": 10}),
    ],
)
def test_what_fits_is_taken(pipeline: str, changes: dict[str, Any]) -> None:
    params.parse(params.Pipeline, changed(pipeline, changes), "p")


@pytest.mark.parametrize(("pipeline", "expected"), [(name, name in ("language", "characters")) for name in PIPELINES])
def test_running_text_says_itself(pipeline: str, expected: bool) -> None:
    assert params.load(Path("params.yaml"), pipeline).autoregressive is expected


def test_a_merged_block_is_resolved_and_what_follows_it_differs(tmp_path: Path) -> None:
    section = DOCUMENT["letter"]
    rest = {name: value for name, value in section.items() if name != "train"}
    (tmp_path / "params.yaml").write_text(
        f"shared:\n  train: &train {json.dumps(section['train'])}\n  rest: &rest {json.dumps(rest)}\n"
        "mine:\n  <<: *rest\n  train: {<<: *train, clip: 0.5}\n",
        encoding="utf-8",
    )
    merged, plain = params.load(tmp_path / "params.yaml", "mine"), params.load(Path("params.yaml"), "letter")
    assert plain.train.clip != 0.5
    assert merged == plain.model_copy(update={"train": plain.train.model_copy(update={"clip": 0.5})})


def test_an_unknown_pipeline_is_guessed() -> None:
    with pytest.raises(ParamsError, match="no section 'translat'; did you mean 'translate'"):
        params.load(Path("params.yaml"), "translat")


@pytest.mark.parametrize("content", [b"", b"a: [", b"\xff\xfe", b"- 1", b"translate: 3", b"translate: null"])
def test_a_file_that_is_no_params_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(ParamsError):
        params.load(tmp_path / "params.yaml", "translate")


def paths(section: Any, above: str = "") -> Iterator[str]:
    for name, value in section.items() if isinstance(section, dict) else ():
        if isinstance(name, str) and "." not in name:
            yield above + name
            yield from paths(value, f"{above}{name}.")


PATHS = [(pipeline, path) for pipeline in PIPELINES for path in paths(DOCUMENT[pipeline])]
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
blocks = st.sampled_from(PATHS).map(lambda at: value_at(*at))


def value_at(pipeline: str, path: str) -> Any:
    here = DOCUMENT[pipeline]
    for name in path.split("."):
        here = here[name]
    return copy.deepcopy(here)


def refusal(pipeline: str, changes: dict[str, Any]) -> str | None:
    try:
        params.parse(params.Pipeline, changed(pipeline, changes), "p")
    except ParamsError as error:
        return str(error)
    return None


@given(at=st.sampled_from(PATHS), value=trees | blocks)
@settings(max_examples=300)
def test_whatever_stands_in_a_section_it_is_valid_or_refused(at: tuple[str, str], value: Any) -> None:
    pipeline, path = at
    assert (refusal(pipeline, {path: value}) or "p: ").startswith("p: ")


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_whatever_is_missing_is_named(pipeline: str) -> None:
    for path in paths(DOCUMENT[pipeline]):
        parent, _, name = path.rpartition(".")
        if parent.endswith(("members", "files", "target_names")):
            continue  # the keys of these are no parameters
        line = refusal(pipeline, {path: ABSENT})
        assert line is not None, path
        # A block that does not say its kind is not known by its other parameters.
        untold = name in ("kind", "format") and line.startswith(f"p: {parent}: ")
        assert untold or line.startswith(f"p: {path}: is missing"), line
