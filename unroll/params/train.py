"""`train`: how a model learns; and `machine`, on what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from unroll.folders import PIPELINE_NAME
from unroll.params.sections import Count, Fraction, Section, Seed, inside


def _start(name: str) -> str:
    if name.startswith("models:"):
        raise ValueError(
            f"'{name[:60]}' is a version, which DVC cannot watch: name the pipeline that made it, or unroll package "
            "data/sources/NAME --model it, and name data/sources/NAME/model"
        )
    return name if PIPELINE_NAME.fullmatch(name) else inside(name)


def _part(name: str) -> str:
    if name.split(".")[0] not in ("encoder", "head"):
        raise ValueError(f"'{name[:60]}' is no part of a model: such as encoder, encoder.embedding, head.logits")
    return name


Part = Annotated[str, AfterValidator(_part)]
"""of a network, by the dotted name of its module"""

Weight = Annotated[float, Field(gt=0, le=1e6)]


class Train(Section):
    """How the model learns. Lengths of training are counted in updates, so results do not depend on a clock."""

    start_from: Annotated[str, AfterValidator(_start)] | None
    """the model whose weights it begins with: a pipeline's, by its name, or a folder below the project's; null: none"""
    start_parts: Annotated[tuple[Part, ...], Field(min_length=1)] | None
    """modules of that model whose weights are taken: encoder, encoder.embedding, head, ...; null: all"""
    updates: Count
    batch_tokens: Count
    """target tokens in a batch, end marks counted, padding not"""
    bptt: Count | None
    """tokens after which the gradient through a running text is cut off; null: every row stands alone"""
    restart_streams: Fraction
    """how likely a stream of running text begins again, from a state of zeros, at a batch"""
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    warmup: Annotated[int, Field(ge=0)]
    decay: Literal["cosine", "linear", "none"]
    weight_decay: Annotated[float, Field(ge=0)]
    clip: Annotated[float, Field(gt=0)]
    label_smoothing: Fraction
    scheduled_sampling: Annotated[float, Field(ge=0, le=1)]
    """the share of inputs that are the decoder's own last tokens, rising evenly from 0 to this (Bengio 2015)"""
    sampled_softmax: Annotated[int, Field(ge=0)]
    """negatives drawn for a batch; 0 is the exact softmax"""
    log_every: Count
    validate_every: Count
    validation_rows: Count
    """whose answers are scored; of a running text those whose loss is measured"""
    select_by: Literal["bleu", "chrf", "accuracy", "macro_f1", "macro_recall", "span_f1", "loss"]
    """the validation score that tells the best weights, and by which the model is judged"""
    bleu_tokenizer: Literal["13a", "intl", "zh", "char", "none", "ja-mecab", "ko-mecab"] | None
    """how sacreBLEU parts answers into words: zh or char for scripts without spaces; null: answers are no sentences"""
    class_weights: Literal["balanced"] | Annotated[dict[str, Weight], Field(min_length=1)] | None
    """what a class weighs in the loss: balanced, rows / (classes * rows of the class) of train; {class: weight}, those
    not named 1; null: all alike"""
    patience: Count
    """validations without a better score before training ends"""
    average: Count
    """the weights kept are the mean of this many best checkpoints"""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    seed: Seed


class Machine(Section):
    """What a machine has; params.yaml says so for all pipelines. Another number of threads rounds otherwise."""

    accelerator: Literal["auto", "cpu", "cuda"]
    processes: Annotated[int, Field(ge=1, le=1024)]
    """that share the rows of each batch; each has its own accelerator, or `threads` of its own"""
    threads: Annotated[int, Field(ge=1, le=1024)]
    """of a training, and of an evaluation"""
