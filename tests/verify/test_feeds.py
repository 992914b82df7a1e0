import numpy as np
import onnx_ir as ir
import pytest

from mmdnn.ir import SAID
from mmdnn.ir.builder import Builder
from mmdnn.verify import feeds as module
from mmdnn.verify.feeds import Sizes, candidates, extras, feeds, has_free_batch
from mmdnn.verify.tables import inputs

ONE = Sizes(1, 16)


def model_of(*shapes, dtype=ir.DataType.FLOAT):
    builder = Builder("mmdnn.test")
    values = [builder.input(f"x{i}", shape, dtype) for i, shape in enumerate(shapes)]
    builder.graph.outputs.extend(builder.op.Identity(value) for value in values)
    return builder.model()


def kinds(model, sizes=ONE, **given):
    return {feed.kind: feed.values for feed in feeds(model, sizes, **given)}


def test_the_kinds_and_their_values():
    found = kinds(model_of((1, 3, 4)))
    assert list(found) == ["random", "pictures", "half zeros", "large"]
    assert (found["random"]["x0"] < 0).any()
    assert (found["random"]["x0"] > 0).any()
    assert found["pictures"]["x0"].max() > 150
    assert not found["half zeros"]["x0"][..., ::2].any()
    assert found["half zeros"]["x0"][..., 1::2].all()
    assert np.abs(found["large"]["x0"]).max() > 20
    assert all(values["x0"].shape == (1, 3, 4) for values in found.values())
    assert all(values["x0"].dtype == np.float32 for values in found.values())


def test_further_kinds_are_those_that_were_not_fed():
    model = model_of((2, 3))
    more = {feed.kind: feed.values["x0"] for feed in extras(model, ONE, None, ["random", "large"])}
    assert not {"random", "large"} & more.keys()
    assert np.abs(more["very tiny"]).max() < 1e-6
    assert np.abs(more["huge"]).max() > 1e3


def test_they_are_the_same_every_time():
    first, second = kinds(model_of((2, 3))), kinds(model_of((2, 3)))
    assert np.array_equal(first["random"]["x0"], second["random"]["x0"])


def test_two_inputs_are_fed_differently():
    found = kinds(model_of((4, 4), (4, 4)))["random"]
    assert not np.array_equal(found["x0"], found["x1"])


def test_batches_and_free_dimensions():
    model = model_of(("batch", 3, "height", "width"))
    assert has_free_batch(model)
    values = kinds(model, Sizes(1, 64, 16))
    assert values["random"]["x0"].shape == (1, 3, 64, 80)
    batch = values["pictures, half zeros, ties: a batch of 3"]["x0"]
    assert batch.shape == (3, 3, 64, 80)
    assert batch[0].min() >= 0
    assert (batch[2] % 0.5 == 0).all()
    assert candidates(model)[0] == Sizes(1, 16, 4)
    assert Sizes(1, 16, 0) in candidates(model)


def test_dimensions_of_one_name_have_one_size():
    values = kinds(model_of(("n", "time"), ("n", "time", "k")), Sizes(1, 16, 4))["random"]
    assert values["x0"].shape == (1, 16)
    assert values["x1"].shape == (1, 16, 20)


def test_a_vector_of_open_length_is_no_batch():
    assert not has_free_batch(model_of(("n",)))
    assert kinds(model_of(("n",)))["random"]["x0"].shape == (16,)
    assert has_free_batch(model_of(("n",), ("n", 3)))


def test_scalars():
    assert all(values["x0"].shape == () for values in kinds(model_of(())).values())
    integers = kinds(model_of((), dtype=ir.DataType.INT64))
    assert all(values["x0"].shape == () for values in integers.values())


@pytest.mark.parametrize("dtype", [ir.DataType.UINT8, ir.DataType.INT8])
def test_narrow_integers_are_fed_whole(dtype):
    x = kinds(model_of((100, 100), dtype=dtype))["random"]["x0"].astype(int)
    info = np.iinfo(dtype.numpy())
    assert x.min() < info.min + 10
    assert x.max() > info.max - 10


def test_wide_integers_have_both_signs():
    x = kinds(model_of((100,), dtype=ir.DataType.INT64))["random"]["x0"]
    assert x.min() < -100
    assert x.max() > 100


def test_wide_integers_may_be_lengths():
    model = model_of((6,), ("n", 7, 5), dtype=ir.DataType.INT64)
    assert candidates(model)[1] == Sizes(1, 16, modest=True)
    found = kinds(model, candidates(model)[1])
    assert set(np.unique([values["x0"] for values in found.values()])) == {1, 2, 3, 4, 5}
    assert not any(sizes.modest for sizes in candidates(model_of((6,), dtype=ir.DataType.UINT8)))


