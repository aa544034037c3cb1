"""Joey NMT 2.3: its recurrent model and its small Transformer."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

from joeynmt import prediction, training
from joeynmt.config import parse_global_args

from benchmarks.peers.base import Clock, Decoding, Options, Timing, Training, corpus

Config = dict[str, Any]
NEVER = 10**8
"""updates between validations"""


def recurrent(hidden: int, dropout: float, attention: str, input_feeding: bool) -> Config:
    """Return a model of one layer on either side, the encoder half as wide each way as the decoder."""
    embeddings = {"embedding_dim": 256, "scale": False, "dropout": dropout}
    layer = {"type": "recurrent", "rnn_type": "lstm", "embeddings": embeddings, "num_layers": 1, "dropout": dropout}
    return {
        "tied_embeddings": True,
        "initializer": "xavier_uniform",
        "bias_initializer": "zeros",
        "embed_initializer": "normal",
        "embed_init_weight": 0.1,
        "encoder": layer | {"hidden_size": hidden // 2, "bidirectional": True},
        "decoder": layer
        | {
            "hidden_size": hidden,
            "hidden_dropout": dropout,
            "attention": attention,
            "init_hidden": "bridge",
            "input_feeding": input_feeding,
        },
    }


BLOCKS: Config = {
    "type": "transformer",
    "num_layers": 3,
    "num_heads": 4,
    "embeddings": {"embedding_dim": 256, "scale": True, "dropout": 0.0},
    "hidden_size": 256,
    "ff_size": 1024,
    "dropout": 0.1,
    "layer_norm": "pre",
}
TRANSFORMER: Config = {
    "tied_embeddings": True,
    "tied_softmax": True,
    "initializer": "xavier_uniform",
    "bias_initializer": "zeros",
    "embed_initializer": "xavier_uniform",
    "encoder": BLOCKS,
    "decoder": BLOCKS,
}

MODELS = {
    "recurrent": recurrent(512, 0.2, "bahdanau", True),
    # as small as that of `translate`
    "small": recurrent(256, 0.0, "luong", False) | {"tied_softmax": True},
    "transformer": TRANSFORMER,
}


def train(job: Training, options: Options) -> Timing:
    """Train by its own trainer, whose batches are looked at as they pass."""
    clock, step = Clock(job.warmup), training.TrainManager._train_step

    def timed(manager: Any, batch: Any) -> Any:
        # Its source has an end mark, which others do without.
        clock.tick(int(batch.src_length.sum()) - batch.nseqs + batch.ntokens)
        return step(manager, batch)

    training.TrainManager._train_step = timed
    Path(job.model).mkdir(parents=True, exist_ok=True)
    settings = {
        "optimizer": "adam",
        "normalization": "tokens",
        "learning_rate": job.learning_rate,
        "learning_rate_min": 0.0,
        "clip_grad_norm": 1.0,
        "batch_size": job.batch,
        "batch_type": "sentence",
        "epochs": NEVER,
        "updates": job.updates,
        "logging_freq": 50,
        "validation_freq": NEVER,
        "print_valid_sents": [],
        **schedule(job),
        **options["training"],
    }
    training.train(rank=0, world_size=None, cfg=shared(job, options) | {"training": settings}, skip_test=True)
    return clock.timing()


def schedule(job: Training) -> Config:
    """Return how its rate goes: of its schedules that work only those by the inverse square root fall by updates."""
    if job.decay:
        return {"scheduling": "warmupinversesquareroot", "learning_rate_warmup": max(job.updates // 10, 1)}
    return {"scheduling": "exponential", "decrease_factor": 1.0}


def shared(job: Training | Decoding, options: Options) -> Config:
    """Return what training and decoding have in common. Tokens are its words: sentencepiece is left out.

    Its tokenizer of that kind calls what sentencepiece no longer has.
    """
    text = corpus(job.root)
    side = {"level": "word", "lowercase": False, "max_length": NEVER, "voc_file": str(text / "vocabulary")}
    return {
        "name": "peer",
        "joeynmt_version": "2.3.0",
        "model_dir": job.model,
        "use_cuda": False,
        "random_seed": 1,
        "data": {
            "train": str(text / "train"),
            "dev": str(text / "valid"),
            "test": str(text / "test"),
            "dataset_type": "plain",
            "src": side | {"lang": "source"},
            "trg": side | {"lang": "target"},
        },
        "model": MODELS[options["model"]],
        "training": {"batch_size": 1},
        "testing": {},
    }


def decode(job: Decoding, options: Options) -> Timing:
    """Write answers; the clock runs once the model is loaded and has answered one batch."""
    testing = {
        "load_model": str(Path(job.model) / "latest.ckpt"),
        "beam_size": job.beam,
        "beam_alpha": 1.0,
        "batch_size": job.batch,
        "max_output_length": job.steps or -1,
    }
    if job.steps:  # its configuration has the setting, and does not pass it on
        prediction.search = partial(prediction.search, min_output_length=job.steps)
    args = parse_global_args(shared(job, options) | {"testing": testing}, rank=0, mode="test")
    model, _, _, data = prediction.prepare(args, rank=0, mode="test")
    say = partial(prediction.predict, model, data, args.device, 0, args=args.test, autocast=args.autocast)
    data.indices = list(range(min(job.batch, job.sentences)))
    say()
    data.indices = list(range(job.sentences))
    begun = time.perf_counter()
    _, _, answers, *_ = say()
    seconds = time.perf_counter() - begun
    Path(job.output).write_text("".join(f"{answer}\n" for answer in answers))
    return {"seconds": seconds, "sentences": len(answers)}
