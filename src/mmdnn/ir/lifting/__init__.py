"""Layers that became several nodes of the IR, made one layer again: propose, import, compare.

A model that comes back to a framework should be what it was there. The nodes of one source layer are a
group. The framework proposes a layer of its own that they may have come from and imports it; only where that
gives the very same nodes and constants, or known equivalents, is it taken. So a proposal may be wrong
without harm: what was changed on the way, or comes from elsewhere and has a type of the same name, is
written operator by operator.
"""
