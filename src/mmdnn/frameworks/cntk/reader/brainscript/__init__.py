"""Files of CNTK 1 (BrainScript) to a `graph.Model`.

`stream` reads numbers, words and matrices; `fields` knows what each kind of node has written;
`network` reads the file's sections; `functions` says which functions of CNTK 2 the nodes are.
"""

from __future__ import annotations

from pathlib import Path

from mmdnn.frameworks.cntk.graph import Model
from mmdnn.frameworks.cntk.reader.brainscript.functions import model
from mmdnn.frameworks.cntk.reader.brainscript.network import load


def read(path: Path) -> Model:
    """Read a model of CNTK 1: of any version, 1 to 31.

    Raises:
        FormatError: The file is damaged.
        UnsupportedError: It has nodes that are not known here, or that CNTK 2 has nothing for.
    """
    return model(load(path))
