"""Small nets saved by CNTK 2.7 in CNTK 1's format and in its own, with what it computes of them.

    .venv-cntk/bin/python tests/helpers/cntk/brainscript_nets.py folder [nets]

For Python 3.6. Each net becomes `<folder>/<net>/` with v1.model, v2.model and golden.npz (as in
`corpus`); what CNTK cannot save in the old format, or run, is told and left out.
"""

import os
import sys

import cntk as C  # noqa: N812 - as its users do
import numpy as np
import scipy.sparse
from cntk import cntk_py

NETS = {}
RANDOM = np.random.RandomState(7)


def net(function):
    """Register a net: a function that gives the function, and the shapes of what it is fed."""
    NETS[function.__name__] = function
    return function


def numbers(*shape):
    return RANDOM.randn(*shape).astype(np.float32)


def image(*shape, **options):
    return C.input_variable(shape or (3, 7, 6), name="x", **options)


def sequence(*shape):
    return C.sequence.input_variable(shape or (4,), name="x")


def weight(*shape, **options):
    return C.parameter(shape, init=numbers(*shape), **options)


def unary(name, operator, positive=False):
    def made():
        x = image(2, 3)
        return operator(C.abs(x) + 0.1 if positive else x)

    NETS["unary_" + name] = made


PLAIN = """
negate sigmoid tanh relu exp floor abs reciprocal softmax hardmax sin cos sinh cosh asinh tan atan
elu stop_gradient softplus softsign leaky_relu selu log_softmax round square alias
"""
for _name in PLAIN.split():
    unary(_name, getattr(C, _name))
for _name in ("log", "sqrt"):
    unary(_name, getattr(C, _name), positive=True)
unary("asin", lambda x: C.asin(C.tanh(x)))
unary("acos", lambda x: C.acos(C.tanh(x)))
unary("atanh", lambda x: C.atanh(C.tanh(x) * 0.9))
unary("log_softmax_axis", lambda x: C.log_softmax(x, axis=0))
unary("hard_sigmoid", lambda x: C.hard_sigmoid(x, 0.3, 0.4))
unary("clip", lambda x: C.clip(x, -0.5, 0.4))
unary("clip_tensor", lambda x: C.clip(x, C.constant(numbers(3) - 2), C.constant(numbers(2, 1) + 2)))
unary("dropout", lambda x: C.dropout(x, 0.3))
unary("straight_through", C.straight_through_impl)


def binary(name, operator):
    def made():
        return operator(image(2, 3), weight(3, name="w"))

    def inputs():
        y = C.input_variable((2, 3), name="y")
        return operator(image(2, 3), y)

    NETS["binary_" + name] = made
    NETS["binary2_" + name] = inputs


BINARY = """
plus minus element_times element_divide equal not_equal less less_equal greater greater_equal
log_add_exp element_max element_min squared_error
"""
for _name in BINARY.split():
    binary(_name, getattr(C, _name))
binary("pow", lambda x, y: C.pow(C.abs(x) + 0.1, y))
binary("select", lambda x, y: C.element_select(C.greater(x, 0.2), x, y))
binary("cosine", lambda x, y: C.cosine_distance(x, y))
binary("splice", lambda x, y: C.splice(x, C.plus(y, C.constant(numbers(2, 3))), axis=1))


@net
def dense():
    return C.layers.Dense(5, activation=C.tanh)(image())


@net
def times_rank2():
    return C.times(image(2, 3, 4), weight(3, 4, 5, 2), output_rank=2)


@net
def times_inputs():
    return C.times(image(2, 3), C.input_variable((3, 4), name="y"))


@net
def times_transpose():
    return C.times_transpose(image(3), weight(5, 3))


@net
def times_map():
    return C.layers.Dense(4, map_rank=1)(image(2, 3, 4))


@net
def conv_pad():
    return C.layers.Convolution2D((3, 2), 4, pad=True, strides=(2, 1))(image())


@net
def conv_mixed():
    return C.convolution(weight(4, 3, 3, 3), image(), auto_padding=[False, True, False])


@net
def conv_1d():
    return C.layers.Convolution1D(3, 4, pad=True)(image(3, 8))


@net
def conv_sequence():
    return C.layers.SequentialConvolution(3, 4, pad=True)(sequence())


@net
def conv_3d():
    return C.layers.Convolution((2, 3, 2), 4, pad=[True, False, True])(image(2, 4, 5, 4))


@net
def conv_dilated():
    return C.convolution(weight(4, 3, 3, 3), image(3, 9, 9), dilation=[2, 2], auto_padding=[False])


@net
def conv_groups():
    return C.convolution(
        weight(4, 2, 3, 3), image(4, 7, 7), groups=2, auto_padding=[False, True, True]
    )


