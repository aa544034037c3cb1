"""A small pipeline's folders, as its stages leave them."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests import recipes
from unroll.artifacts import manifest, store
from unroll.data import tokenizers
from unroll.folders import Folders
from unroll.nn import model
from unroll.params.evaluate import Search
from unroll.params.pipeline import Pipeline, Recipe
from unroll.params.register import Register
from unroll.predict import checkpoints
from unroll.registry import tracking
from unroll.registry.runs import record as record_run
from unroll.registry.versions import Registration
from unroll.registry.versions import register as register_run

PAIRS = [
    ("I read a book.", "Leo un libro."),
    ("The milk is cold.", "La leche está fría."),
    ("Where is my sister?", "¿Dónde está mi hermana?"),
    ("We play football.", "Jugamos al fútbol."),
    ("The house is red.", "La casa es roja."),
    ("She has two dogs.", "Ella tiene dos perros."),
]


def settings() -> Pipeline:
    """Return a translation pipeline with a model of a few hundred weights."""
    small = {"tokenize.source.kind": "char", "tokenize.source.vocab_size": 400, "embed.dimensions": 4}
    small |= {"model.encoder.hidden": 8, "model.head.hidden": 8, "train.sampled_softmax": 0}
    return recipes.make("translate", **small)


def recipe() -> Recipe:
    """Return what the small model is made by."""
    return settings().recipe


def make_folders(root: Path, hypotheses: Sequence[str], seed: int = 1, corpus: str = "spa") -> Folders:
    """Write every folder between a corpus and its scores; `seed` tells models apart, `corpus` the test sets."""
    folders = Folders(root, "translate")
    with store.writing(folders.raw, "raw", {}) as raw:
        (raw / "spa.tsv").write_text(corpus)
    inputs = {"raw": store.verify(folders.raw, "raw")}
    with store.writing(folders.prepared, "prepared", inputs) as prepared:
        for split in ("train", "valid", "test"):
            rows = "".join(f"{source}\t{target}\t{corpus}\n" for source, target in PAIRS)
            (prepared / f"{split}.tsv").write_text(rows)
    inputs = {"prepared": store.verify(folders.prepared, "prepared")}
    _tokenize(folders, inputs)
    inputs |= {"tokenized": store.verify(folders.tokenized, "tokenized")}
    with store.writing(folders.embedded, "embedded", {"tokenized": inputs["tokenized"]}) as embedded:
        (embedded / "source.safetensors").write_text("")
    inputs |= {"embedded": store.verify(folders.embedded, "embedded")}
    _train(folders, inputs, seed)
    evaluate(folders, hypotheses)
    return folders


def _tokenize(folders: Folders, inputs: dict[str, Any]) -> None:
    tokenizer = tokenizers.train([side for pair in PAIRS for side in pair], recipe().tokenize.source)
    with store.writing(folders.tokenized, "tokenized", inputs) as tokenized:
        tokenizer.save(tokenized, "source")
        tokenizer.save(tokenized, "target")
    with store.writing(folders.lexicon, "lexicon", {"tokenized": store.verify(folders.tokenized, "tokenized")}):
        pass  # nothing was learnt


def _train(folders: Folders, inputs: dict[str, Any], seed: int) -> None:
    import numpy as np
    import torch

    torch.manual_seed(seed)
    size = len(tokenizers.load(folders.tokenized, "source"))
    vectors = np.random.default_rng(seed).normal(size=(size, 4)).astype(np.float32)
    sides = ("source", "target")
    network = model.build(recipe(), dict.fromkeys(sides, size), dict.fromkeys(sides, vectors))
    checkpoints.save(folders.model, network, recipe(), folders.tokenized, inputs)
    store.write_file(folders.reports / "train.json", manifest.dump_json({"updates": 4, "best_valid_score": 9.5}))
    rows = ["update,train_loss,valid_score", "2,3.5,", "4,2.25,9.5"]
    store.write_file(folders.reports / "curves.csv", "\n".join(rows) + "\n")


WORTH = {"bleu": None, "chrf": None, "macro_recall": None, "accuracy": (0, 1, 1), "perplexity": (-7.5, -3.0, 3)}
"""{main score: (value of a wrong row, value of a right one, weight), where rows have any}"""


def evaluate(
    folders: Folders,
    hypotheses: Sequence[str],
    main: str = "bleu",
    weight: int | None = None,
    stress: Sequence[str] = (),
) -> None:
    """Write an evaluation in which the model said `hypotheses`, judged by `main`, and `stress` in small letters."""
    inputs = {kind: store.verify(getattr(folders, kind), kind) for kind in ("model", "prepared")}
    rows: list[dict[str, Any]] = [
        {"source": source, "references": [target], "hypothesis": said, "greedy": said, "score": -1.0}
        for (source, target), said in zip(PAIRS, hypotheses, strict=True)
    ]
    right = [row["hypothesis"] == row["references"][0] for row in rows]
    if worth := WORTH[main]:
        for row, is_right in zip(rows, right, strict=True):
            row |= {"value": worth[is_right], "weight": weight or worth[2]}
    with store.writing(folders.evaluation, "evaluation", inputs) as folder:
        (folder / "test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        small = [
            {"source": source.lower(), "references": [target], "hypothesis": said, "slip": "lower"}
            for (source, target), said in zip(PAIRS, stress, strict=False)
        ]
        (folder / "stress.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in small))
    report = {
        "main": main,
        main: 100 * sum(right) / len(rows),
        "chrf": 50.0,
        "sentences": len(rows),
        "signature": "nrefs:var|case:mixed",
    }
    store.write_file(folders.reports / "evaluate.json", manifest.dump_json(report))
    for name in ("pictures/attention.png", "embed/embeddings.png"):
        (folders.reports / name).parent.mkdir(parents=True, exist_ok=True)
        (folders.reports / name).write_bytes(b"a picture")


def answers(right: int) -> list[str]:
    """Return hypotheses of which this many are right."""
    return [target if i < right else "No sé." for i, (_, target) in enumerate(PAIRS)]


def record(folders: Folders) -> str:
    """Mirror the folders into a run, and return its id."""
    return record_run(settings().evaluate.search, settings().register_, folders)


def register(folders: Folders) -> Registration:
    """Record the folders, and register what was recorded."""
    return register_with(settings().evaluate.search, folders)


def register_with(search: Search, folders: Folders, how: Register | None = None) -> Registration:
    """Record and register the folders as scored with another search, or by other rules."""
    run = record_run(search, settings().register_, folders)
    evaluate = settings().evaluate.model_copy(update={"search": search})
    return register_run(evaluate, how or settings().register_, folders, run)


def version(number: str) -> Any:
    """Return a version of the registry."""
    return client().get_model_version("translate", number)


def champion() -> str:
    """Return the number of the version that is champion."""
    return str(client().get_model_version_by_alias("translate", "champion").version)


def client() -> Any:
    """Return a client of the store."""
    with tracking.reaching() as found:
        return found


def runs() -> list[Any]:
    """Return every run of the pipeline."""
    store = client()
    return list(store.search_runs([store.get_experiment_by_name("translate").experiment_id]))


def history(run: str, name: str) -> list[tuple[int, float]]:
    """Return the points of a metric."""
    return [(point.step, point.value) for point in client().get_metric_history(run, name)]


def silent_server() -> socket.socket:
    """Return a server that takes connections and never answers."""
    server = socket.create_server(("127.0.0.1", 0))
    server.listen()
    return server
