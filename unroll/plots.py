"""Every picture, in one style. The same numbers give the same bytes: no dates, no versions in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, ACCENT, SECOND = "#22303c", "#8a99a6", "#1f77b4", "#d9622b"
DPI = 130

Map = tuple[Sequence[str], Sequence[str], np.ndarray]
"""source tokens, target tokens, weights_TS"""


def curves(columns: Mapping[str, Mapping[int, float]], path: Path) -> None:
    """Draw losses above, the validation score and the learning rate below, over updates.

    Args:
        columns: {name: {update: value}}, as `curves.csv` has them.
    """
    figure, (losses, scores) = _figure(8, 7, 2, 1)
    for name, colour in (("train_loss", SOFT), ("valid_loss", ACCENT)):
        _line(losses, columns.get(name, {}), name.replace("_", " "), colour)
    losses.set_ylabel("nats per target token")
    _legend(losses, "upper right")
    _line(scores, columns.get("valid_bleu", {}), "validation BLEU, greedy", SECOND)
    scores.set_ylabel("BLEU")
    scores.set_xlabel("updates")
    rate = scores.twinx()
    _line(rate, columns.get("learning_rate", {}), "learning rate", SOFT)
    rate.set_ylabel("learning rate", color=SOFT)
    rate.spines["top"].set_visible(False)
    _legend(scores, "center right")
    _save(figure, path)


def bleu_by_length(buckets: Mapping[str, tuple[float, int]], path: Path) -> None:
    """Draw a bar for each bucket of source lengths: {label: (BLEU, sentences)}."""
    figure, (axes,) = _figure(7, 4)
    bars = axes.bar(list(buckets), [score for score, _ in buckets.values()], color=ACCENT, width=0.7)
    axes.bar_label(
        bars, [f"{score:.1f}\n{count:,} sentences" for score, count in buckets.values()], padding=3, fontsize=8
    )
    axes.set_ylabel("BLEU")
    axes.set_xlabel("words in the source")
    axes.margins(y=0.2)
    _save(figure, path)


def attention(maps: Sequence[Map], path: Path) -> None:
    """Draw where a model looked as it spoke, a heat map for each sentence."""
    columns = 2 if len(maps) > 1 else 1
    rows = max((len(maps) + columns - 1) // columns, 1)
    figure, grid = _figure(5.4 * columns, 4.6 * rows, rows, columns)
    for axes in grid:
        axes.set_axis_off()
    for axes, (source, target, weights_TS) in zip(grid, maps, strict=False):
        if not weights_TS.size:
            continue
        axes.set_axis_on()
        axes.imshow(weights_TS, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(source)), [_shown(token) for token in source], rotation=60, ha="right")
        axes.set_yticks(range(len(target)), [_shown(token) for token in target])
        for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            label.set_parse_math(False)
        axes.tick_params(length=0, labelsize=9)
        axes.spines[:].set_visible(False)
    _save(figure, path)


def embeddings(
    words: Sequence[str], groups: Sequence[int], points: np.ndarray, titles: Sequence[str], path: Path
) -> None:
    """Draw words at their places in the plane; a group, such as a word and its neighbours, shares a colour.

    Args:
        groups: for each word the number of its group, -1 for none.
        points: words x 2.
        titles: the name of each group.
    """
    from matplotlib import colormaps

    figure, (axes,) = _figure(12, 9.5)
    palette = colormaps["tab20" if len(titles) > 10 else "tab10"]
    for word, group, (x, y) in sorted(zip(words, groups, points, strict=True), key=lambda entry: entry[1]):
        colour = palette(group % palette.N) if group >= 0 else SOFT
        named = group >= 0 and titles[group] == word
        axes.text(
            x,
            y,
            word,
            color=colour,
            fontsize=12 if named else 8.5 if group >= 0 else 6,
            ha="center",
            va="center",
            fontweight="bold" if named else "normal",
            alpha=1.0 if group >= 0 else 0.6,
            parse_math=False,
        )
    axes.update_datalim(points)
    axes.autoscale_view()
    axes.set_axis_off()
    _save(figure, path)


def _shown(token: str) -> str:
    return token.replace("▁", "").replace("￭", "") or "␣"


def _line(axes: Axes, points: Mapping[int, float], label: str, colour: str) -> None:
    if points:
        axes.plot(
            list(points),
            list(points.values()),
            label=label,
            color=colour,
            linewidth=1.6,
            marker="o" if len(points) < 40 else None,
            markersize=3.5,
        )


def _legend(axes: Axes, place: Literal["upper right", "center right"]) -> None:
    if axes.lines:
        axes.legend(frameon=False, loc=place)


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    # The object interface alone: pyplot keeps global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(SOFT)
        axes.tick_params(colors=INK, labelsize=9)
    return figure, grid


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
