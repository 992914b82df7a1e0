"""One node at a time through every exporter and back, beside onnxruntime on the node itself.

    PYTHONPATH=tests python -m differential [--only PATTERN] [--to EXPORTER ...] [--every N] [--show wrong]

`grid` is the nodes: operators with their options and shapes, by family. `targets` writes each for a framework
and runs what it wrote: in the framework where it is installed, else read back, on onnxruntime; once more with
another batch where that is open. `verdicts` judges. `refusals.toml` says why an exporter refuses what another
one can say.
"""
