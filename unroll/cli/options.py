"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Texts = Annotated[
    list[str] | None,
    typer.Argument(
        help="Texts, or vectors: numbers parted by spaces, vectors by semicolons. Without any, one a line from stdin."
    ),
]
Prompts = Annotated[
    list[str] | None,
    typer.Argument(
        help="What to go on from: for a language model the beginning of a text, else a source. Without any, one a line "
        "from stdin; without those an empty one."
    ),
]
Model = Annotated[str, typer.Option(help="A checkpoint folder, or a registered version: models:/NAME@champion.")]
Beam = Annotated[
    int | None,
    typer.Option(min=1, help="Hypotheses kept at each step; 1 is greedy. Without it, as the model was scored."),
]
Int8 = Annotated[
    bool | None,
    typer.Option("--int8/--no-int8", help="Multiply integers of 8 bits: faster. Without it, as the model was scored."),
]
Shortlist = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Say only frequent words, and this many that each source token likely becomes: faster; 0 allows all. "
        "Without it, as the model was scored.",
    ),
]
NBest = Annotated[int, typer.Option(min=1, help="Answers to each text, best first.")]
Scores = Annotated[
    bool, typer.Option("--scores", help="A column before each answer: log p / tokens ** length penalty.")
]
Means = Annotated[bool, typer.Option("--scores", help="A column before each answer: log p of a token, on average.")]
Probabilities = Annotated[
    bool, typer.Option("--scores", help="A column before each class: its probability, from 0 to 1.")
]
Alignments = Annotated[
    bool, typer.Option("--alignments", help="A column behind each: source-target token pairs, from 0.")
]
Steps = Annotated[
    bool, typer.Option("--steps", help="Below each answer a line for each token: its probability; then an empty line.")
]
Alternatives = Annotated[
    int, typer.Option(min=0, help="Beside each token so many of the likeliest in its place; brings --steps.")
]
Table = Annotated[
    Path | None,
    typer.Option(
        help="A file like those that the model has learnt from, its answers aside: each sequence in it is answered, "
        "behind its name."
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="A line of JSON for each answer, with tokens and alignments, as a server gives.")
]
Count = Annotated[int, typer.Option("--count", "--n-best", min=1, help="Texts drawn for each prompt.")]
Temperature = Annotated[
    float | None,
    typer.Option(help="Above 0: the lower, the likelier the tokens drawn. Without it, as the model was scored."),
]
TopK = Annotated[int | None, typer.Option(min=0, help="Draw from so many of the likeliest tokens; 0 from all.")]
TopP = Annotated[
    float | None, typer.Option(help="Draw from the fewest tokens that together are this likely, up to 1: all.")
]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="End a text after so many tokens.")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Another seed draws other texts.")]
Columns = Annotated[
    bool,
    typer.Option(
        "--columns",
        help="A line for each token: token, tab, label, with --scores its probability; an empty line behind each text.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="conll: stdin has a word a line in columns, an empty line behind each sentence; its lines come back with "
        "the tag as one more column.",
    ),
]
Column = Annotated[
    int | None, typer.Option("--column", help="With --format conll: where the word is, from 0. Else by its looks.")
]
Interval = Annotated[
    bool, typer.Option("--interval", help="Two columns behind each: the lowest and highest quantile of its numbers.")
]
Registered = Annotated[str, typer.Argument(help="The name of a registered model, such as translate.")]
PublicKey = Annotated[
    Path | None,
    typer.Option(envvar="UNROLL_PUBLIC_KEY", help="Ask only a model that the owner of this key, a file, has signed."),
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads. Without it, as many as torch takes.")]
