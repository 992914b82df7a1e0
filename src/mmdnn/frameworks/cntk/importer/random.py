"""Random numbers (Source/ComputationNetworkLib/RNGNodes.h)."""

from __future__ import annotations

from mmdnn.frameworks.cntk.importer.operand import Operand
from mmdnn.frameworks.cntk.importer.table import API, ImportedFunction, importer
from mmdnn.ir.builder import Op


@importer("RandomDistribution", doc=f"{API}/cntk.random")
def random_distribution(f: ImportedFunction, op: Op, *like: Operand) -> Operand:
    """Refused: no two runs give the same numbers, so nothing can be compared."""
    f.refuse("random numbers, other ones in each run")
