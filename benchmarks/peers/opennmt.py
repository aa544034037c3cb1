"""OpenNMT-py 3.5.1: recurrent, with or without input feeding."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from onmt import train_single
from onmt.bin import train as trainer
from onmt.bin import translate as translator
from onmt.inference_engine import InferenceEnginePY
from onmt.utils.parse import ArgumentParser

from benchmarks.peers.base import Clock, Decoding, Options, Timing, Training, corpus, head

DECAYS, DECAY = 16, 0.7
"""times that the rate falls in the second half of a training, and to what share each time"""


def train(job: Training, options: Options) -> Timing:
    """Train by its own trainer, whose batches are looked at as they pass."""
    clock, batches = Clock(job.warmup), train_single.build_dynamic_dataset_iter

    def timed(*args: Any, task: str, **kwargs: Any) -> Any:
        found = batches(*args, task=task, **kwargs)
        return ticking(found, clock) if task == "train" else found

    train_single.build_dynamic_dataset_iter = timed
    Path(job.model).mkdir(parents=True, exist_ok=True)
    config = Path(job.model) / "config.yaml"
    config.write_text(json.dumps(settings(job, options)))  # JSON is YAML
    trainer.train(trainer._get_parser().parse_known_args(["-config", str(config)])[0])
    return clock.timing()


def settings(job: Training, options: Options) -> dict[str, Any]:
    """Return what would stand in its configuration file."""
    text = corpus(job.root)
    return {
        "data": {"all": {"path_src": str(text / "train.source"), "path_tgt": str(text / "train.target")}},
        "src_vocab": str(text / "vocabulary"),
        "share_vocab": True,
        "share_embeddings": True,
        "save_model": str(Path(job.model) / "model"),
        "save_checkpoint_steps": job.updates,
        "encoder_type": "brnn",
        "decoder_type": "rnn",
        "rnn_type": "LSTM",
        "layers": 1,
        "word_vec_size": 256,
        "hidden_size": 512,
        "global_attention": options["attention"],
        "input_feed": int(options["input_feeding"]),
        "dropout": [0.2],
        "optim": "adam",
        "learning_rate": job.learning_rate,
        **schedule(job),
        "max_grad_norm": 1.0,
        "batch_size": job.batch,
        "batch_type": "sents",
        "normalization": "tokens",
        "bucket_size": 16_384,  # a bucket of its usual size would hold the whole corpus in memory
        "num_workers": 0,
        "train_steps": job.updates,
        "report_every": 50,
        "seed": 1,
        **options["changes"],
    }


def schedule(job: Training) -> dict[str, Any]:
    """Return how its rate goes: down in steps over the second half, or not at all."""
    if not job.decay:
        return {"start_decay_steps": job.updates + 1}
    half = max(job.updates // 2, 1)
    return {"start_decay_steps": half, "decay_steps": max(half // DECAYS, 1), "learning_rate_decay": DECAY}


def decode(job: Decoding, options: Options) -> Timing:
    """Write answers; the clock runs once the model is loaded and has answered one batch."""
    sources = list(head(corpus(job.root) / "test.source", job.sentences))
    engine = InferenceEnginePY(asked(job))
    if options.get("int8"):
        # What its own option says; 3.5.1 compares a name with a type there, and leaves the model as it is.
        torch.ao.quantization.quantize_dynamic(engine.translator.model, dtype=torch.qint8, inplace=True)
    engine.infer_list(sources[: job.batch])
    begun = time.perf_counter()
    _, answers = engine.infer_list(sources)
    seconds = time.perf_counter() - begun
    Path(job.output).write_text("".join(f"{best}\n" for best, *_ in answers))
    return {"seconds": seconds, "sentences": len(answers)}


def asked(job: Decoding) -> Any:
    """Return the options of its translator."""
    model = max(Path(job.model).glob("model_step_*.pt"), key=lambda path: path.stat().st_mtime)
    settings: dict[str, Any] = {"model": model, "src": "-", "output": "/dev/null", "gpu": -1}
    settings |= {"beam_size": job.beam, "batch_size": job.batch, "length_penalty": "avg"}
    if job.beam == 1:
        settings["random_sampling_topk"] = 1  # which is its greedy search
    if job.steps:
        settings |= {"min_length": job.steps, "max_length": job.steps, "max_length_ratio": 0}
    words = [word for name, value in settings.items() for word in (f"-{name}", str(value))]
    found = translator._get_parser().parse_known_args(words)[0]
    ArgumentParser.validate_translate_opts(found)
    ArgumentParser._get_all_transform_translate(found)
    ArgumentParser._validate_transforms_opts(found)
    ArgumentParser.validate_translate_opts_dynamic(found)
    return found


def ticking(batches: Any, clock: Clock) -> Iterator[Any]:
    """Yield a trainer's batches, each of them the beginning of an update."""
    for batch, bucket in batches:
        # The target is padded with 1 and marked at both ends: so many inputs, the end mark for the first mark.
        target = int((batch["tgt"][:, :, 0] != 1).sum()) - len(batch["tgt"])
        clock.tick(int(batch["srclen"].sum()) + target)
        yield batch, bucket