def test_regions_of_pictures_and_their_numbers():
    builder = Builder("mmdnn.test")
    x = builder.input("x", (2, 3, 9, 9))
    rois = builder.input("rois", (5, 4))
    numbers = builder.input("numbers", (5,), ir.DataType.INT64)
    builder.graph.outputs.append(builder.op.RoiAlign(x, rois, numbers))
    found = kinds(builder.model())
    assert set(np.unique([values["numbers"] for values in found.values()])) == {0, 1}
    low, high = np.split(found["random"]["rois"], 2, axis=1)
    assert (low >= 0).all()
    assert (low <= high).all()
    assert (high < 12).all()


def test_sizes_that_make_too_much_are_not_tried():
    model = model_of(("n", 64, "h", "w"))
    assert all(64 * size.other**2 <= module.MOST_ELEMENTS for size in candidates(model))
    assert Sizes(1, 8192) in candidates(model_of(("n", "samples")))


def test_a_model_without_free_dimensions_has_one_candidate():
    assert len(candidates(model_of((1, 3)))) == 1
    assert len(candidates(model_of(("n", 3)))) == 1
    assert not has_free_batch(model_of((1, 3)))


def test_a_shape_that_the_user_gave():
    assert kinds(model_of(("n", "m")), shapes={"x0": (5, 7)})["random"]["x0"].shape == (5, 7)


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (ir.DataType.INT64, "i"),
        (ir.DataType.UINT8, "u"),
        (ir.DataType.BOOL, "b"),
        (ir.DataType.FLOAT16, "f"),
        (ir.DataType.DOUBLE, "f"),
    ],
)
def test_types(dtype, kind):
    for values in kinds(model_of((50,), dtype=dtype)).values():
        assert values["x0"].dtype == dtype.numpy()
        assert values["x0"].dtype.kind == kind


def test_initializers_are_not_fed():
    builder = Builder("mmdnn.test")
    x = builder.input("x", (2,))
    w = builder.weight("w", ir.tensor(np.ones(2, np.float32)))
    builder.graph.inputs.append(w)
    builder.graph.outputs.append(builder.op.Add(x, w))
    assert [value.name for value in inputs(builder.model())] == ["x"]


@pytest.mark.parametrize("passing", [False, True])
@pytest.mark.parametrize("dtype", [ir.DataType.FLOAT, ir.DataType.INT64])
def test_indices_stay_within_their_table(passing, dtype):
    builder = Builder("mmdnn.test")
    x = builder.input("x", (100, 3), dtype)
    index = builder.op.Reshape(x, np.array([-1])) if passing else x
    if dtype == ir.DataType.FLOAT:
        index = builder.op.Cast(index, to=int(ir.DataType.INT64))
    table = builder.weight("table", ir.tensor(np.ones((5, 2), np.float32)))
    builder.graph.outputs.append(builder.op.Gather(table, index))
    drawn = kinds(builder.model())["random"]["x"]
    assert set(np.unique(drawn)) == {0, 1, 2, 3, 4}


def test_indices_are_found_inside_local_functions():
    builder = Builder("mmdnn.test")
    x = builder.input("x", (100,), ir.DataType.INT64)
    table = builder.weight("table", ir.tensor(np.ones((3, 2), np.float32)))
    (y,) = builder.function("Embed", [x, table], {}, lambda op, i, t: op.Gather(t, i))
    builder.graph.outputs.append(y)
    assert kinds(builder.model())["large"]["x"].max() == 2


def test_the_batch_that_the_files_say_is_tried():
    builder = Builder("mmdnn.test")
    x = builder.input("x", ("batch", 3))
    builder.graph.outputs.append(builder.op.Relu(x))
    assert not any(sizes.said for sizes in candidates(builder.model()))
    x.metadata_props[SAID] = "2"
    shapes = [next(feeds(builder.model(), sizes)).values for sizes in candidates(builder.model())]
    assert [each["x"].shape for each in shapes] == [(1, 3), (2, 3)]


def test_a_small_table_is_read_whole():
    builder = Builder("mmdnn.test")
    x = builder.input("x", ("batch", 6), ir.DataType.INT64)
    builder.graph.outputs.append(builder.op.Gather(np.ones((30, 2), np.float32), x))
    model = builder.model()
    fed = [feed.values["x"] for feed in feeds(model, candidates(model)[0])]
    assert len(np.unique(np.concatenate([array.reshape(-1) for array in fed]))) == 30


def test_regions_are_corners_in_the_first_picture():
    builder = Builder("mmdnn.test")
    x, rois = builder.input("x", ("batch", 2, 8, 9)), builder.input("rois", ("count", 5))
    builder.graph.outputs.append(
        builder.op.MaxRoiPool(x, rois, pooled_shape=[2, 2], spatial_scale=1.0)
    )
    model = builder.model()
    for feed in feeds(model, candidates(model)[0]):
        found = feed.values["rois"]
        assert not found[:, 0].any()
        assert (found[:, 1:3] <= found[:, 3:]).all()
        assert found.min() >= 0
        assert found.max() <= 1.25 * 9
