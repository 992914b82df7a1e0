"""The catalogue of pre-trained models, and downloading them.

    from mmdnn import zoo

    model = zoo.model("cntk", "resnet50")
    paths = zoo.download(model, "./")

The models are other people's, each under its own licence, and so are the hosts: several of them are gone.
"""

from __future__ import annotations

from mmdnn.zoo.catalogue import CATALOGUE, File, Model, frameworks, model, models
from mmdnn.zoo.downloading import Told, download

__all__ = ["CATALOGUE", "File", "Model", "Told", "download", "frameworks", "model", "models"]
