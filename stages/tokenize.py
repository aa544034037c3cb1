"""Text to ids, or to vectors.

in   data/<pipeline>/prepared/{train,valid,test}.tsv
     a model whose tokenizers are taken, where tokenize.from_start says so
out  data/<pipeline>/tokenized/{source,target}.tokenizer.json, .model     learnt on train alone
                               {train,valid}.{source,target}.{ids,offsets}  memory-mapped; vectors: .values for .ids
                               none of the target for a language model, whose rows have none
     data/<pipeline>/lexicon/  what tokens become, where both sides are text; training does not read it
     reports/<pipeline>/tokenize.json
"""

from __future__ import annotations

from stages import main
from unroll import shapes, starts
from unroll.artifacts import store
from unroll.artifacts.manifest import dump_json
from unroll.data import lexicon, tokenizing
from unroll.folders import Folders
from unroll.params.pipeline import Pipeline


def run(pipeline: Pipeline, folders: Folders) -> None:
    """Learn a tokenizer for each side, or one for both, write the ids of train and valid, and learn the lexicon."""
    prepared = store.verify(folders.prepared, "prepared")
    sides = shapes.sides(pipeline.model.head.family)
    start = starts.find(pipeline.train.start_from if pipeline.tokenize.from_start else None, folders.root)
    inputs = {"prepared": prepared} | starts.inherited_tokenizers(start)
    with store.writing(folders.tokenized, "tokenized", inputs) as folder:
        report = tokenizing.tokenize(pipeline.tokenize, pipeline.noise, sides, folders.prepared, folder, start)
    tokenized = store.verify(folders.tokenized, "tokenized")
    with store.writing(folders.lexicon, "lexicon", {"tokenized": tokenized}) as folder:
        if tokenizing.parallel(pipeline.tokenize, sides):
            lexicon.of(folders.tokenized, pipeline.tokenize.joint).save(folder)
    store.write_file(folders.reports / "tokenize.json", dump_json(report))


if __name__ == "__main__":
    main(run)