@net
def conv_rank0():
    return C.layers.Convolution2D((3, 3), 4, reduction_rank=0, pad=True)(image(6, 7))


@net
def conv_constant():
    return C.convolution(C.constant(numbers(4, 3, 3, 3)), image(), auto_padding=[False, True, True])


@net
def conv_computed():
    return C.convolution(weight(4, 3, 3, 3) * 2, image(), auto_padding=[False])


@net
def deconv():
    return C.layers.ConvolutionTranspose2D((3, 3), 4, strides=2, pad=True)(image())


@net
def deconv_shape():
    layer = C.layers.ConvolutionTranspose2D((3, 3), 4, strides=2, pad=True, output_shape=(14, 12))
    return layer(image())


@net
def pool_max():
    return C.layers.MaxPooling((3, 2), strides=2, pad=True)(image())


@net
def pool_average():
    return C.layers.AveragePooling((3, 3), strides=2, pad=True)(image())


@net
def pool_ceil():
    return C.pooling(image(), C.AVG_POOLING, (2, 2), (2, 2), ceil_out_dim=True, include_pad=False)


@net
def pool_include():
    pad = [False, True, True]
    return C.pooling(image(), C.AVG_POOLING, (3, 3), (2, 2), auto_padding=pad, include_pad=True)


@net
def pool_global():
    return C.layers.GlobalAveragePooling()(image())


@net
def unpool():
    x = image(2, 6, 6)
    return C.layers.MaxUnpooling((2, 2), (2, 2))(C.layers.MaxPooling((2, 2), (2, 2))(x) * 2, x)


@net
def roi_pool():
    regions = C.abs(C.input_variable((2, 4), name="y")) * 4  # negative ones are huge to CNTK
    return C.roipooling(image(2, 6, 6), regions, C.MAX_POOLING, (2, 2), 0.5)


@net
def batch_norm():
    return _normalized(image(), (3,), True)


@net
def batch_norm_vector():
    return _normalized(image(5), (5,), False)


@net
def batch_norm_layer():
    return C.layers.BatchNormalization(map_rank=1)(image()) + 1


def _normalized(x, shape, spatial):
    mean = C.constant(numbers(*shape))
    variance = C.constant(np.abs(numbers(*shape)) + np.float32(0.5))
    count = C.constant(3, dtype=np.float32)
    options = {"use_cudnn_engine": False, "epsilon": 0.01, "running_count": count}
    return C.batch_normalization(
        x, weight(*shape), weight(*shape), mean, variance, spatial, **options
    )


@net
def layer_norm():
    return C.layers.LayerNormalization(0.3, 0.2)(image(3, 4))


@net
def reshape():
    return C.reshape(image(2, 3, 4), (4, 6))


@net
def reshape_inferred():
    return C.reshape(image(2, 3, 4), (C.InferredDimension, 4))


@net
def reshape_part():
    return C.reshape(image(2, 3, 4), (2, 2), 2, 3)


@net
def reshape_insert():
    return C.expand_dims(image(2, 3), -1)


@net
def squeeze():
    return C.squeeze(image(2, 1, 3))


@net
def flatten():
    return C.flatten(image(2, 3, 4), 1)


@net
def transpose():
    return C.transpose(image(2, 3, 4), (2, 0, 1))


@net
def swapaxes():
    return C.swapaxes(image(2, 3, 4), 0, 2)


@net
def slice_one():
    return C.slice(image(2, 5, 4), 1, 1, 4)


@net
def slice_end():
    return C.slice(image(2, 5, 4), 1, -3, 0)


@net
def slice_several():
    return C.slice(image(2, 5, 4), [1, 2], [1, 0], [4, -1])


@net
def slice_stride():
    return C.slice(image(2, 5, 4), 1, 0, 5, 2)


@net
def splice_new():
    x = image(2, 3)
    return C.splice(C.expand_dims(x, 0), C.expand_dims(x * 2, 0), axis=0)


@net
def pad_constant():
    return C.pad(image(2, 3), [(1, 0), (2, 1)], C.CONSTANT_PAD, 1.5)


@net
def crop():
    return C.crop_manual(image(2, 6, 7), C.input_variable((2, 3, 4), name="y"), 1, 2)


@net
def crop_automatic():
    x = image(1, 8, 8)
    small = C.layers.Convolution2D((3, 3), 1, pad=False, bias=False)(x)
    return C.crop_automatic(x, small)


@net
def top_k():
    return C.top_k(image(2, 5), 3).outputs[0] + 0


@net
def top_k_places():
    return C.top_k(image(2, 5), 3).outputs[1] + 0


