"""What is drawn at random, as calls of CNTK's Python functions."""

from __future__ import annotations

from mmdnn.frameworks.cntk.codegen.expressions import Call, Expr, literal
from mmdnn.frameworks.cntk.codegen.table import Node, dtype_of, plain, printer


@printer("Dropout")
def _dropout(node: Node, x: Expr) -> Call:
    node.drop("rngOffset")
    rate = literal(node.take("dropoutRate"))
    return node.call("C.dropout", x, rate, seed=node.optional("rngSeed", None, absent=None))


_RANDOM = {
    "uniform": (("low", 0.0), ("high", 1.0)),
    "normal": (("mean", 0.0), ("scale", 1.0)),
    "gumbel": (("loc", 0.0), ("scale", 1.0)),
    "bernoulli": (("mean", 0.5),),
}


@printer("RandomDistribution")
def _random(node: Node, *like: Expr) -> Call:
    kind, given = node.take("randomDistributionType"), node.take("randomDistributionArgs")
    if kind not in _RANDOM or len(given) != len(_RANDOM[kind]):
        node.refuse(f"there is no distribution '{kind}' of {len(given)} numbers")
    node.only(rngOffset=0)
    numbers = {
        name: None if value == default else literal(value)
        for (name, default), value in zip(_RANDOM[kind], given, strict=True)
    }
    numbers["seed"] = literal(node.take("rngSeed"))
    if like:
        return node.call(f"C.random.{kind}_like", *like, **numbers)
    shape, dtype = literal(plain(node.take("newShape"))), dtype_of(node.take("newDataType"), node)
    return node.call(
        f"C.random.{kind}", shape, dtype=None if dtype.text == "np.float32" else dtype, **numbers
    )


@printer("RandomSample", "RandomSampleInclusionFrequency")
def _random_sample(node: Node, weights: Expr) -> Call:
    node.only(rngOffset=0)
    function = "random_sample" + ("_inclusion_frequency" if "Frequency" in node.op else "")
    return node.call(
        f"C.{function}",
        weights,
        literal(node.take("numSamples")),
        literal(node.take("allowDuplicates")),
        seed=literal(node.take("rngSeed")),
    )
