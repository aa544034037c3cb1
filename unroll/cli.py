"""The command line: thin doors to the Predictor and to the registry."""

from __future__ import annotations

import json
import math
import sys
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from unroll import processes, telling
from unroll.asking import able, by_command
from unroll.errors import DataError, IntegrityError, ParamsError, UnrollError, one_line
from unroll.extras import needing
from unroll.folders import is_folder

if TYPE_CHECKING:
    from unroll.params.evaluate import Search
    from unroll.params.pipeline import Recipe
    from unroll.predict.predictor import Encoding, Prediction, Predictor

LONGEST_LINE = 2**20
"""Bytes of a line of stdin: models read fewer."""

app = typer.Typer(
    help="Recurrent sequence models, from raw text to a registered model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

export = typer.Typer(help="Write what others can use.", no_args_is_help=True)
app.add_typer(export, name="export")


class Form(StrEnum):
    """How vectors are written."""

    npy = "npy"
    jsonl = "jsonl"


class Side(StrEnum):
    """Of a row."""

    source = "source"
    target = "target"


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
    steps: Steps = False,
    alternatives: Alternatives = 0,
    as_json: Json = False,
    threads: Threads = None,
    public_key: PublicKey = None,
) -> None:
    """Translate texts, a line for each answer; columns are parted by tabs.

    Every model with a decoder can be asked so: it says the likeliest answer that a beam search finds.
    """
    predictor = _predictor("translate", model, threads, public_key)
    search = _search("translate", predictor, {"beam": beam, "int8": int8, "shortlist": shortlist})
    asked = _stepping(predictor, steps, alternatives)
    show = _show(lambda found: _translated(found, scores, alignments), as_json)
    _answer(asked, search, texts, n_best, show)


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
    predictor = _predictor("generate", model, threads, public_key)
    wanted = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "max_tokens": max_tokens, "seed": seed}
    search = _search("generate", predictor, wanted)
    asked = _stepping(predictor, steps, alternatives)
    show = _show(lambda found: _scored(found.text, found.score, scores), as_json)
    _answer(asked, search, prompts or _prompts(), count, show)


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
    predictor = _predictor("classify", model, threads, public_key)
    search = _search("classify", predictor, {})
    show = _show(lambda found: _scored(found.text, math.exp(found.score), scores), as_json)
    _answer(predictor, search, texts, n_best, show, table)


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
    predictor = _predictor("estimate", model, threads, public_key)
    show = _show(lambda found: _estimated(found, interval), as_json)
    _answer(predictor, _search("estimate", predictor, {}), texts, 1, show, table)


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
    predictor = _predictor("tag", model, threads, public_key)
    if form:
        _tag_conll(_stepping(predictor, scores, 0), _search("tag", predictor, {}), column)
        return
    asked = _stepping(predictor, as_json or (columns and scores), 0)
    show = _columns if columns and not as_json else _show(lambda found: _tagged(found, scores), as_json)
    _answer(asked, _search("tag", predictor, {}), texts, 1, show, table)


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
    predictor = _load(model, threads, public_key).unparted()
    found = _told_of_cuts(predictor.encodings(texts or _stdin_lines(), states))
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


def _told_of_cuts(found: Iterable[Encoding]) -> Iterator[Encoding]:
    for number, one in enumerate(found, 1):
        if one.truncated:
            print(f"unroll: line {number}: too long; only its beginning was read", file=sys.stderr)
        yield one


@export.command("embeddings")
def export_embeddings(
    output: Annotated[Path, typer.Option(help="A file, in word2vec's form: as text, or .bin.")],
    model: Model = "data/translate/model",
    side: Annotated[Side, typer.Option(help="Whose tokens.")] = Side.source,
    public_key: PublicKey = None,
) -> None:
    """Write the embeddings that a model has learnt, for gensim, or for embed.kind imported."""
    from unroll.predict import embeddings

    predictor = _load(model, None, public_key)
    try:
        tokens, table = embeddings.embeddings(predictor, side.value)
    except ParamsError as error:
        raise ParamsError(f"--model {model}: {error}") from None
    if not output.parent.is_dir() or output.is_dir():
        raise ParamsError(f"--output {output}: no such folder, or a folder itself; name a file")
    with needing("train", "a file of vectors"):
        embeddings.save(output, tokens, table)
    print(f"{output}\t{len(tokens)} tokens of {table.shape[1]} numbers")


