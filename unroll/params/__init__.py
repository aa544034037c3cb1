"""A pipeline file -> frozen, validated sections: a file each, under the name that it has in a pipeline file.

In comes YAML, or the JSON of a checkpoint; out go a `Pipeline`, and the `Recipe` in it that shapes a model; or one line
that names the parameter, the cause and the fix. Open `pipeline.py` first, then `reading.py`.
"""
