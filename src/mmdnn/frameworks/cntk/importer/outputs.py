"""Which of a model's values become outputs: not what it was trained and judged by."""

from __future__ import annotations

from mmdnn.errors import UsageError
from mmdnn.frameworks.cntk.graph import Function, Model, Variable, reachable
from mmdnn.frameworks.cntk.importer.flattening import Flat
from mmdnn.frameworks.cntk.importer.naming import Names

CRITERIA = frozenset(
    {
        *("CrossEntropyWithSoftmax", "ClassificationError", "SquaredError", "Logistic"),
        *("LambdaRank", "NDCG", "EditDistanceError", "ForwardBackward", "BinaryCrossEntropy"),
        *("WeightedBinaryCrossEntropy", "CosDistanceWithNegativeSamples", "CrossEntropy"),
        *("LatticeSequenceWithSoftmax", "Cosine distance with negative samples"),
    }
)
"""What a model is trained and judged by; left out unless somebody asks for it."""


def chosen_outputs(model: Model, flat: Flat) -> list[Variable]:
    """The outputs that the user named, or the model's own but for its criteria.

    A model that has nothing but criteria gives what these judge, where it is computed; else them.

    Raises:
        UsageError: The model has no value that the user named.
    """
    if model.files.outputs:
        return [_find(model, flat, name) for name in model.files.outputs]
    judged = {one: _criterion(one) for one in model.outputs}
    kept = [one for one, criterion in judged.items() if criterion is None]
    if kept:
        return kept
    found = dict.fromkeys(
        one for criterion in judged.values() if criterion for one in _predictions(criterion)
    )
    return list(found) or model.outputs


def _criterion(variable: Variable) -> Function | None:
    """The criterion that a variable depends on."""
    if variable.owner is None:
        return None
    functions = reachable([variable.owner])
    return next((one for one in functions if one.type in CRITERIA), None)


def _predictions(criterion: Function) -> list[Variable]:
    """What a criterion reads that is computed."""
    return [one for one in criterion.inputs if one.owner is not None][:1]


def _find(model: Model, flat: Flat, name: str) -> Variable:
    names = Names(model, flat)
    for function in model.walk():
        for variable in function.results:
            if name in (names.of(variable), variable.uid, function.name, function.uid):
                return variable
    raise UsageError(f"the model has no value '{name}'", file=model.files.network)
