"""The table of MXNet's operators, and what an importing function is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
import onnx_ir as ir

from mmdnn.errors import ShapeError, UnsupportedError
from mmdnn.frameworks.mxnet._schema import operators
from mmdnn.frameworks.mxnet.graph import Model, Node
from mmdnn.ir.builder import Builder, dimensions
from mmdnn.ir.operators import Operators
from mmdnn.tensors import references

API = "https://mxnet.apache.org/versions/1.9.1/api/python/docs/api"

importer: Operators[Callable[..., Any]] = Operators("read from MXNet")
"""Registers a function `(node, op, *inputs) -> output or outputs` for an operator."""

IGNORED = frozenset(
    {
        *("workspace", "cudnn_tune", "cudnn_off", "cudnn_algo_verbose", "num_args", "ctx"),
        *("momentum", "grad_scale", "out_grad", "normalization", "ignore_label", "use_ignore"),
        *("smooth_alpha", "valid_thresh", "lazy_update", "sparse_grad", "use_global_stats"),
        *("min_calib_range", "max_calib_range", "key", "ndev", "multi_precision"),
    }
)
"""Parameters that say how an operator is trained, or run on some device, not what it computes."""


def existing(*types: str) -> list[str]:
    """Those of the names that are operators' own."""
    return [type_ for type_ in types if type_ in operators()]


class Parameters:
    """A node's parameters as attributes: `p.kernel`. What nobody asks for is refused at the end."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self._read.add(name)
        return self._node.param(name)

    def unread(self) -> list[str]:
        """Parameters that the file sets to something else than the default, and nobody has read."""
        schema = self._node.schema
        known: Mapping[str, str] = schema.params if schema else {}
        if not known:
            return []  # MXNet reads nothing of it either
        found = []
        for name in self._node.params.keys() - self._read - IGNORED:
            default = known[name].rpartition("=")[2] if "=" in known.get(name, "") else None
            if name not in known or default is None or not self._is_default(name, default):
                found.append(name)
        return sorted(found)

    def _is_default(self, name: str, default: str) -> bool:
        said = self._node.param(name)
        fresh = Node(self._node.op, self._node.name)
        return bool(default == self._node.attrs[name] or said == fresh.param(name))


class Importing:
    """An operator on its way into the IR.

    Attributes:
        node: The node of the native graph.
        p: Its parameters.
        wanted: Which of its outputs are read.
        model: The whole model.
        read: The IR value of another node's output.
        readers: Who reads a node, and at which place.
    """

    def __init__(self, node: Node, lowering: Any, wanted: int) -> None:
        self.node = node
        self.name = node.name
        self.type = node.type
        self.p = Parameters(node)
        self.wanted = wanted
        self.lowering = lowering
        self.builder: Builder = lowering.builder
        self.model: Model = lowering.model

    @property
    def numpy(self) -> bool:
        """Whether it follows NumPy: reducing everything gives a scalar, not an array of one."""
        return self.node.op.startswith("_np") or self.model.numpy

    def axis(self, axis: int, x: ir.Value) -> int:
        """A canonical axis: negative ones count from the end."""
        rank = len(dimensions(x))
        if not -rank <= axis < rank:
            self.unfit(f"axis {axis} is out of range for {rank} axes")
        return axis % rank

    def constant(self, value: ir.Value) -> np.ndarray | None:
        """The numbers of a value that is a parameter or a constant, else None."""
        return None if value.const_value is None else references.read(value.const_value)

    def changed(
        self,
        value: ir.Value,
        how: str,
        function: references.Function,
        shape: tuple[int, ...] | None = None,
        dtype: ir.DataType | None = None,
    ) -> ir.Value | None:
        """A parameter changed when it is read, named `<parameter>_<how>`; None if it is no parameter.

        Args:
            value: The value.
            how: What is done, for the name.
            function: What is done.
            shape: The new shape.
            dtype: The new type.
        """
        tensor = value.const_value
        if tensor is None:
            return None
        name = f"{value.name}_{how}"

        def make() -> ir.Value:
            return self.plain(
                name, references.lazy(tensor, function, shape=shape, dtype=dtype, name=name)
            )

        return self.once((value, how, shape, dtype), make)

    def plain(self, name: str, tensor: ir.TensorProtocol) -> ir.Value:
        """An initializer of this very name, where it is free."""
        with self.builder.layer("", ""):
            return self.builder.weight(name, tensor)

    def once(self, key: object, make: Callable[[], ir.Value]) -> ir.Value:
        """What `make` makes, made once for all nodes that ask for it by this key."""
        if key not in self.lowering.shared:
            self.lowering.shared[key] = make()
        found: ir.Value = self.lowering.shared[key]
        return found

    def refuse(self, reason: str) -> NoReturn:
        """Stop, naming this node."""
        raise UnsupportedError(reason, layer=self.name, operator=self.type)

    def unfit(self, reason: str) -> NoReturn:
        """Stop: MXNet would not run this."""
        raise ShapeError(reason, layer=self.name, operator=self.type)

    def check_read(self) -> None:
        """Refuse parameters that nobody has read."""
        for name in self.p.unread():
            self.refuse(f"its parameter {name} = {self.node.attrs[name]} is not known here")


NN = f"{API}/symbol/symbol.html#mxnet.symbol"

NP = f"{API}/np/generated/mxnet.np"
