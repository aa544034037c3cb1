"""Every picture, in one style. The same numbers give the same bytes: no dates, no versions in a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from textwrap import fill, shorten
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import ColorType

INK, SOFT, ACCENT, SECOND = "#22303c", "#8a99a6", "#1f77b4", "#d9622b"
DPI = 130
MOST_UPRIGHT, LONGEST = 8, 28
"""Bars that stand side by side, and letters of a label: a longer one is cut."""
MOST_POINTS = 1_000
"""Numbers that are drawn over those wanted, spread evenly."""
MOST_NAMED = 21
"""Labels that a legend names."""

Map = tuple[Sequence[str], Sequence[str], np.ndarray]
"""source tokens, target tokens, weights_TS"""


def curves(columns: Mapping[str, Mapping[int, float]], score: str, loss: str, path: Path) -> None:
    """Draw losses above, the validation score and the learning rate below, over updates.

    Args:
        columns: {name: {update: value}}, as `curves.csv` has them.
        score: what `valid_score` is, for its axis.
        loss: what the losses are, for theirs.
    """
    figure, (losses, scores) = _figure(8, 7, 2, 1)
    for name, colour in (("train_loss", SOFT), ("valid_loss", ACCENT)):
        _line(losses, columns.get(name, {}).items(), name.replace("_", " "), colour)
    losses.set_ylabel(loss)
    _legend(losses, "upper right")
    _line(scores, columns.get("valid_score", {}).items(), "validation score", SECOND)
    scores.set_ylabel(score)
    scores.set_xlabel("updates")
    rate = scores.twinx()
    _line(rate, columns.get("learning_rate", {}).items(), "learning rate", SOFT)
    rate.set_ylabel("learning rate", color=SOFT)
    rate.spines["top"].set_visible(False)
    _legend(scores, "center right")
    _save(figure, path)


def bars(buckets: Mapping[str, tuple[float, int]], score: str, groups: str, path: Path) -> None:
    """Draw a bar for each group: upright where they are few, else lying one below another.

    Args:
        buckets: {group: (its score, its rows)}.
        score: what the scores are, for their axis.
        groups: what the groups are, for theirs.
    """
    labels, values = [_cut(label) for label in buckets], [value for value, _ in buckets.values()]
    places, lying = range(len(buckets)), len(buckets) > MOST_UPRIGHT
    figure, (axes,) = _figure(7, max(4, 0.9 + 0.27 * len(buckets)))
    gap = "  " if lying else "\n"
    told = [f"{value:.3g}{gap}n = {count:,}" for value, count in buckets.values()]
    if lying:
        drawn = axes.barh(places, values, color=ACCENT, height=0.7)
        axes.set_yticks(places, labels, parse_math=False)
        axes.invert_yaxis()
        axes.margins(x=0.18, y=0.01)
        axes.set(xlabel=score, ylabel=groups)
    else:
        drawn = axes.bar(places, values, color=ACCENT, width=0.7)
        axes.set_xticks(places, labels, parse_math=False)
        axes.margins(y=0.2)
        axes.set(xlabel=groups, ylabel=score)
    axes.bar_label(drawn, told, padding=3, fontsize=8)
    _save(figure, path)


def stress(slips: Sequence[str], under: Sequence[float], before: Sequence[float], score: str, path: Path) -> None:
    """Draw for each slip the score of the rows as they are, and with it.

    Args:
        under: the scores with a slip.
        before: those of the same rows without.
        score: what the scores are, for their axis.
    """
    figure, (axes,) = _figure(7, 0.9 + 0.5 * len(slips))
    places = np.arange(len(slips))
    for values, colour, label, shift in ((before, SOFT, "as they are", -0.19), (under, ACCENT, "so typed", 0.19)):
        drawn = axes.barh(places + shift, values, color=colour, height=0.36, label=label)
        axes.bar_label(drawn, [f"{value:.1f}" for value in values], padding=3, fontsize=8)
    axes.set_yticks(places, slips, parse_math=False)
    axes.invert_yaxis()
    axes.margins(x=0.12, y=0.01)
    axes.set(xlabel=score)
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    _save(figure, path)


def estimates(wanted_N: np.ndarray, said_NQ: np.ndarray, path: Path) -> None:
    """Draw what was said over what was wanted: points, and where there are quantiles the interval of each.

    Args:
        said_NQ: quantiles of each number, ascending; the middle one is the answer.
    """
    figure, (axes,) = _figure(6, 6)
    chosen = slice(None, None, len(wanted_N) // MOST_POINTS + 1)
    wanted_N, said_NQ = wanted_N[chosen], said_NQ[chosen]
    middle = said_NQ.shape[1] // 2
    if middle:
        axes.vlines(wanted_N, said_NQ[:, 0], said_NQ[:, -1], color=SOFT, linewidth=0.6, alpha=0.4, label="interval")
    axes.plot(wanted_N, said_NQ[:, middle], ".", color=ACCENT, markersize=4, alpha=0.6, label="answer")
    ends = [float(min(wanted_N.min(), said_NQ.min())), float(max(wanted_N.max(), said_NQ.max()))]
    axes.plot(ends, ends, color=INK, linewidth=1, label="right")
    axes.set(xlabel="wanted", ylabel="said")
    axes.legend(frameon=False, loc="upper left")
    _save(figure, path)


def confusion(classes: Sequence[str], counts: np.ndarray, path: Path) -> None:
    """Draw for each class, a row, how often it was taken for which, a column: the deeper, the larger a share of it.

    Args:
        counts: classes x classes.
    """
    figure, (axes,) = _figure(2.4 + 0.45 * len(classes), 1.8 + 0.4 * len(classes))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    places, labels = range(len(classes)), [_cut(name) for name in classes]
    axes.set_xticks(places, labels, rotation=60, ha="right", parse_math=False)
    axes.set_yticks(places, labels, parse_math=False)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else INK
            axes.text(column, row, f"{count:,}", color=colour, fontsize=7, ha="center", va="center")
    axes.set_ylabel("is")
    axes.set_xlabel("was taken for")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _save(figure, path)


def lines(series: Mapping[str, Sequence[tuple[float, float]]], xlabel: str, ylabel: str, path: Path) -> None:
    """Draw a line for each series: {name: [(x, y), ...]}."""
    from matplotlib import colormaps

    figure, (axes,) = _figure(7, 4.4)
    for number, (name, points) in enumerate(series.items()):
        _line(axes, points, name, colormaps["tab10"](number % 10))
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    _legend(axes, "best")
    _save(figure, path)


def scans(images: Sequence[np.ndarray], titles: Sequence[str], path: Path) -> None:
    """Draw grey images, the larger a number the darker, each below its title."""
    height, width = np.max([image.shape for image in images] or [(1, 1)], axis=0)
    scale = 1.6 / min(max(height, width), 16)  # inches for a number: a small image gets 1.6, a strip is longer
    columns = max(1, min(len(images), int(10 / max(1.6, scale * width))))
    rows = max((len(images) + columns - 1) // columns, 1)
    figure, grid = _figure(columns * max(1.6, scale * width), rows * (scale * height + 0.5), rows, columns)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
    for axes in grid:
        axes.set_axis_off()
    darkest = max((float(image.max()) for image in images), default=1.0)
    for axes, image, title in zip(grid, images, titles, strict=False):
        axes.imshow(image, cmap="Greys", vmin=0, vmax=darkest)
        axes.set_title(fill(title, max(14, int(14 * scale * width / 1.6))), fontsize=9, color=INK, parse_math=False)
    _save(figure, path)


def series(
    rows: Sequence[np.ndarray],
    titles: Sequence[str],
    path: Path,
    labels: Sequence[tuple[Sequence[str], Sequence[str]]] = (),
) -> None:
    """Draw sequences of vectors, a line for each of their numbers, over frames, each below its title.

    Args:
        labels: (those wanted, those said) of the frames of each sequence: strips below its lines.
    """
    columns = 2 if len(rows) > 1 else 1
    lines = max(-(-len(rows) // columns), 1)
    figure, grid = _figure(5.4 * columns, 2.2 * lines, lines, columns)
    for axes in grid:
        axes.set_axis_off()
    for axes, row_TW, title in zip(grid, rows, titles, strict=False):
        axes.set_axis_on()
        axes.plot(row_TW, linewidth=0.8)
        axes.set_title(shorten(title, 60, placeholder=" ..."), fontsize=9, color=INK, parse_math=False)
    _strips(figure, grid, labels)
    _save(figure, path)


def _strips(figure: Figure, grid: Sequence[Axes], labels: Sequence[tuple[Sequence[str], Sequence[str]]]) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Patch

    names = sorted({name for pair in labels for side in pair for name in side})
    known = colormaps["tab20" if len(names) > 10 else "tab10"]
    colours = dict(zip(names, cycle([known(number) for number in range(known.N)]), strict=False))
    for axes, pair in zip(grid, labels, strict=False):
        lowest, highest = axes.get_ylim()
        height = 0.08 * (highest - lowest)
        for side, said, low in zip(pair, ("wanted", "said"), (lowest - height, lowest - 2.2 * height), strict=True):
            spans = [(frame - 0.5, 1) for frame in range(len(side))]
            axes.broken_barh(spans, (low, height), facecolors=[colours[name] for name in side])
            beside = axes.text(-0.01, low + height / 2, said, fontsize=7, color=INK, ha="right", va="center")
            beside.set_transform(axes.get_yaxis_transform())
        axes.set_yticks([tick for tick in axes.get_yticks() if lowest + height <= tick <= highest])
        axes.set_ylim(lowest - 2.4 * height, highest)
    if names:
        patches = [Patch(color=colours[name], label=_cut(name)) for name in names[:MOST_NAMED]]
        figure.legend(handles=patches, loc="outside lower center", ncols=7, frameon=False, fontsize=8)


def forecasts(rows: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], path: Path) -> None:
    """Draw what was, what came and what had been forecast, with its interval, each in axes of its own.

    Args:
        rows: (what was, S; what came, T; what was said of it, T x quantiles, ascending: the middle one is the answer).
    """
    columns = 2 if len(rows) > 1 else 1
    lines = max(-(-len(rows) // columns), 1)
    figure, grid = _figure(5.4 * columns, 2.2 * lines, lines, columns)
    for axes in grid:
        axes.set_axis_off()
    for number, (axes, (before_S, came_T, said_TQ)) in enumerate(zip(grid, rows, strict=False)):
        axes.set_axis_on()
        ahead_T = np.arange(1, len(came_T) + 1)
        axes.plot(np.arange(1 - len(before_S), 1), before_S, color=SOFT, linewidth=0.8, label="before")
        axes.fill_between(ahead_T, said_TQ[:, 0], said_TQ[:, -1], color=ACCENT, alpha=0.25, linewidth=0)
        axes.plot(ahead_T, came_T, color=INK, linewidth=1.0, label="came")
        axes.plot(ahead_T, said_TQ[:, said_TQ.shape[1] // 2], color=ACCENT, linewidth=1.2, label="forecast")
        if number == 0:
            _legend(axes, "best")
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


def _cut(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"


def _line(axes: Axes, points: Collection[tuple[float, float]], label: str, colour: ColorType) -> None:
    if points:
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            label=label,
            color=colour,
            linewidth=1.6,
            marker="o" if len(points) < 40 else None,
            markersize=3.5,
        )


def _legend(axes: Axes, place: Literal["upper right", "center right", "best"]) -> None:
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
