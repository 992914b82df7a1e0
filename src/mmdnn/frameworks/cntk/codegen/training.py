"""What a network needs to be trained: a loss and an error for each output, and labels that they read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mmdnn.frameworks.cntk.codegen.blocks import CATALOGUE
from mmdnn.frameworks.cntk.codegen.printing import Scope
from mmdnn.frameworks.cntk.codegen.table import Node
from mmdnn.frameworks.cntk.graph import Axis, Function, Kind, Model, Variable
from mmdnn.python.expressions import Operand, text
from mmdnn.python.layout import lay_out
from mmdnn.python.literals import Raw

LOSSES = {
    *("CrossEntropyWithSoftmax", "SquaredError", "BinaryCrossEntropy", "Logistic", "LambdaRank"),
    *("ClassificationError", "EditDistanceError", "ForwardBackward", "NDCG", "NCE"),
    *("LatticeSequenceWithSoftmax", "CosDistanceWithNegativeSamples"),
}
"""A network that gives one of these has all it needs."""

_PARTS = ("loss", "error")
FIT = '''def fit(path, minibatches, rate=0.01):
    """Train the network with a file's weights; it is returned as it is then.

    A minibatch is a dictionary of arrays by the names of inputs and labels.
    """
    z, loss, error = load(path, train=True)
    schedule = C.learning_parameter_schedule(rate)
    learner = C.momentum_sgd(z.parameters, schedule, C.momentum_schedule(0.9))
    trainer = C.Trainer(z, (loss, error), [learner])
    for minibatch in minibatches:
        trainer.train_minibatch(minibatch)
    return z'''


@dataclass(frozen=True)
class Loss:
    """What an output is held against.

    The loss reads `source`: of a softmax, what that reads; `axis` is that of classes, if not the last.
    """

    source: Variable
    classes: bool
    axis: Raw | None = None


def losses(model: Model) -> list[Loss]:
    """Cross entropy for outputs that a softmax makes, squared error for others.

    A network whose outputs are those of layers without activation, of the same size, is a classifier
    without its softmax.
    """
    outputs = model.outputs
    computed = all(one.owner is not None for one in outputs)
    if not computed or any(_is_loss(one.owner) for one in outputs):
        return []
    if any(one.kind == Kind.PLACEHOLDER for one in model.root.inputs):
        return []
    found = [_softmax(one) for one in outputs]
    sizes = {_classes(one) for one in outputs}
    if len(sizes) == 1 and None not in sizes and not any(found):
        return [Loss(one, classes=True) for one in outputs]
    return [loss or Loss(one, classes=False) for loss, one in zip(found, outputs, strict=True)]


def _is_loss(function: Function | None) -> bool:
    while function is not None and function.op == "ReduceElements":
        function = function.inputs[0].owner
    return function is not None and function.type in LOSSES


def _softmax(output: Variable) -> Loss | None:
    function = output.owner
    assert function is not None
    if function.op == "Softmax":
        return Loss(function.inputs[0], classes=True)
    if function.block is None or function.type != "Softmax":
        return None
    match = CATALOGUE.find(function)
    if match is None or not isinstance(match[1].get("axis"), Axis):
        return None
    axis = match[1]["axis"]
    (source,) = function.block.arguments.values()
    return Loss(source, True, Raw(Node(function).axis(axis)) if axis.index else None)


def _classes(output: Variable) -> int | None:
    """How many numbers a matrix product gives, perhaps with a bias, in a layer or by itself."""
    function = output.owner
    if function is not None and function.block is not None and function.type == "Dense":
        function = function.block.outputs[0].owner
    if function is not None and function.op == "Plus":
        owners = [one.owner for one in function.inputs if one.owner is not None]
        function = owners[0] if len(owners) == 1 else None
    if function is None or function.op != "Times":
        return None
    return (function.inputs[0].shape or (None,))[-1]


def statements(found: list[Loss], results: list[Operand], scope: Scope) -> Iterator[str]:
    """The lines that come before a network's last, for training."""
    yield "    if train:"
    ends = [f"_{place + 1}" for place in range(len(found))] if len(found) > 1 else [""]
    for end, loss in zip(ends, found, strict=True):
        source, label = text(loss.source, scope), f"label{end}"
        axes = f'dynamic_axes={source}.dynamic_axes, name="{label}"'
        yield from lay_out(f"        {label} = C.input_variable({source}.shape, {axes})")
        functions = ("cross_entropy_with_softmax", "classification_error")
        names = functions if loss.classes else ("squared_error", "squared_error")
        axis = f", axis={loss.axis}" if loss.classes and loss.axis else ""
        for part, function in zip(_PARTS, names, strict=True):
            yield from lay_out(f"        {part}{end} = C.{function}({source}, {label}{axis})")
    for part in _PARTS if len(found) > 1 else ():
        yield f"        {part} = {' + '.join(part + end for end in ends)}"
    yield f"        return {text(results[0], scope)}, loss, error"
