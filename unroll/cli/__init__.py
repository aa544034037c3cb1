"""The command line: thin doors to the Predictor and to the registry.

program             what all commands belong to; `main` has them all
options             those that several of them have
models, answering   the model that is asked; what it is asked, and how its answers are told
asking              commands that ask a model
pipelines           ... that begin, check and plan a training
registry, trust     ... that tell versions, and where a model comes from
serving             ... that answer over HTTP
"""
