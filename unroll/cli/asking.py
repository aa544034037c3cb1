"""Commands that ask a model."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from unroll import telling
from unroll.cli.answering import (
    answer,
    columns_of,
    estimated,
    prompts_of_stdin,
    scored,
    shows,
    stdin_lines,
    tag_conll,
    tagged,
    telling_cuts,
    translated,
)
from unroll.cli.models import able_to, load, search_for, stepping
from unroll.cli.options import (
    Alignments,
    Alternatives,
    Beam,
    Column,
    Columns,
    Count,
    Format,
    Int8,
    Interval,
    Json,
    MaxTokens,
    Means,
    Model,
    NBest,
    Probabilities,
    Prompts,
    PublicKey,
    Scores,
    Seed,
    Shortlist,
    Steps,
    Table,
    Temperature,
    Texts,
    Threads,
    TopK,
    TopP,
)
from unroll.cli.program import app, export
from unroll.errors import ParamsError
from unroll.extras import needing


class Form(StrEnum):
    """How vectors are written."""

    npy = "npy"
    jsonl = "jsonl"


class Side(StrEnum):
    """Of a row."""

    source = "source"
    target = "target"


@app.command()
def translate(
    texts: Texts = None,
    model: Model = "data/translate/model",
    beam: Beam = None,
    n_best: NBest = 1,
    int8: Int8 = None,
    shortlist: Shortlist = None,
    scores: Scores = False,
    alignments: Alignments = False,
    steps: Steps = False,
    alternatives: Alternatives = 0,
    as_json: Json = False,
    threads: Threads = None,
    public_key: PublicKey = None,
) -> None:
    """Translate texts, a line for each answer; columns are parted by tabs.

    Every model with a decoder can be asked so: it says the likeliest answer that a beam search finds.
    """
    predictor = able_to("translate", model, threads, public_key)
    search = search_for("translate", predictor, {"beam": beam, "int8": int8, "shortlist": shortlist})
    asked = stepping(predictor, steps, alternatives)
    show = shows(lambda found: translated(found, scores, alignments), as_json)
    answer(asked, search, texts, n_best, show)


@app.command()
def generate(
    prompts: Prompts = None,
    model: Model = "data/language/model",
    count: Count = 1,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    max_tokens: MaxTokens = None,
    seed: Seed = None,
    scores: Means = False,
    steps: Steps = False,
    alternatives: Alternatives = 0,
    as_json: Json = False,
    threads: Threads = None,
    public_key: PublicKey = None,
) -> None:
    """Draw texts at random, a line for each: a language model goes on from a prompt, a decoder answers it.

    What is not given is as the model was scored. The same seed draws the same texts.
    """
    predictor = able_to("generate", model, threads, public_key)
    wanted = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "max_tokens": max_tokens, "seed": seed}
    search = search_for("generate", predictor, wanted)
    asked = stepping(predictor, steps, alternatives)
    show = shows(lambda found: scored(found.text, found.score, scores), as_json)
    answer(asked, search, prompts or prompts_of_stdin(), count, show)


@app.command()
def classify(
    texts: Texts = None,
    model: Model = "data/classify/model",
    n_best: NBest = 1,
    scores: Probabilities = False,
    table: Table = None,
    as_json: Json = False,
    threads: Threads = None,
    public_key: PublicKey = None,
) -> None:
    """Name the class of each text, or of each sequence of a table: a line for each answer."""
    predictor = able_to("classify", model, threads, public_key)
    search = search_for("classify", predictor, {})
    show = shows(lambda found: scored(found.text, math.exp(found.score), scores), as_json)
    answer(predictor, search, texts, n_best, show, table)


@app.command()
def estimate(
    texts: Texts = None,
    model: Model = "data/sentiment/model",
    interval: Interval = False,
    table: Table = None,
    as_json: Json = False,
    threads: Threads = None,
    public_key: PublicKey = None,
) -> None:
    """Say the number of each text or sequence, or one for each of its items: a line for each."""
    predictor = able_to("estimate", model, threads, public_key)
    show = shows(lambda found: estimated(found, interval), as_json)
    answer(predictor, search_for("estimate", predictor, {}), texts, 1, show, table)


@app.command()
def tag(
    texts: Texts = None,
    model: Model = "data/frames/model",
    columns: Columns = False,
    form: Format = None,
    column: Column = None,
    scores: Means = False,
    table: Table = None,
    as_json: Json = False,
    threads: Threads = None,
    public_key: PublicKey = None,
) -> None:
    """Label each token of each text, or each frame of a table: a line of labels, parted by spaces."""
    if form not in (None, "conll") or (form and (texts or columns or as_json)):
        raise ParamsError("--format: 'conll' alone, for stdin, and neither with texts nor with --columns or --json")
    predictor = able_to("tag", model, threads, public_key)
    if form:
        tag_conll(stepping(predictor, scores, 0), search_for("tag", predictor, {}), column)
        return
    asked = stepping(predictor, as_json or (columns and scores), 0)
    show = columns_of if columns and not as_json else shows(lambda found: tagged(found, scores), as_json)
    answer(asked, search_for("tag", predictor, {}), texts, 1, show, table)


@app.command()
def encode(
    texts: Texts = None,
    model: Model = "data/translate/model",
    states: Annotated[bool, typer.Option("--states", help="The state at each token instead of C.")] = False,
    form: Annotated[
        Form | None, typer.Option("--format", help="Without it, npy into a file that is called so, else jsonl.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A file. Without it, stdout, for jsonl alone.")] = None,
    threads: Threads = None,
    public_key: PublicKey = None,
) -> None:
    """Say what the encoder makes of each text: the vector C, as the model's head takes it."""
    from unroll.predict import vectors

    npy = form == Form.npy or (form is None and output is not None and output.suffix == ".npy")
    if npy and output is None:
        raise ParamsError("--format npy needs a file: --output vectors.npy")
    predictor = load(model, threads, public_key).unparted()
    found = telling_cuts(predictor.encodings(texts or stdin_lines(), states))
    try:
        if output is None:
            for line in vectors.lines(found, states):
                print(telling.harmless(line))
        elif npy:
            print(vectors.save_npy(output, found, states, predictor.model.encoder.memory_size))
        else:
            print(vectors.save_lines(output, found, states))
    except ParamsError as error:
        raise ParamsError(str(error) if "--output" in str(error) else f"--model {model}: {error}") from None


@export.command("embeddings")
def export_embeddings(
    output: Annotated[Path, typer.Option(help="A file, in word2vec's form: as text, or .bin.")],
    model: Model = "data/translate/model",
    side: Annotated[Side, typer.Option(help="Whose tokens.")] = Side.source,
    public_key: PublicKey = None,
) -> None:
    """Write the embeddings that a model has learnt, for gensim, or for embed.kind imported."""
    from unroll.predict import embeddings

    predictor = load(model, None, public_key)
    try:
        tokens, table = embeddings.embeddings(predictor, side.value)
    except ParamsError as error:
        raise ParamsError(f"--model {model}: {error}") from None
    with needing("train", "a file of vectors"):
        embeddings.save(output, tokens, table)
    print(f"{output}\t{len(tokens)} tokens of {table.shape[1]} numbers")
