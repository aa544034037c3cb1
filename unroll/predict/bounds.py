"""What a checkpoint folder says that it is, before anything is built of it: names and sizes that agree.

Whoever sends a folder can sign it anew. So before the weights are read, before even a layer is made, the parameters
are held against the list of weights at the head of their file: a model takes no more memory than its file is long.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch

from unroll import parts, plain
from unroll.artifacts import store
from unroll.artifacts.manifest import MANIFEST, sha256
from unroll.data import tokenizers
from unroll.data.ids import SPECIAL, UNK
from unroll.data.lexicon import NAME as LEXICON
from unroll.data.tokenizers import Tokenizer
from unroll.data.typed import WORDS
from unroll.errors import IntegrityError, ParamsError, ResourceError, UnrollError
from unroll.nn.model import build
from unroll.params.pipeline import Recipe
from unroll.params.reading import load_recipe
from unroll.predict.checkpoints import PARAMS, WEIGHTS
from unroll.shapes import SIDES

NAMES = {WEIGHTS, PARAMS, WORDS, LEXICON, *(f"{side}.{end}" for side in SIDES for end in ("tokenizer.json", "model"))}
"""What a checkpoint may hold, beside its manifest."""
HEAD, MOST_HEAD = 8, 2**24
"""Bytes that say how long the list of weights is; of the list."""
OVER = 2
"""Times that the weights are in memory while a model is loaded: as read and as built."""
MOST_LETTERS = 2**28
"""In the beginnings of all known words: a word of n letters has n of them."""
DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
Head = dict[str, tuple[torch.dtype, tuple[int, ...]]]


def hold(folder: Path) -> None:
    """Refuse a checkpoint folder whose parts cannot belong together, in moments and without the memory for it.

    Raises:
        IntegrityError: a file is no part of a checkpoint, too large, no plain file, not the one that the manifest
            names, or of another model than the others.
        ParamsError: as `parts.bring_again`.
        ResourceError: the model does not fit into the memory that is free.
    """
    manifest = store.read_manifest(folder)
    if manifest["kind"] != "model":
        return  # `checkpoints.load` says what it is
    for name in sorted({path.name for path in folder.iterdir()} - {MANIFEST}):
        if name not in NAMES:
            raise IntegrityError(f"{folder / name}: is no part of a checkpoint; take it out, or dvc repro")
    for name, digest in manifest["files"].items():
        _hold_file(folder / name, digest)
    _hold_lexicon(folder.parent / "lexicon" / LEXICON)
    found, recipe = head(folder / WEIGHTS), _recipe(folder)
    _hold_memory(folder / WEIGHTS)
    if recipe.tokenize.typed:
        _hold_words(folder / WORDS)
    parts.bring_again(recipe.parts, Path(), manifest["inputs"].get("parts"))
    _hold_shapes(folder, recipe, {side: _words(folder, side) for side in SIDES}, found)


def _hold_file(path: Path, digest: str) -> None:
    try:
        size = plain.hold(path)
    except OSError as error:
        raise IntegrityError(f"{path}: {error.strerror or error}; dvc pull or dvc repro") from None
    if path.name == WEIGHTS:
        return
    if size > plain.MOST:
        raise IntegrityError(f"{path}: has {size:,} bytes, of at most {plain.MOST:,}; dvc pull or dvc repro")
    if sha256(path) != digest:
        raise IntegrityError(f"{path}: SHA-256 differs from {MANIFEST}: the file was altered; dvc pull or dvc repro")


def _hold_lexicon(path: Path) -> None:
    if path.is_file() and path.stat().st_size > plain.MOST:
        raise IntegrityError(f"{path}: has more than {plain.MOST:,} bytes; dvc pull or dvc repro")


def _words(folder: Path, side: str) -> int:
    """Return how many pieces a tokenizer has; vectors have none."""
    reader = tokenizers.load(folder, side)
    if isinstance(reader, Tokenizer):
        words: list[object] = [*reader.vocabulary]
        if not all(isinstance(word, str) for word in words) or words[:UNK] != SPECIAL[:UNK]:
            raise IntegrityError(f"{folder}: the {side} tokenizer holds what is no piece of a text; dvc repro")
    return len(reader)


def _recipe(folder: Path) -> Recipe:
    try:
        return load_recipe(folder / PARAMS)
    except ParamsError as error:
        raise IntegrityError(f"{folder}: not a checkpoint of this version: {error}") from None


def head(path: Path) -> Head:
    """Return the dtype and shape of each weight in a safetensors file, of which the list at its head alone is read.

    Raises:
        IntegrityError: it is no such file, is cut short, or has more than its list names.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(HEAD), "little")
            if length > min(MOST_HEAD, size - HEAD):
                raise ValueError(f"its list of weights cannot have {length:,} bytes")
            listed = json.loads(file.read(length))
        found: Head = {
            name: (DTYPES[entry["dtype"]], tuple(map(int, entry["shape"])))
            for name, entry in listed.items()
            if name != "__metadata__"
        }
        needed = HEAD + length + sum(dtype.itemsize * math.prod(shape) for dtype, shape in found.values())
        if needed != size or any(number < 0 for _, shape in found.values() for number in shape):
            raise ValueError(f"has {size:,} bytes where its list needs {needed:,}")
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError(f"{path}: not the weights of a model: {error}; dvc pull or dvc repro") from None


def _hold_words(path: Path) -> None:
    """Raise if there are no known words, or so long ones that their beginnings would fill the memory."""
    try:
        words = plain.read_text(path).split("\n")
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path}: cannot be read: {error}; dvc pull or dvc repro") from None
    if sum(len(word) ** 2 for word in words) > MOST_LETTERS:
        raise IntegrityError(f"{path}: holds what is no word; dvc pull or dvc repro")


def _hold_memory(path: Path) -> None:
    try:
        import psutil
    except ImportError:  # where models are only asked: nobody knows what is free
        return
    size, free = path.stat().st_size, psutil.virtual_memory().available
    if OVER * size > free:
        raise ResourceError(f"{path}: takes {OVER * size:,} bytes of memory, and {free:,} are free; free some")


def _hold_shapes(folder: Path, recipe: Recipe, sizes: dict[str, int], found: Head) -> None:
    """Raise if a model that is built by the parameters has other weights than the file, tied ones counted once."""
    try:
        with torch.device("meta"):  # shapes without numbers
            state: dict[str, Any] = build(recipe, sizes, {}).state_dict(keep_vars=True)
    except Exception as error:
        if recipe.parts:  # of one's own: they may need true numbers, or are not here, as `checkpoints.load` says
            return
        if isinstance(error, RuntimeError | UnrollError | MemoryError):
            raise _apart(folder, str(error)) from None
        raise
    built = {name: (weight.dtype, tuple(weight.shape)) for name, weight in state.items()}
    wrong = [name for name, entry in found.items() if built.get(name) != entry]
    stored = {id(state[name]) for name in found if name in state}
    wrong += [name for name, weight in state.items() if id(weight) not in stored]
    if wrong:
        raise _apart(folder, f"{wrong[0]} is of another shape or dtype, or in one of them alone")


def _apart(folder: Path, why: str) -> IntegrityError:
    return IntegrityError(f"{folder}: weights, tokenizers and {PARAMS} do not belong together: {why}")
