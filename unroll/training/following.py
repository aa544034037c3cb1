"""A training, continued from where an earlier process was killed if one was; with snapshots, a bar and a listener."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from unroll.training.curves import Point, point_of, shown
from unroll.training.loop import Training, fit
from unroll.training.progress import progress_bar
from unroll.training.snapshots import Snapshots

Tell = Callable[[Mapping[str, float], int], None]
"""(metrics, update) -> nothing: called for each point, for example to log it"""


def lead(training: Training, snapshots: Snapshots, tell: Tell) -> list[Point]:
    """Train a model in place, from where an earlier process was killed if one was; return the points of its curves.

    The last state is saved too: what is made of it may not reach its place.

    Args:
        tell: is called for every point; those of an earlier process come first.
    """
    points: list[Point] = []
    if found := training.fabric.broadcast(snapshots.latest()):
        state, points = found
        training.restore(state)
        for point in points:  # which may not have been reported before
            tell(shown(point), int(point["update"]))
    updates = training.params.updates
    with progress_bar(updates, training.learner.updates) as advance:
        for progress in fit(training):
            advance(progress)
            points.append(point_of(progress))
            tell(shown(points[-1]) | {"tokens_per_second": progress.tokens / progress.seconds}, progress.update)
            if training.fabric.broadcast(snapshots.due() or training.done):
                snapshots.save(training.state(), points)
    return points


def follow(training: Training) -> None:
    """Learn beside the first process, which runs `lead`."""
    if found := training.fabric.broadcast(None):
        training.restore(found[0])
    for _ in fit(training):
        if training.fabric.broadcast(False):
            training.state()
