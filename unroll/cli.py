"""The command line: thin doors to the Predictor and to the registry."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unroll.errors import DataError, ParamsError, one_line

if TYPE_CHECKING:
    from unroll.predictor import Prediction, Predictor

app = typer.Typer(
    help="Recurrent sequence models, from raw text to a registered model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Texts = Annotated[list[str] | None, typer.Argument(help="Sentences; without any, one a line from stdin.")]
Model = Annotated[str, typer.Option(help="A checkpoint folder, or a version: models:/translate@champion.")]
Beam = Annotated[
    int | None,
    typer.Option(min=1, help="Hypotheses kept at each step; 1 is greedy. Without it, as the model was scored."),
]
NBest = Annotated[int, typer.Option(min=1, help="Answers to each sentence, best first.")]
Scores = Annotated[
    bool, typer.Option("--scores", help="A column before each answer: log p / tokens ** length penalty.")
]
Alignments = Annotated[
    bool, typer.Option("--alignments", help="A column behind each: source-target token pairs, from 0.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads. Without it, as many as torch takes.")]


@app.command()
def translate(
    texts: Texts = None,
    model: Model = "data/translate/model",
    beam: Beam = None,
    n_best: NBest = 1,
    scores: Scores = False,
    alignments: Alignments = False,
    threads: Threads = None,
) -> None:
    """Translate sentences, a line for each answer; columns are parted by tabs."""
    predictor = _predictor(model, threads)
    beam = max(beam or predictor.search.beam, n_best)
    typed = not texts and sys.stdin.isatty()
    lines = iter(texts) if texts else _stdin_lines()
    # A person at the keyboard wants an answer to each line; a file is read in large windows.
    answers: Iterable[list[Prediction]] = (
        (predictor.predict([line], beam, n_best)[0] for line in lines)
        if typed
        else predictor.stream(lines, beam, n_best)
    )
    for number, predictions in enumerate(answers, 1):
        for prediction in predictions:
            print(_row(prediction, scores, alignments), flush=typed)
        if predictions[0].truncated:
            print(f"unroll: line {number}: too long; only its beginning was read", file=sys.stderr)


@app.command()
def lineage(model: Annotated[str, typer.Argument(help="As translate's --model.")] = "data/translate/model") -> None:
    """Print where a model comes from, as a tree, after checking every hash."""
    from unroll.lineage import describe
    from unroll.registry import resolve

    print(describe(resolve(model)), end="")


@app.command()
def ui(port: Annotated[int, typer.Option(min=1, max=65535, help="A free port.")] = 5000) -> None:
    """Show runs and models in MLflow's pages, on this machine alone."""
    from unroll.ui import serve

    serve(port)


def main() -> None:
    """Run the command line; what a person can mend ends in one line and an exit code."""
    with one_line():
        app()


def _predictor(model: str, threads: int | None) -> Predictor:
    registered = model.startswith("models:")
    if registered:
        from unroll.registry import resolve

        folder = resolve(model)
    else:
        folder = Path(model)
        if not folder.is_dir():
            raise ParamsError(
                f"--model {model}: no such folder; make one with make repro, or name models:/translate@champion"
            )
    from unroll import params
    from unroll.predictor import SEARCH, Predictor

    search = params.load_json(params.Search, folder.parent / "search.json") if registered else SEARCH
    return Predictor.load(folder, search, threads)


def _stdin_lines() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.rstrip(b"\r\n").decode()
        except UnicodeDecodeError as error:
            raise DataError(
                f"stdin:{number}: not UTF-8 ({error.reason}); convert it first, for example with iconv"
            ) from None


def _row(prediction: Prediction, scores: bool, alignments: bool) -> str:
    columns = [prediction.text]
    if scores:
        columns.insert(0, f"{prediction.score:.4f}")
    if alignments:
        looked = prediction.weights_TS.argmax(1) if prediction.weights_TS.size else []
        columns.append(" ".join(f"{s}-{t}" for t, s in enumerate(looked)))
    return "\t".join(columns)