@net
def one_hot():
    return C.one_hot(C.floor(C.abs(image(3))), 4)


@net
def gather():
    return C.gather(weight(5, 2), C.floor(C.clip(C.abs(image(3)), 0, 4)))


@net
def to_batch():
    return C.unpack_batch(image(2, 3))


@net
def cast():
    return C.cast(C.cast(image(2, 3), np.float64) * 2, np.float32)


@net
def constant_op():
    return image(2, 3) + C.zeros_like(image(2, 3)) + C.ones_like(weight(2, 3))


@net
def random():
    return image(2, 3) + C.random.uniform((3,), seed=3) * 0


@net
def embedding():
    return C.layers.Embedding(3)(C.input_variable((6,), is_sparse=False, name="x"))


@net
def sparse_input():
    return C.layers.Embedding(3)(C.input_variable((6,), is_sparse=True, name="x"))


@net
def combine():
    x = image(2, 3)
    return C.combine([C.tanh(x), C.relu(x), C.reduce_sum(x)])


@net
def double():
    x = C.input_variable((3,), dtype=np.float64, name="x")
    return C.times(x, C.parameter((3, 2), dtype=np.float64, init=RANDOM.randn(3, 2)))


@net
def half():
    x = C.cast(image(3), np.float16)
    w = C.parameter((3, 2), dtype=np.float16, init=RANDOM.randn(3, 2).astype(np.float16))
    return C.cast(C.times(x, w), np.float32)


@net
def no_axes():
    return C.input_variable((2, 3), dynamic_axes=[], name="x") * weight(3)


@net
def shared():
    w = weight(3, 3)
    x = image(3)
    return C.times(C.tanh(C.times(x, w)), w) + C.reduce_sum(w)


@net
def names():
    w = weight(3, name="same")
    x = image(3)
    return C.plus(C.element_times(x, w, name="same"), w, name="same")


@net
def unicode():
    return C.tanh(image(3), name="sch\u00f6n \U0001f40d")


def reduction(name):
    operator = getattr(C, "reduce_" + name)
    NETS["reduce_" + name] = lambda: operator(image(2, 3, 4), axis=1)


for _name in ("sum", "mean", "max", "min", "prod", "log_sum_exp"):
    reduction(_name)


@net
def reduce_several():
    return C.reduce_sum(image(2, 3, 4), axis=(0, 2))


@net
def reduce_all_static():
    return C.reduce_mean(image(2, 3, 4))


@net
def reduce_no_keep():
    return C.reduce_sum(image(2, 3, 4), axis=1, keepdims=False)


@net
def reduce_batch():
    return C.reduce_sum(image(2, 3), axis=C.Axis.default_batch_axis())


@net
def reduce_all():
    return C.reduce_sum(image(2, 3), axis=C.Axis.all_axes())


@net
def argmax():
    return C.argmax(image(2, 3), axis=0)


@net
def sequence_sum():
    return C.sequence.reduce_sum(sequence())


@net
def sequence_max():
    return C.sequence.reduce_max(sequence())


@net
def sequence_softmax():
    return C.sequence.softmax(sequence(1))


@net
def sequence_first():
    x = sequence()
    return C.sequence.first(x) * C.sequence.last(x)


@net
def sequence_slice():
    return C.sequence.slice(sequence(), 1, -1)


@net
def sequence_gather():
    x = sequence()
    return C.sequence.gather(x, C.greater(C.reduce_sum(x), 0))


@net
def sequence_scatter():
    x = sequence()
    flags = C.greater(C.reduce_sum(x), 0)
    return C.sequence.scatter(C.sequence.gather(x, flags), flags)


@net
def sequence_broadcast():
    x = sequence()
    return C.sequence.broadcast_as(C.sequence.last(x), x) + x


@net
def sequence_unpack():
    return C.sequence.unpack(sequence(), 0, no_mask_output=True)


@net
def sequence_is_first():
    return C.sequence.is_first(sequence()) * 2


@net
def to_sequence():
    return C.to_sequence(image(4, 3)) * 2


@net
def past():
    return C.sequence.past_value(sequence(), 0.3)


@net
def past_two():
    return C.sequence.past_value(sequence(), initial_state=weight(4), time_step=2)


@net
def future():
    return C.sequence.future_value(sequence(), 0.3)


@net
def rnn():
    return C.layers.Recurrence(C.layers.RNNStep(3))(sequence())


@net
def lstm():
    return C.layers.Recurrence(C.layers.LSTM(3))(sequence())


@net
def lstm_peephole():
    cell = C.layers.LSTM(3, use_peepholes=True, enable_self_stabilization=True)
    return C.layers.Recurrence(cell)(sequence())


@net
def gru():
    return C.layers.Recurrence(C.layers.GRU(3), go_backwards=True)(sequence())


