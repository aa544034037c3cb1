"""Sentences that a synthesizer says in many voices, as log-mel frames: the corpus of pipelines/spoken.yaml.

No person ever said any of it. eSpeak NG speaks sentences of a small grammar in voices of its own, each at a rate and a
pitch drawn for the sentence. Voices and sentences of test are in no training row: half of the test's rows are said by
voices that train has, half by others, and the sentences of all are new. The voice stands in the third column.

The frames are those of Chan et al. 2016, "Listen, attend and spell", section 4, coarser: log-mel energies less their
mean over the sentence, in steps of 2 dB, three frames of 20 ms a vector.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast
from zlib import crc32

import numpy as np

from unroll.data.numbers import written
from unroll.data.readers import READERS
from unroll.data.rows import Row
from unroll.errors import DataError

RATE = 22_050
"""samples a second, as eSpeak gives them"""
PACE, PITCH = (150, 210), (30, 70)
"""Words a minute; of 0 to 99, in the range of the voice."""

# --- what is said, and by whom ----------------------------------------------------------------------------------------

WHO = (
    "my sister", "your brother", "the teacher", "our doctor", "a farmer", "the old woman", "the young man",
    "her mother", "his father", "the captain", "every child", "nobody",
)  # fmt: skip
DOES = ("sees", "buys", "finds", "paints", "carries", "loses", "sells", "hides", "wants", "brings")
COUNTS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
COLOURS = ("red", "green", "blue", "yellow", "white", "black", "brown", "grey")
THINGS = (
    "apples", "boats", "books", "boxes", "chairs", "cups", "flowers", "horses", "letters", "lamps", "coats", "pictures",
)  # fmt: skip
WHERE = (
    "in the garden", "on the table", "at the station", "near the river", "behind the house", "under the bridge",
    "in the kitchen", "on the hill",
)  # fmt: skip
WHEN = ("today", "every morning", "on monday", "at night", "in winter", "after lunch")

ACCENTS = ("en", "en-us", "en-gb-x-rp", "en-gb-scotland")
VARIANTS = {
    "train": (
        "adam", "Alex", "Andrea", "Andy", "announcer", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb",
        "david", "Denis", "Diogo", "ed", "edward", "f1", "f2", "f4", "Gene", "grandma", "gustave", "Henrique", "Hugo",
        "iven", "Jacky", "Lee", "linda", "m1", "m2", "m4", "m5", "m7", "marcelo", "Marco", "Mario", "max", "Michael",
        "michel", "Nguyen", "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby", "steph", "travis", "victor",
    ),
    "valid": ("Annie", "Mike", "m6", "norbert"),
    "test": ("Alicia", "anika", "f3", "f5", "grandpa", "m3", "m8", "miguel", "Reed", "zac"),
}  # fmt: skip
"""{part of the corpus: the voices of eSpeak that are its own}"""
PARTS = {"test": range(0, 1), "valid": range(1, 2), "train": range(2, 10)}
"""{part: which of ten sentences, by their hash}"""


class Saying(NamedTuple):
    """A sentence, and how it is to be said."""

    text: str
    voice: str
    pace: int
    pitch: int


def sentence(chance: np.random.Generator) -> str:
    """Return a sentence of 3 to 10 words; there are some two million."""

    def one(many: tuple[str, ...], likely: float = 1.0) -> str:
        word = many[chance.integers(len(many))]
        return word if chance.random() < likely else ""

    place = one(WHERE) if chance.random() < 0.6 else one(WHEN, 0.7)
    words = one(WHO), one(DOES), one(COUNTS, 0.7), one(COLOURS, 0.6), one(THINGS), place
    return " ".join(filter(None, words))


def part_of(text: str) -> str:
    """Return the part of the corpus that a sentence belongs to."""
    drawn = crc32(text.encode()) % 10
    return next(part for part, numbers in PARTS.items() if drawn in numbers)


def sayings(part: str, rows: int, seed: int) -> Iterator[Saying]:
    """Yield what is said in a part of the corpus, the same for a seed; every other row of test in a voice of train."""
    chance = np.random.default_rng(seed)
    for number in range(rows):
        while part_of(text := sentence(chance)) != part:
            pass
        variants = VARIANTS["train" if part == "test" and number % 2 == 0 else part]
        voice = f"{ACCENTS[chance.integers(len(ACCENTS))]}+{variants[chance.integers(len(variants))]}"
        yield Saying(text, voice, int(chance.integers(*PACE)), int(chance.integers(*PITCH)))


# --- frames -----------------------------------------------------------------------------------------------------------

BANDS, STACK = 24, 3
"""Bands of a frame; frames of a vector."""
WINDOW, HOP, POINTS = 0.032, 0.02, 1024
"""Seconds that a frame sees; seconds from one to the next; points of its Fourier transform."""
LOWEST, HIGHEST = 80.0, 8000.0
"""hertz"""
STEP, FLOOR, SILENT = 2.0, -70.0, -50.0
"""Decibels of a step; under the loudest those below which nothing counts, and those of frames left out at the ends."""


@cache
def filters() -> np.ndarray:
    """Return BANDS x bins: triangles that overlap by half, evenly spaced in mel, 2595 log10(1 + f / 700)."""
    low, high = 2595 * np.log10(1 + np.array([LOWEST, HIGHEST]) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hertz = np.fft.rfftfreq(POINTS, 1 / RATE)
    rising = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    return np.maximum(np.minimum(rising, falling), 0)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Return frames x BANDS, in decibels under the loudest, silence at the ends left out."""
    width, hop = round(WINDOW * RATE), round(HOP * RATE)
    padded = np.concatenate([samples, np.zeros(max(width - len(samples), 0))])
    frames = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop] * np.hanning(width)
    power = np.abs(np.fft.rfft(frames, POINTS)) ** 2 @ filters().T
    decibels = np.maximum(10 * np.log10(np.maximum(power, 1e-12) / max(power.max(), 1e-12)), FLOOR)
    loud = np.flatnonzero(decibels.max(1) > SILENT)
    return cast(np.ndarray, decibels[loud[0] : loud[-1] + 1])


