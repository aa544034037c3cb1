"""The command line: thin doors to the Predictor and to the registry."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unroll import processes
from unroll.asking import able, by_command
from unroll.errors import DataError, IntegrityError, ParamsError, one_line
from unroll.extras import needing

if TYPE_CHECKING:
    from unroll.params.evaluate import Search
    from unroll.params.pipeline import Recipe
    from unroll.predict.predictor import Prediction, Predictor

app = typer.Typer(
    help="Recurrent sequence models, from raw text to a registered model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

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
    bool, typer.Option("--columns", help="A line for each token: token, tab, label; an empty line behind each text.")
]
Interval = Annotated[
    bool, typer.Option("--interval", help="Two columns behind each: the lowest and highest quantile of its numbers.")
]
Registered = Annotated[str, typer.Argument(help="The name of a registered model, such as translate.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads. Without it, as many as torch takes.")]


def _version(wanted: bool) -> None:
    if wanted:
        from unroll.face import __version__

        print(f"unroll {__version__}")
        raise typer.Exit


@app.callback()
def unroll(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Recurrent sequence models, from raw text to a registered model."""


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
    threads: Threads = None,
) -> None:
    """Translate texts, a line for each answer; columns are parted by tabs.

    Every model with a decoder can be asked so: it says the likeliest answer that a beam search finds.
    """
    predictor = _predictor("translate", model, threads)
    search = _search("translate", predictor, {"beam": beam, "int8": int8, "shortlist": shortlist})
    _answer(predictor, search, texts, n_best, lambda found: _translated(found, scores, alignments))


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
    threads: Threads = None,
) -> None:
    """Draw texts at random, a line for each: a language model goes on from a prompt, a decoder answers it.

    What is not given is as the model was scored. The same seed draws the same texts.
    """
    predictor = _predictor("generate", model, threads)
    asked = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "max_tokens": max_tokens, "seed": seed}
    search = _search("generate", predictor, asked)
    _answer(predictor, search, prompts or _prompts(), count, lambda found: _scored(found.text, found.score, scores))


@app.command()
def classify(
    texts: Texts = None,
    model: Model = "data/classify/model",
    n_best: NBest = 1,
    scores: Probabilities = False,
    threads: Threads = None,
) -> None:
    """Name the class of each text, a line for each answer."""
    predictor = _predictor("classify", model, threads)
    search = _search("classify", predictor, {})
    _answer(predictor, search, texts, n_best, lambda found: _scored(found.text, math.exp(found.score), scores))


@app.command()
def estimate(
    texts: Texts = None,
    model: Model = "data/sentiment/model",
    interval: Interval = False,
    threads: Threads = None,
) -> None:
    """Say the number of each text, or one for each of its items: a line for each text."""
    predictor = _predictor("estimate", model, threads)
    _answer(predictor, _search("estimate", predictor, {}), texts, 1, lambda found: _estimated(found, interval))


@app.command()
def tag(
    texts: Texts = None,
    model: Model = "data/frames/model",
    columns: Columns = False,
    scores: Means = False,
    threads: Threads = None,
) -> None:
    """Label each token of each text: a line of labels, parted by spaces."""
    if columns and scores:
        raise ParamsError("--scores is of a whole text: it does not go with --columns")
    predictor = _predictor("tag", model, threads)
    _answer(predictor, _search("tag", predictor, {}), texts, 1, lambda found: _tagged(found, columns, scores))


@app.command()
def lineage(
    model: Annotated[
        str, typer.Argument(help="A checkpoint folder, or a registered version: models:/NAME@champion.")
    ] = "data/translate/model",
) -> None:
    """Print where a model comes from, as a tree, after checking every hash."""
    from unroll.artifacts.lineage import describe

    print(describe(_folder(model)), end="")


@app.command()
def verify(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            help="Models, data/PIPELINE, or models:/NAME@champion. Without any: all below data, and what DVC's cache "
            "holds of it."
        ),
    ] = None,
    remote: Annotated[bool, typer.Option("--remote", help="Read DVC's default remote through as well.")] = False,
) -> None:
    """Compute every hash again, down to the raw files, and name the files that are not what they were."""
    from unroll.artifacts.verification import folders, rotten, wrong

    looked = [_looked_up(place) for place in places or ["data"]]
    checked, found = 0, [line for _, lines in looked for line in lines]
    there = [place for place, _ in looked]
    for folder in [folder for place in there if place.is_dir() or not found for folder in folders(place)]:
        told = list(wrong(folder))
        print(f"{'rotten' if told else 'whole'}\t{folder}")
        checked, found = checked + 1, found + told
    if not places or remote:
        found += rotten(Path("dvc.lock"), remote)
    for line in found:
        print(f"unroll: {line}", file=sys.stderr)
    if found:
        raise IntegrityError(f"{len(found)} found wrong, {checked} folders checked; fix what is named above")


@app.command()
def check(
    pipelines: Annotated[list[str] | None, typer.Argument(help="Files of pipelines/. Without any: the grid.")] = None,
) -> None:
    """Read pipeline files, and refuse what is wrong in them before anything is removed or made."""
    from unroll.params.reading import grid, load

    for pipeline in pipelines or grid(Path()):
        load(Path(), pipeline)