@net
def fold():
    return C.layers.Fold(C.layers.GRU(3))(sequence())


@net
def loop():
    x = sequence()
    state = C.placeholder((4,), name="state")
    after = C.tanh(x + C.sequence.past_value(state, 0.1) * 0.5)
    after.replace_placeholders({state: after.output})
    return after


@net
def rnn_stack():
    w = C.parameter((C.InferredDimension, 3), init=0.1)
    return C.optimized_rnnstack(sequence(), w, 3, 2, bidirectional=True, recurrent_op="gru")


@net
def named_axis():
    x = C.sequence.input_variable((4,), sequence_axis=C.Axis("other"), name="x")
    return C.layers.Recurrence(C.layers.RNNStep(3))(x)


@net
def classifier():
    x, y = image(5), C.input_variable((3,), name="y")
    z = C.layers.Dense(3)(x)
    return C.combine([z, C.cross_entropy_with_softmax(z, y), C.classification_error(z, y)])


@net
def errors():
    x, y = image(5), C.input_variable((5,), name="y")
    return C.combine([C.squared_error(x, y), C.binary_cross_entropy(C.sigmoid(x), C.greater(y, 0))])


@net
def edit_distance():
    return C.edit_distance_error(
        sequence(), C.sequence.input_variable((4,), name="y"), 0, 1, 1, True, [2]
    )


@net
def lambda_rank():
    y, z = C.input_variable((1,), name="y"), C.input_variable((1,), name="z")
    return C.combine([C.lambda_rank(image(1), y, z), C.ndcg_at_1(image(1), y, z)])


@net
def random_sample():
    return C.random_sample(weight(5) * 0 + 1, 3, False)


@net
def forward_backward():
    graph = C.labels_to_graph(C.sequence.input_variable((4,), name="y"))
    return C.forward_backward(graph, sequence(), 3, -1)


@net
def resnet():
    def block(x, count, strides):
        y = C.layers.Convolution2D((3, 3), count, strides=strides, pad=True, bias=False)(x)
        y = C.relu(C.layers.BatchNormalization(map_rank=1)(y))
        y = C.layers.BatchNormalization(map_rank=1)(
            C.layers.Convolution2D((3, 3), count, pad=True, bias=False)(y)
        )
        if strides != 1:
            x = C.layers.Convolution2D((1, 1), count, strides=strides, bias=False)(x)
        return C.relu(x + y)

    y = block(block(image(3, 8, 8), 3, 1), 4, 2)
    return C.layers.Dense(5, activation=C.softmax)(C.layers.GlobalAveragePooling()(y))


def fed(function):
    """Numbers for each input: two samples, sequences of 3 and 5 frames."""
    feeds = {}
    for one in function.arguments:
        kind = np.float64 if one.dtype == np.float64 else np.float32
        if not one.dynamic_axes:
            feeds[one] = RANDOM.randn(*one.shape).astype(kind)
        elif len(one.dynamic_axes) == 1:
            feeds[one] = RANDOM.randn(2, *one.shape).astype(kind)
            if one.is_sparse:
                feeds[one] = scipy.sparse.csr_matrix(np.eye(one.shape[0], dtype=kind)[[1, 3]])
        else:
            feeds[one] = [RANDOM.randn(n, *one.shape).astype(kind) for n in (3, 5)]
    return feeds


def golden(function, feeds):
    arrays = {}
    for one, value in feeds.items():
        store(arrays, "input/" + one.name, value)
    made = function.eval(feeds)
    if len(function.outputs) == 1:
        made = {function.outputs[0]: made}
    for one, value in made.items():
        store(arrays, "output/" + (one.name or one.uid), value)
    return arrays


def store(arrays, key, value):
    if isinstance(value, list):
        for index, row in enumerate(value):
            arrays[f"{key}/seq{index}"] = row
    else:
        arrays[key] = value.toarray() if scipy.sparse.issparse(value) else np.asarray(value)


def main(folder, names):
    for name in names or sorted(NETS):
        RANDOM.seed(7)
        target = os.path.join(folder, name)
        os.makedirs(target, exist_ok=True)
        try:
            function = C.combine([NETS[name]()])
            cntk_py.save_as_legacy_model(function, os.path.join(target, "v1.model"))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            print(name, "NOT SAVED", str(error).split("\n")[0])
            continue
        try:
            function.save(os.path.join(target, "v2.model"))
            with np.errstate(all="ignore"):
                arrays = golden(function, fed(function))
            np.savez(os.path.join(target, "golden.npz"), **arrays)
        except Exception as error:  # noqa: BLE001
            print(name, "NOT RUN", str(error).split("\n")[0])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