@app.command()
def lineage(
    model: Annotated[
        str, typer.Argument(help="A checkpoint folder, or a registered version: models:/NAME@champion.")
    ] = "data/translate/model",
    slsa: Annotated[
        bool, typer.Option("--slsa", help="As JSON: an in-toto Statement with the provenance that SLSA specifies.")
    ] = False,
) -> None:
    """Print where a model comes from, as a tree, after checking every hash."""
    from unroll.artifacts.lineage import describe

    print(_statement(_folder(model)) if slsa else describe(_folder(model)), end="")


@app.command()
def sign(
    model: Annotated[str, typer.Argument(help="A checkpoint folder, or a registered version: models:/NAME@champion.")],
    key: Annotated[Path, typer.Option(help="A private key of an elliptic curve: a file in PEM.")],
) -> None:
    """Sign a model: --public-key then asks no other. Beside a folder lies model.sig; a registered version has tags."""
    if model.startswith("models:"):
        with needing("track", "a registered model"):
            from unroll.registry.signatures import sign as signs

            print(f"signed\t{signs(model, key)}")
        return
    from unroll.artifacts import signing

    for file in signing.write(Path(model), signing.sign(Path(model), key)):
        print(f"signed\t{file}")


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
    public_key: PublicKey = None,
) -> None:
    """Compute every hash again, down to the raw files, and name the files that are not what they were.

    Of a model it says whether it is signed; with --public-key a model that its owner has not signed is wrong.
    """
    from unroll.artifacts.verification import folders, rotten, wrong

    looked = {place: _looked_up(place) for place in places or ["data"]}
    checked, found = 0, [complaint for _, complaints in looked.values() for complaint in complaints]
    for name, place in [(name, place) for name, (place, _) in looked.items() if is_folder(place) or not found]:
        for folder in folders(place):
            told = list(wrong(folder))
            signed, against = ("", []) if told else _signed(name, folder, public_key)
            print(f"{'rotten' if told else 'whole'}\t{telling.line(str(folder))}{signed}")
            checked, found = checked + 1, [*found, *told, *against]
    if not places or remote:
        found += rotten(Path("dvc.lock"), remote)
    for complaint in found:
        print(f"unroll: {telling.line(complaint)}", file=sys.stderr)
    if found:
        raise IntegrityError(f"{len(found)} found wrong, {checked} folders checked; fix what is named above")


@app.command()
def check(
    pipelines: Annotated[
        list[str] | None,
        typer.Argument(help="Files of pipelines/, their rows too. Without any: the grid's files alone."),
    ] = None,
) -> None:
    """Read pipelines, and say all that is wrong with their parameters and data before anything is removed or made."""
    from unroll.begin.checking import check as checks
    from unroll.begin.checking import parameters
    from unroll.params.reading import grid

    wrong: list[UnrollError] = []
    if not pipelines:
        wrong = [error for pipeline in grid(Path()) for error in parameters(Path(), pipeline)]
    for pipeline in pipelines or ():
        found = checks(Path(), pipeline)
        wrong += found.wrong
        for line in found.said:
            print(f"{pipeline}: {line}")
    for error in wrong[:-1]:
        print(f"unroll: {error}", file=sys.stderr)
    if wrong:
        raise type(wrong[0])(str(wrong[-1]))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Of the pipeline: a letter, then letters, digits, _ and -.")],
    files: Annotated[list[Path], typer.Argument(help="Files, or a folder with a folder or a file for each class.")],
    like: Annotated[str | None, typer.Option(help="Take the settings of this pipeline.")] = None,
    shape: Annotated[
        str | None,
        typer.Option(help="one_to_n: the class is read, and texts of it said; n_to_n: several files are one text."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="The column or key to read: its name, or number from 0.")] = None,
    target: Annotated[str | None, typer.Option(help="The column or key to say.")] = None,
    start_from: Annotated[
        str | None, typer.Option(help="Go on from the model of this pipeline, with its tokenizers and settings.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a pipeline of that name.")] = False,
) -> None:
    """Look at files of your own, say what is in them, and write a whole pipeline for them: pipelines/NAME.yaml."""
    from unroll.begin.looking import Wanted
    from unroll.begin.starting import new as starts

    made = starts(Path(), name, files, Wanted(shape, source, target), like, force, start_from)
    print(*made.said, sep="\n")


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
    public_key: PublicKey = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with the model.")] = 1,
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

    processes.mind_interruptions()
    processes.free(port, host)
    if host not in LOOPBACK and not token:
        print(f"unroll: whoever reaches {host}:{port} is answered: --token asks for one", file=sys.stderr)
    hosts = allowed_host or (LOOPBACK if host in LOOPBACK else ())
    settings = Settings(token, tuple(hosts), tuple(cors or ()), batching, _about(model))
    answers(partial(_load, model, threads, public_key), settings, host, port, grace, workers)