def vectors(samples: np.ndarray) -> np.ndarray:
    """Return T x (BANDS * STACK) whole numbers: frames less their mean, in steps, a vector for each STACK of them.

    A vector goes band by band, so that vectors one below the other are a picture of the sound.
    """
    frames = log_mel(samples)
    steps = np.round((frames - frames.mean(0)) / STEP)
    missing = -len(steps) % STACK
    stacked = np.pad(steps, ((0, missing), (0, 0)), mode="edge").reshape(-1, STACK, BANDS)
    return stacked.swapaxes(1, 2).reshape(len(stacked), -1).astype(int)


# --- the synthesizer --------------------------------------------------------------------------------------------------


@contextmanager
def speaker(folder: Path) -> Iterator[Callable[[Saying], np.ndarray]]:
    """Bring what says a saying, as samples: eSpeak in a process of its own, since what it says depends on what it said.

    Args:
        folder: of libespeak-ng.so and espeak-ng-data.
    Raises:
        DataError: when it is called, eSpeak does not run here, or stopped.
    """
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    command = [sys.executable, str(Path(__file__).absolute()), str(folder.absolute())]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, **pipes)
    asked, answer, errors = (cast(BinaryIO, pipe) for pipe in (process.stdin, process.stdout, process.stderr))

    def say(saying: Saying) -> np.ndarray:
        with suppress(BrokenPipeError):
            asked.write(json.dumps(saying).encode() + b"\n")
            asked.flush()
        samples = answer.read(2 * int.from_bytes(answer.read(4), "little"))
        if not samples:
            process.kill()
            told = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise DataError(
                f"{folder}: eSpeak does not say '{saying.text}' in the voice '{saying.voice}' ({told or 'silence'}): "
                "its library is for Linux on x86-64; elsewhere bring the prepared rows with dvc pull"
            )
        return np.frombuffer(samples, "<i2").astype(float)

    try:
        yield say
    finally:
        process.kill()
        process.communicate()


def speak(folder: Path, asked: BinaryIO, answer: BinaryIO) -> None:
    """Say what comes in, a line of JSON each: four bytes with the number of samples, and the samples, 16 bits each."""
    library = ctypes.CDLL(str(folder / "libespeak-ng.so"))
    said: list[bytes] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    def hear(samples: int | None, count: int, _: int | None) -> int:
        if samples and count:
            said.append(ctypes.string_at(samples, 2 * count))
        return 0

    synchronous, utf8, pace, pitch = 2, 1, 1, 3  # speak_lib.h
    if library.espeak_Initialize(synchronous, 0, str(folder).encode(), 0) != RATE:
        raise SystemExit("it does not begin")
    library.espeak_SetSynthCallback(hear)
    library.espeak_ng_SetRandSeed(1)
    for line in asked:
        saying = Saying(*json.loads(line))
        variant = folder / "espeak-ng-data" / "voices" / "!v" / saying.voice.rpartition("+")[2]
        if library.espeak_SetVoiceByName(saying.voice.encode()) or not variant.is_file():
            raise SystemExit("no such voice")
        library.espeak_SetParameter(pace, saying.pace, 0)
        library.espeak_SetParameter(pitch, saying.pitch, 0)
        text = saying.text.encode() + b"\0"
        said.clear()
        library.espeak_Synth(text, len(text), 0, 1, 0, utf8, None, None)
        whole = b"".join(said)
        answer.write((len(whole) // 2).to_bytes(4, "little") + whole)
        answer.flush()


# --- the corpus -------------------------------------------------------------------------------------------------------


def read(corpus: Any, folder: Path) -> Iterator[Row]:
    """Yield `rows` sentences of a `part`, the same for a `seed`: the frames, the words, and the voice."""
    with speaker(folder) as say:
        for saying in sayings(corpus.part, corpus.rows, corpus.seed):
            yield Row(written(vectors(say(saying))), saying.text, saying.voice)


READERS["spoken"] = read

if __name__ == "__main__":
    speak(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
