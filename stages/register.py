"""A model into the registry.

in   data/<pipeline>/model/
     data/<pipeline>/evaluation/
     reports/<pipeline>/*.json, curves.csv, pictures/, embed/
out  data/<pipeline>/registered.json   what was registered, by hash
     a run and a version in MLflow, which mirror the files above
"""

from __future__ import annotations

from stages import Folders, main
from unroll import artifacts, card, lineage, registry
from unroll.params import Pipeline, Search


def run(params: Pipeline, folders: Folders) -> None:
    """Verify a model and its evaluation, mirror them into their run, register them, and say how it went."""
    digests = lineage.verify(folders.model, folders.evaluation)
    tracked = registry.record(params.evaluate.search, params.register_, folders)
    done = registry.register(params.evaluate.search, params.register_, folders, tracked)
    print(summary(done, params.evaluate.search))
    artifacts.write_file(folders.registered, artifacts.dump_json(digests))


def summary(done: registry.Registration, search: Search) -> str:
    """Return what a person wants to know of a registration."""
    aliases = f" ({', '.join(done.aliases)})" if done.aliases else ""
    scores = "  ".join(f"{name} {card.shown(value)}" for name, value in done.scores.items())
    return "\n".join(
        [
            f"{done.name} version {done.version}{aliases}, {'new' if done.created else 'registered before'}",
            f"  verdict  {done.verdict}",
            f"  scores   {scores}",
            f"  use      {card.command(search, f'models:/{done.name}/{done.version}')}",
            f"  look     unroll ui, then /#/models/{done.name}/versions/{done.version}",
        ]
    )


if __name__ == "__main__":
    main(run)