@app.command()
def versions(name: Registered) -> None:
    """List the versions of a registered model, the latest first: number, aliases, main score, verdict."""
    with needing("track", "the registry"):
        from unroll.registry.champions import versions as known

        for one in known(name):
            print(telling.harmless("\t".join([one.version, " ".join(one.aliases), one.main, one.verdict])))


@app.command()
def compare(
    name: Annotated[str, typer.Argument(help="A registered model, or with revisions a pipeline.")],
    revisions: Annotated[
        list[str] | None,
        typer.Argument(help="Commits, branches, DVC experiments, or workspace: the files here. Without any: versions."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="A line for each, all of them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Show the parameters in which versions of a model or revisions of a pipeline differ, and their main scores."""
    with needing("track", "the registry"):
        from unroll.registry import comparing

        found = comparing.of_revisions(Path(), name, revisions) if revisions else comparing.of_versions(name)
    entries = comparing.differing(found)
    if as_json:
        print(json.dumps([entry._asdict() for entry in entries], indent=2, ensure_ascii=False))
    elif as_csv:
        print(comparing.as_csv(entries), end="")
    else:
        console = Console()
        console.print(comparing.table(entries, console.width))


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
    public_key: PublicKey = None,
) -> None:
    """Write a folder from which a model's server is built anywhere: Dockerfile, hashed requirements, code, weights."""
    with needing("serve", "a package"):
        from unroll.face import signatures
        from unroll.serve.packaging import package as packs

        predictor, place = _load(model, None, public_key), _folder(model)
        packs(place, predictor.search, folder, signatures(model))
    print(f"{folder} has a Dockerfile, and a compose.yaml with a proxy; without either, in a virtual environment:")
    print(f"cd {folder} && pip install -r requirements.txt && python -m unroll serve model")


@app.command()
def ui(port: Annotated[int, typer.Option(min=1, max=65535, help="A free port.")] = 5000) -> None:
    """Show runs and models in MLflow's pages, on this machine alone."""
    with needing("track", "MLflow's pages"):
        from unroll.serve.ui import serve

        processes.mind_interruptions()
        serve(port)


def main() -> None:
    """Run the command line; what a person can fix ends in one line and an exit code."""
    processes.wait_briefly()
    with one_line():
        processes.settle()
        app()


def _predictor(command: str, model: str, threads: int | None, public_key: Path | None) -> Predictor:
    """Return the predictor of a model that can do what the command wants."""
    predictor = _load(model, threads, public_key)
    _check(command, model, predictor.recipe)
    return predictor


def _load(model: str, threads: int | None, public_key: Path | None = None) -> Predictor:
    """Return the predictor of a checkpoint folder, or of a registered version, which searches as it was scored."""
    from unroll.face import load

    try:
        return load(model, threads=threads, public_key=public_key)
    except ParamsError as error:
        raise ParamsError(f"--model {error}") from None


def _about(model: str) -> dict[str, str]:
    """Return what tells a model and this program from others."""
    from unroll.artifacts.store import read_manifest
    from unroll.face import __version__

    place = _folder(model)
    weights = read_manifest(place)["files"]["model.safetensors"] if is_folder(place) else ""
    return {"unroll": __version__, "model": model if model.startswith("models:") else place.name, "weights": weights}


def _folder(model: str) -> Path:
    """Return the folder that a name stands for."""
    if not model.startswith("models:"):
        return Path(model)
    with needing("track", "a registered model"):
        from unroll.registry.names import resolve

        return resolve(model)


def _statement(folder: Path) -> str:
    """Return a model's provenance as JSON, with code and times where its run is in the store."""
    from unroll.artifacts.manifest import dump_json, identity
    from unroll.artifacts.statement import statement
    from unroll.artifacts.store import read_manifest

    with needing("track", "the run of a model"):
        from unroll.registry.provenance import made

        return dump_json(statement(folder, made(identity(read_manifest(folder)))))


def _looked_up(place: str) -> tuple[Path, list[str]]:
    """Return the folder that a name stands for, and what of a registered version is not what its tags say."""
    if not place.startswith("models:"):
        return Path(place), []
    with needing("track", "a registered model"):
        from unroll.registry.held import wrong
        from unroll.registry.names import version_of

        version, folder = version_of(place)
        return folder, list(wrong(version, folder))


def _signed(place: str, folder: Path, key: Path | None) -> tuple[str, list[str]]:
    """Return whether a model is signed, as a column, and what is against that; of other artifacts nothing."""
    from unroll.artifacts import signing
    from unroll.artifacts.store import read_manifest
    from unroll.face import signatures

    if read_manifest(folder)["kind"] != "model":
        return "", []
    found = signatures(place if place.startswith("models:") else folder)
    if key is None:
        return "\tsigned, not checked" if found else "\tnot signed", []
    try:
        signing.check(folder, found, key)
    except IntegrityError as error:
        return "\twrongly signed" if found else "\tnot signed", [str(error)]
    return "\tsigned", []


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
    show: Callable[[int, int, Prediction], str],
    table: Path | None = None,
) -> None:
    """Print the answers to texts, to the sequences of a table, or to the lines of stdin.

    Args:
        show: (the text's number from 0, an answer's rank from 1, the answer) -> its lines.
    """
    typed = not texts and not table and sys.stdin.isatty()
    lines = iter(texts) if texts else _stdin_lines()
    if table:
        if texts:
            raise ParamsError("--table: texts stand beside it; ask one of them, then the other")
        lines, show = _sequences(predictor, table, show)
    # A person at the keyboard wants an answer to each line; a file is read in large windows.
    answers: Iterable[list[Prediction]] = (
        (predictor.predict([line], n_best, search)[0] for line in lines)
        if typed
        else predictor.stream(lines, n_best, search)
    )
    for number, predictions in enumerate(answers, 1):
        for rank, prediction in enumerate(predictions, 1):
            print(telling.harmless(show(number - 1, rank, prediction)), flush=typed)
        if predictions[0].truncated:
            print(f"unroll: line {number}: too long; only its beginning was read", file=sys.stderr)
        if predictions[0].cut_off and search.kind == "beam":  # of drawn texts --max-tokens is the end
            print(f"unroll: line {number}: the answer is cut off: it did not come to its end", file=sys.stderr)


def _sequences(
    predictor: Predictor, table: Path, show: Callable[[int, int, Prediction], str]
) -> tuple[Iterator[str], Callable[[int, int, Prediction], str]]:
    """Return the sequences of a table as texts, and what shows an answer behind the name of its sequence."""
    from unroll.data.readers import questions

    names: list[str] = []

    def texts() -> Iterator[str]:
        for name, text in questions(predictor.recipe.prepare.corpus, table):
            names.append(name)
            yield text

    def named(number: int, rank: int, prediction: Prediction) -> str:
        shown = show(number, rank, prediction)
        if shown.startswith("{"):
            name, _, line = names[number].partition("\t")
            told = {"sequence": name} | ({"line": int(line)} if line else {})
            return json.dumps(told | json.loads(shown), ensure_ascii=False)
        return "\n".join(f"{names[number]}\t{line}" if line else line for line in shown.split("\n"))

    return texts(), named


def _prompts() -> Iterator[str]:
    """Yield the lines of stdin, or an empty prompt where nobody wrote any."""
    lines = iter(()) if sys.stdin.isatty() else _stdin_lines()
    yield next(lines, "")
    yield from lines


def _stdin_lines() -> Iterator[str]:
    """Yield the lines of stdin; of one that no model reads to its end the beginning."""
    number = 0
    while raw := sys.stdin.buffer.readline(LONGEST_LINE):
        number, rest = number + 1, raw
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = sys.stdin.buffer.readline(LONGEST_LINE)
        try:
            decoder = getincrementaldecoder("utf-8")()  # no character is wrong for being cut in two
            yield decoder.decode(raw.rstrip(b"\r\n"), final=rest is raw)
        except UnicodeDecodeError as error:
            raise DataError(
                f"stdin:{number}: not UTF-8 ({error.reason}); convert it first, for example with iconv"
            ) from None


def _scored(text: str, score: float, scores: bool) -> str:
    return f"{score:.4f}\t{text}" if scores else text


def _translated(prediction: Prediction, scores: bool, alignments: bool) -> str:
    from unroll.predict.shown import alignments as aligned

    text = _scored(prediction.text, prediction.score, scores)
    return f"{text}\t{' '.join(f'{s}-{t}' for s, t in aligned(prediction))}" if alignments else text


def _estimated(prediction: Prediction, interval: bool) -> str:
    if not interval:
        return prediction.text
    if prediction.interval is None:
        raise ParamsError("--interval is for a model that has learnt quantiles: set model.head.quantiles")
    return "\t".join([prediction.text, *prediction.interval])


def _tagged(prediction: Prediction, scores: bool) -> str:
    return _scored(" ".join(prediction.target_tokens), prediction.score, scores)


def _columns(number: int, rank: int, prediction: Prediction) -> str:
    """Return a line for each token: the token, its label, and the label's probability if it was asked for."""
    from unroll.predict.steps import Stepped

    rows = [prediction.source_tokens, prediction.target_tokens]
    if isinstance(prediction, Stepped):
        rows.append([f"{step.probability:.4f}" for step in prediction.steps])
    return "".join("\t".join(row) + "\n" for row in zip(*rows, strict=True))


def _tag_conll(predictor: Predictor, search: Search, column: int | None) -> None:
    """Print the lines of stdin with their tags as one more column; what is no word stays as it is.

    Raises:
        DataError: a line has no word, or the model parts words otherwise.
    """
    from unroll.data import conll
    from unroll.predict.steps import Stepped

    waiting = deque[list[conll.Line]]()

    def texts() -> Iterator[str]:
        for sentence in conll.sentences(_stdin_lines()):
            at = conll.column_of_words(sentence) if column is None else column
            waiting.append(sentence)
            yield " ".join(conll.word_at(line, at, "stdin") for line in sentence if line.cells)

    for (answer,) in predictor.stream(texts(), 1, search):
        sentence = waiting.popleft()
        words = [line for line in sentence if line.cells]
        tags = list(answer.target_tokens)
        if answer.truncated:
            print(f"unroll: line {sentence[0].number}: too long; only its beginning was read", file=sys.stderr)
            tags += ["_"] * (len(words) - len(tags))
        if len(tags) != len(words):
            raise DataError(
                f"stdin:{sentence[0].number}: {len(words)} words, of which this model makes {len(tags)}: its "
                "tokenize.source.kind parts words; only 'space' and 'suffix' take them as they are"
            )
        if isinstance(answer, Stepped):
            chances = [f"{step.probability:.4f}" for step in answer.steps]
            tags = ["\t".join(pair) for pair in zip_longest(tags, chances, fillvalue="_")]
        found = iter(tags)
        for line in sentence:
            print(telling.harmless("\t".join([*line.cells, next(found)]) if line.cells else line.text))
        print()


def _row(number: int, rank: int, prediction: Prediction) -> str:
    """Return a line of JSON."""
    from unroll.predict.shown import row

    return json.dumps(row(number, rank, prediction, details=True), ensure_ascii=False)


def _show(line: Callable[[Prediction], str], as_json: bool) -> Callable[[int, int, Prediction], str]:
    """Return what shows an answer: as JSON, or as a line, and below it a line for each of its steps, if it has them."""
    from unroll.predict.steps import Stepped

    if as_json:
        return _row

    def show(number: int, rank: int, prediction: Prediction) -> str:
        if not isinstance(prediction, Stepped):
            return line(prediction)
        told = [(step.token, step.probability, *sum(step.alternatives, ())) for step in prediction.steps]
        lines = ["\t".join(part if isinstance(part, str) else f"{part:.4f}" for part in step) for step in told]
        return "\n".join([line(prediction), *lines, ""])

    return show


def _stepping(predictor: Predictor, steps: bool, alternatives: int) -> Predictor:
    """Return a predictor whose answers bring their steps, if they are asked for."""
    from unroll.predict.steps import Stepper

    return Stepper(predictor, alternatives) if steps or alternatives else predictor
