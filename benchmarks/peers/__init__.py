"""Those who are measured beside each other, each in a process of its own, behind one small interface."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.peers.base import Options, Peer

OPENNMT = (
    "OpenNMT-py==3.5.1",
    "ConfigArgParse==1.9.0",
    "pyahocorasick==2.3.1",
    "pyonmttok==1.38.1",
    "rapidfuzz==3.14.6",
)
JOEY = (
    "joeynmt==2.3.0",
    "absl-py==2.5.1",
    "plotly==7.1.0",
    "subword-nmt==0.3.8",
    "tensorboard==2.21.0",
)

AT_RANDOM: Options = {"kind": "random"}
"""Embeddings as they are drawn: another stage, with a memory of its own, trains them."""


def opennmt(label: str, attention: str, input_feeding: bool, **changes: object) -> Peer:
    """Return a recurrent model of OpenNMT-py, with `changes` to what would stand in its configuration file."""
    options = {"attention": attention, "input_feeding": input_feeding, "changes": changes}
    return Peer(label, "opennmt", options, "opennmt", OPENNMT)


def joey(label: str, model: str, **training: object) -> Peer:
    """Return a model of Joey NMT, with `training` changed in what its configuration says of that."""
    return Peer(label, "joey", {"model": model, "training": training}, "joey", JOEY)


def ours(label: str, sentences: bool, **changes: Options) -> Peer:
    """Return Unroll with `changes` to pipelines/translate.yaml; its batches count sentences, or target tokens."""
    return Peer(label, "ours", {"changes": changes, "sentences": sentences})


def in_bf16(peer: Peer) -> Peer:
    """Return one of ours that trains with products of bfloat16."""
    changes = peer.options["changes"]
    changes = changes | {"train": changes.get("train", {}) | {"precision": "bf16-mixed"}}
    return replace(peer, label=f"{peer.label}, bf16", options=peer.options | {"changes": changes})


def in_integers(name: str) -> Peer:
    """Return one that decodes in integers, with the model that the other has trained."""
    peer = PEERS[name]
    return replace(peer, label=f"{peer.label}, int8", options=peer.options | {"int8": True}, trained_as=name)


def model_m(attention: str, input_feeding: bool, tied: bool, sampled_softmax: int) -> dict[str, Options]:
    """Return the changes that make model M of what pipelines/translate.yaml has."""
    head = {"hidden": 512, "attention": attention, "query": "after", "input_feeding": input_feeding}
    return {
        "embed": AT_RANDOM | {"dimensions": 256},
        "model": {"encoder": {"hidden": 512}, "head": head, "tied": tied, "dropout": 0.2},
        "train": {"clip": 1.0, "label_smoothing": 0.0, "sampled_softmax": sampled_softmax, "log_every": 50},
    }


SMALL = {
    "word_vec_size": 256,  # its tied embeddings are as wide as its decoder
    "hidden_size": 256,
    "share_decoder_embeddings": True,
    "label_smoothing": 0.1,
    "dropout": [0.0],
}
"""What makes OpenNMT-py's model as small as that of `translate`, and lets it learn as that does."""

PEERS: dict[str, Peer] = {
    "tutorial": Peer("tutorial loop, additive attention", "tutorial"),
    "joey": joey("Joey NMT, input feeding, additive", "recurrent"),
    "opennmt": opennmt("OpenNMT-py, input feeding, additive", "mlp", True),
    "opennmt_general": opennmt("OpenNMT-py, general", "general", False),
    "opennmt_small": opennmt("OpenNMT-py, of the size of translate", "general", False, **SMALL),
    "joey_small": joey("Joey NMT, of the size of translate", "small", label_smoothing=0.1),
    "unroll": ours("Unroll, input feeding, additive", True, **model_m("additive", True, False, 0)),
    "unroll_general": ours("Unroll, general", True, **model_m("general", False, False, 0)),
    "unroll_fast": ours("Unroll, general, tied, sampled softmax", True, **model_m("general", False, True, 800)),
    "joey_transformer": joey("Joey NMT, small Transformer", "transformer"),
    "unroll_recipe": ours("Unroll as in translate.yaml", False),
    "unroll_stage": ours("Unroll's train stage as in translate.yaml", False, embed=AT_RANDOM),
    "unroll_rows": ours("Unroll's train stage, batches of so many rows", True, embed=AT_RANDOM),
}
PEERS |= {f"{name}_bf16": in_bf16(PEERS[name]) for name in ("unroll", "unroll_general", "unroll_fast", "unroll_recipe")}
PEERS |= {
    f"{name}_int8": in_integers(name)
    for name in ("opennmt", "opennmt_general", "unroll", "unroll_general", "unroll_fast")
}
