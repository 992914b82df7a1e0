"""Layers that the nodes of a group may have come from, by what they do; see `lifting`."""

from mmdnn.ir.operators import load_families

load_families(__name__, __path__)