@app.command()
def plan(
    pipeline: Annotated[str, typer.Argument(help="A file of pipelines/, tokenized and embedded.")] = "translate",
    minutes: Annotated[float, typer.Option(min=0, help="For training; the other stages come on top.")] = 10.0,
) -> None:
    """Measure this machine, and say how many updates with which settings make the best model of the time at hand.

    The number of updates, not the clock, ends a training: so the same plan gives the same model again.
    """
    with needing("train", "a plan"):
        from unroll.training.planning import plan as plans
        from unroll.training.setup import start
    from unroll.folders import PIPELINE_FILES, Folders
    from unroll.params.reading import load

    settings, folders = load(Path(), pipeline), Folders(Path(), pipeline)
    for kind in ("tokenized", "embedded"):
        if not getattr(folders, kind).is_dir():
            raise DataError(f"{getattr(folders, kind)}: not there yet; make it with dvc repro embed@{pipeline}")
    for found in plans(settings, minutes, lambda changed: start(changed.recipe, folders)[1]):
        print(found)
    file = f"{PIPELINE_FILES}/{pipeline}.yaml"
    told = " ".join(f"-S '{file}:{name}={value}'" for name, value in found.changes.items())
    print(f"dvc exp run {told} register@{pipeline}")


@app.command()
def serve(
    model: Annotated[
        str, typer.Argument(help="A registered version, or a checkpoint folder.")
    ] = "models:/translate@champion",
    host: Annotated[str, typer.Option(help="The address to listen on: 0.0.0.0 for others too.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="A free port.")] = 5001,
    threads: Threads = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with the model and metrics of its own.")] = 1,
    batching: Annotated[bool, typer.Option(help="Answer what several ask at a time in one batch.")] = True,
    token: Annotated[
        str | None,
        typer.Option(envvar="UNROLL_TOKEN", help="What requests have to bring: Authorization: Bearer TOKEN."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="A name by which the server may be called; again for more. On loopback: its names alone."),
    ] = None,
    cors: Annotated[
        list[str] | None, typer.Option(help="The origin of a page that may ask from a browser; again for more.")
    ] = None,
    grace: Annotated[float, typer.Option(min=0, help="Seconds to answer what was begun, when told to end.")] = 10.0,
) -> None:
    """Answer over HTTP, on this machine alone unless told otherwise, with limits on what one request may ask for."""
    with needing("serve", "a server"):
        from unroll.serve.http import LOOPBACK, Settings
        from unroll.serve.http import serve as answers

    processes.free(port, host)
    if host not in LOOPBACK and not token:
        print(f"unroll: whoever reaches {host}:{port} is answered: --token asks for one", file=sys.stderr)
    hosts = allowed_host or (LOOPBACK if host in LOOPBACK else ())
    settings = Settings(token, tuple(hosts), tuple(cors or ()), batching, _about(model))
    answers(partial(_load, model, threads), settings, host, port, grace, workers)


@app.command()
def versions(name: Registered) -> None:
    """List the versions of a registered model, the latest first: number, aliases, main score, verdict."""
    with needing("track", "the registry"):
        from unroll.registry.champions import versions as known

        for one in known(name):
            print("\t".join([one.version, " ".join(one.aliases), one.main, one.verdict]))


@app.command()
def promote(
    name: Registered, version: Annotated[int, typer.Argument(min=1, help="Its number, as unroll versions tells it.")]
) -> None:
    """Make a version the champion, whatever the verdict on it was."""
    with needing("track", "the registry"):
        from unroll.registry.champions import promote as promotes

        before = promotes(name, str(version))
    print(f"{name} version {version} is champion" + (f"; version {before} was" if before else ""))


@app.command()
def rollback(name: Registered) -> None:
    """Make the version champion again that was before this one."""
    with needing("track", "the registry"):
        from unroll.registry.champions import rollback as rolls

        was, now = rolls(name)
    print(f"{name} version {now} is champion again; version {was} was")


@app.command()
def package(
    folder: Annotated[Path, typer.Argument(help="Where it goes; there is nothing yet.")],
    model: Annotated[
        str, typer.Option(help="A registered version, or a checkpoint folder.")
    ] = "models:/translate@champion",
) -> None:
    """Write a folder from which a model's server is built anywhere: Dockerfile, hashed requirements, code, weights."""
    with needing("serve", "a package"):
        from unroll.serve.packaging import package as packs

        packs(_folder(model), _load(model, None).search, folder)
    print(f"{folder} has a Dockerfile, and a compose.yaml with a proxy; without either, in a virtual environment:")
    print(f"cd {folder} && pip install -r requirements.txt && python -m unroll serve model")


@app.command()
def ui(port: Annotated[int, typer.Option(min=1, max=65535, help="A free port.")] = 5000) -> None:
    """Show runs and models in MLflow's pages, on this machine alone."""
    with needing("track", "MLflow's pages"):
        from unroll.serve.ui import serve

        serve(port)


def main() -> None:
    """Run the command line; what a person can fix ends in one line and an exit code."""
    processes.wait_briefly()
    with one_line():
        app()


def _predictor(command: str, model: str, threads: int | None) -> Predictor:
    """Return the predictor of a model that can do what the command wants."""
    predictor = _load(model, threads)
    _check(command, model, predictor.recipe)
    return predictor


def _load(model: str, threads: int | None) -> Predictor:
    """Return the predictor of a checkpoint folder, or of a registered version, which searches as it was scored."""
    from unroll.face import load

    try:
        return load(model, threads=threads)
    except ParamsError as error:
        raise ParamsError(f"--model {error}") from None


def _about(model: str) -> dict[str, str]:
    """Return what tells a model and this program from others."""
    from unroll.artifacts.store import read_manifest
    from unroll.face import __version__

    place = _folder(model)
    weights = read_manifest(place)["files"]["model.safetensors"] if place.is_dir() else ""
    return {"unroll": __version__, "model": model if model.startswith("models:") else place.name, "weights": weights}


def _folder(model: str) -> Path:
    """Return the folder that a name stands for."""
    if not model.startswith("models:"):
        return Path(model)
    with needing("track", "a registered model"):
        from unroll.registry.names import resolve

        return resolve(model)


def _looked_up(place: str) -> tuple[Path, list[str]]:
    """Return the folder that a name stands for, and what of a registered version is not what its tags say."""
    if not place.startswith("models:"):
        return Path(place), []
    with needing("track", "a registered model"):
        from unroll.registry.held import wrong
        from unroll.registry.names import version_of

        version, folder = version_of(place)
        return folder, list(wrong(version, folder))


def _check(command: str, model: str, recipe: Recipe) -> None:
    head = recipe.model.head.family
    if head not in by_command(command).heads:
        right = able(head)[0].command
        raise ParamsError(f"--model {model}: a {head.replace('_', ' ')} cannot {command}; ask it with unroll {right}")


def _search(command: str, predictor: Predictor, asked: Mapping[str, float | None]) -> Search:
    """Return how the model was scored, or else what is usual for the command, with what was asked for."""
    from unroll.params.reading import dump, search

    asking = by_command(command)
    scored = predictor.search
    settings = dump(scored) if scored.kind == asking.kind else {"kind": asking.kind, **asking.usual}
    return search(settings | {name: value for name, value in asked.items() if value is not None}, command)


def _answer(
    predictor: Predictor,
    search: Search,
    texts: Iterable[str] | None,
    n_best: int,
    show: Callable[[Prediction], str],
) -> None:
    """Print the answers to texts, or to the lines of stdin."""
    typed = not texts and sys.stdin.isatty()
    lines = iter(texts) if texts else _stdin_lines()
    # A person at the keyboard wants an answer to each line; a file is read in large windows.
    answers: Iterable[list[Prediction]] = (
        (predictor.predict([line], n_best, search)[0] for line in lines)
        if typed
        else predictor.stream(lines, n_best, search)
    )
    for number, predictions in enumerate(answers, 1):
        for prediction in predictions:
            print(show(prediction), flush=typed)
        if predictions[0].truncated:
            print(f"unroll: line {number}: too long; only its beginning was read", file=sys.stderr)
        if predictions[0].cut_off and search.kind == "beam":  # of drawn texts --max-tokens is the end
            print(f"unroll: line {number}: the answer is cut off: it did not come to its end", file=sys.stderr)


def _prompts() -> Iterator[str]:
    """Yield the lines of stdin, or an empty prompt where nobody wrote any."""
    lines = iter(()) if sys.stdin.isatty() else _stdin_lines()
    yield next(lines, "")
    yield from lines


def _stdin_lines() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.rstrip(b"\r\n").decode()
        except UnicodeDecodeError as error:
            raise DataError(
                f"stdin:{number}: not UTF-8 ({error.reason}); convert it first, for example with iconv"
            ) from None


def _scored(text: str, score: float, scores: bool) -> str:
    return f"{score:.4f}\t{text}" if scores else text


def _translated(prediction: Prediction, scores: bool, alignments: bool) -> str:
    text = _scored(prediction.text, prediction.score, scores)
    if not alignments:
        return text
    looked = prediction.weights_TS.argmax(1) if prediction.weights_TS.size else []
    return f"{text}\t{' '.join(f'{s}-{t}' for t, s in enumerate(looked))}"


def _estimated(prediction: Prediction, interval: bool) -> str:
    if not interval:
        return prediction.text
    if prediction.interval is None:
        raise ParamsError("--interval is for a model that has learnt quantiles: set model.head.quantiles")
    return "\t".join([prediction.text, *prediction.interval])


def _tagged(prediction: Prediction, columns: bool, scores: bool) -> str:
    labels = prediction.target_tokens
    if not columns:
        return _scored(" ".join(labels), prediction.score, scores)
    return "".join(f"{token}\t{label}\n" for token, label in zip(prediction.source_tokens, labels, strict=True))
