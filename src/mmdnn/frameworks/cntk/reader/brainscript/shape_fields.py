"""What nodes that move numbers, reduce or delay them have written; see `nodes`."""

from __future__ import annotations

from mmdnn.frameworks.cntk.reader.brainscript.nodes import Fields, node
from mmdnn.frameworks.cntk.reader.brainscript.stream import Stream

_MANY = 64


@node("TransposeDimensions", "Transpose")
def _transposed(file: Stream) -> Fields:
    if file.version < 3:
        return {"axes": (1, 2)}
    axes = (file.int32(), file.int32())
    if file.version >= 25 and axes == (0, 0):
        return {"order": file.sizes()}
    return {"axes": axes}


@node("PastValue", "FutureValue", "Delay")
def _delay(file: Stream) -> Fields:
    found: Fields = {"offset": file.int32()}
    if file.version > 3:
        file.shape()
    else:
        file.size(), file.size()
    return {**found, "initial": file.element() if file.version >= 2 else 0.1}


@node("Shift")
def _shift(file: Stream) -> Fields:
    return {"offset": file.int32(), "boundary": file.int32(), "axis": file.int32()}


@node("ReduceElements")
def _reduce(file: Stream) -> Fields:
    count = file.int32() if file.version >= 27 else 1
    if not 0 <= count <= _MANY:
        raise file.fail(f"a reduction of {count} axes")
    axes = [file.int32() for _ in range(count)]
    keep = not {0, -1} & set(axes)
    name = file.text()
    return {"axes": axes, "name": name, "keep": file.flag() if file.version >= 24 else keep}


@node("Crop")
def _crop(file: Stream) -> Fields:
    return {"offsets": (file.double(), file.double())}


@node("Reshape")
def _reshape(file: Stream) -> Fields:
    return {"begin": file.int32(), "end": file.int32(), "shape": file.shape()}


@node("LegacyReshape")
def _old_reshape(file: Stream) -> Fields:
    return {"rows": file.size(), "shape": file.shape(legacy=True)}


@node("Slice", "RowSlice")
def _slice(file: Stream) -> Fields:
    count = file.int32() if file.version >= 22 else 1
    if not 1 <= count <= _MANY:
        raise file.fail(f"a slice of {count} axes")
    return {"parts": [_part(file) for _ in range(count)]}


def _part(file: Stream) -> tuple[int, int, int, int]:
    """An axis, a begin, an end and a stride."""
    begin, length = file.int64(), file.int64()
    axis = file.int32() if file.version >= 3 else 1
    return axis, begin, begin + length, file.int32() if file.version >= 27 else 1


@node("RowStack")
def _stack(file: Stream) -> Fields:
    return {"axis": file.int32() if file.version >= 3 else 1}


@node("RowRepeat")
def _repeat(file: Stream) -> Fields:
    return {"count": file.size()}


@node("Where")
def _where(file: Stream) -> Fields:
    return {"axis": file.text() if file.version >= 11 else "WhereNodeAxis"}


@node("ToSequence")
def _to_sequence(file: Stream) -> Fields:
    return {"axis": file.text()}


@node("UnpackSequence")
def _unpack(file: Stream) -> Fields:
    return {"padding": file.element(), "alone": file.flag()}


@node("Dropout")
def _dropout(file: Stream) -> Fields:
    _random_state(file)
    return {}


@node("RandomSample", "RandomSampleInclusionFrequency")
def _sample(file: Stream) -> Fields:
    found = {"duplicates": file.flag(), "count": file.size()}
    _random_state(file)
    return found


def _random_state(file: Stream) -> None:
    """A seed and an offset; version 16's seeds have four bytes if Windows has written them."""
    if file.version == 16 and not file.begins_node(file.at + 16):
        file.uint32(), file.size()
    elif file.version >= 16:
        file.size(), file.size()


@node("Trace")
def _trace(file: Stream) -> Fields:
    file.text(), file.size(), file.size(), file.flag()
    file.flag(), file.text(), file.flag(), file.flag()
    for _ in range(8):
        file.narrow()
    file.size(), file.size()
    return {}
