"""Layers that became several nodes of the IR, made one layer again: propose, import, compare.

A model that comes back to a framework should be what it was there. The nodes of one source layer are a
group, and know what the files said of it (`PARAMETERS`). The framework proposes that layer and imports it;
only where that gives the very same nodes and constants, or known equivalents, is it taken. So what is said
may be wrong without harm: what was changed on the way is written operator by operator.
"""
