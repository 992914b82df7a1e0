"""Calls of CNTK's functions and layers, each saved as a model; a program for CNTK's interpreter.

    python calls.py FOLDER

gives `FOLDER/<name>.model` for each.
"""

import os
import sys

import cntk as C  # noqa: N812 - as its users do
import numpy as np

x = C.input_variable((3, 4, 5), name="x")
y = C.input_variable((3, 4, 5), name="y")
v = C.input_variable(6, name="v")
w = C.input_variable(6, name="w")
m = C.input_variable((1,), name="m")
s = C.sequence.input_variable(6, name="s")
c = C.sequence.input_variable((1,), name="c")
steps = C.sequence.input_variable(6, name="steps")


def conv_bn(x, filters, strides=1, size=(3, 3), name=""):
    y = C.layers.Convolution2D(size, filters, strides=strides, pad=True, bias=False, name=name)(x)
    return C.layers.BatchNormalization(map_rank=1)(y)


def conv_bn_relu(x, filters, strides=1, size=(3, 3)):
    return C.relu(conv_bn(x, filters, strides, size))


def residual(x, filters):
    return C.relu(conv_bn(conv_bn_relu(x, filters), filters) + x)


def projection(x, filters, strides):
    shortcut = conv_bn(x, filters, strides, (1, 1))
    return C.relu(conv_bn(conv_bn_relu(x, filters, strides), filters) + shortcut)


def resnet():
    """Units that repeat, with and without projections."""
    z = conv_bn_relu(C.input_variable((3, 12, 12), name="features"), 4)
    for filters, strides in ((4, 1), (6, 2), (8, 2)):
        z = projection(z, filters, strides)
        z = residual(residual(z, filters), filters)
    z = C.layers.GlobalAveragePooling()(z)
    return C.softmax(C.layers.Dense(5, name="fc")(z), name="prob")


def branches():
    """Units whose branches are joined, with names that have a rule."""
    z = C.input_variable((3, 12, 12), name="features")
    for unit in ("a", "b"):
        parts = [conv_bn(z, 2, name=f"{unit}_{i}") for i in range(3)]
        z = C.splice(*parts, axis=0)
    return C.layers.Dense(3)(z)


def irregular():
    """Units whose names have no rule, so that they are not folded."""
    z = C.input_variable((3, 6, 6), name="features")
    for first, second in (("left", "right"), ("one", "other"), ("conv", "conv1")):
        z = conv_bn(z, 3, name=first) + conv_bn(z, 3, name=second)
    return z


def shared():
    """A layer and a parameter that are used twice."""
    layer, p = C.layers.Dense(6, name="d"), C.parameter((6, 6), init=C.glorot_uniform())
    return C.times(C.times(layer(layer(v)), p), p)


def feedback():
    """A loop of two states that reads what is outside, and a delay of a delay."""
    h, g = C.placeholder(), C.placeholder()
    before = C.sequence.past_value(C.sequence.past_value(h), 0.5)
    new = C.tanh(before + s * C.sequence.future_value(s) + C.sequence.past_value(g), name="h")
    other = C.sigmoid(new * 2)
    new.replace_placeholders({h: new.output, g: other.output})
    return C.combine([other, new], name="both")


def blocks():
    """Blocks of a user's own, one in another, one of two outputs."""
    p = C.parameter((6,), init=0.5, name="p")

    @C.BlockFunction("Inner", "inner")
    def inner(a, b):
        return a * p - b

    @C.BlockFunction("Pair", "")
    def pair(a, b):
        z = inner(b, a)
        return C.exp(z), C.tanh(z + a)

    z = pair(v, w)
    return C.plus(z.outputs[0], z.outputs[1], name="z")


CALLS = {
    "resnet": resnet,
    "branches": branches,
    "irregular": irregular,
    "shared": shared,
    "feedback": feedback,
    "blocks": blocks,
    "lrn_wide": lambda: C.local_response_normalization(
        C.input_variable((8, 4, 5)), 2, 1.0, 1e-4, 0.75
    ),
    "softmax_none": lambda: C.softmax(x),
    "softmax_ax": lambda: C.softmax(x, axis=1),
    "logsoftmax_none": lambda: C.log_softmax(x),
    "logsoftmax_ax": lambda: C.log_softmax(x, axis=0),
    "softplus": lambda: C.softplus(x),
    "softplus4": lambda: C.softplus(x, steepness=4),
    "softsign": lambda: C.softsign(x),
    "hard_sigmoid": lambda: C.hard_sigmoid(x, 0.3, 0.4),
    "selu": lambda: C.selu(x),
    "selu2": lambda: C.selu(x, 2, 3),
    "leaky": lambda: C.leaky_relu(x, 0.2),
    "elu": lambda: C.elu(x),
    "elu2": lambda: C.elu(x, 0.3),
    "prelu": lambda: C.param_relu(C.parameter((3, 1, 1), init=0.1), x),
    "divide": lambda: C.element_divide(x, y),
    "emax": lambda: C.element_max(x, y),
    "emin": lambda: C.element_min(x, y),
    "eand": lambda: C.element_and(x, y),
    "eor": lambda: C.element_or(x, y),
    "exor": lambda: C.element_xor(x, y),
    "enot": lambda: C.element_not(x),
    "flatten": lambda: C.flatten(x),
    "flatten1": lambda: C.flatten(x, 1),
    "flatten0": lambda: C.flatten(x, 0),
    "flatten2": lambda: C.flatten(x, 2),
    "expand": lambda: C.expand_dims(x, 1),
    "expandm": lambda: C.expand_dims(x, -1),
    "squeeze": lambda: C.squeeze(C.expand_dims(x, 0)),
    "rsum": lambda: C.reduce_sum(x),
    "rsum0": lambda: C.reduce_sum(x, 0),
    "rsum01": lambda: C.reduce_sum(x, [0, 1]),
    "rsumk": lambda: C.reduce_sum(x, [0, 1], keepdims=False),
    "rsum0k": lambda: C.reduce_sum(x, 0, keepdims=False),
    "rmean": lambda: C.reduce_mean(x),
    "rlse": lambda: C.reduce_log_sum_exp(x, 1),
    "rmax": lambda: C.reduce_max(x, 1),
    "rmin": lambda: C.reduce_min(x, 1),
    "rminn": lambda: C.reduce_min(x),
    "rprod": lambda: C.reduce_prod(x, 1),
    "rl1": lambda: C.reduce_l1(x, 1),
    "rl2": lambda: C.reduce_l2(x, [0, 1]),
    "rss": lambda: C.reduce_sum_square(x, 1),
    "rbatch": lambda: C.reduce_sum(x, C.Axis.default_batch_axis()),
    "rall": lambda: C.reduce_sum(x, C.Axis.all_axes()),
    "argmax": lambda: C.argmax(x, 1),
    "argmin": lambda: C.argmin(x),
    "argmax_": lambda: C.argmax(x),
    "lrn": lambda: C.local_response_normalization(x, 2, 1.0, 0.0001, 0.75),
    "mvn": lambda: C.mean_variance_normalization(x, 0.05, True),
    "mvn2": lambda: C.mean_variance_normalization(x, 0.05, False, False),
    "mvn3": lambda: C.mean_variance_normalization(x),
    "pdmvn": lambda: C.per_dim_mean_variance_normalize(v, np.ones(6, "f"), np.ones(6, "f")),
    "xent": lambda: C.cross_entropy_with_softmax(v, w),
    "xent_ax": lambda: C.cross_entropy_with_softmax(x, y, axis=0),
    "cerr": lambda: C.classification_error(v, w),
    "cerr5": lambda: C.classification_error(v, w, topN=3),
    "cerr_ax": lambda: C.classification_error(x, y, axis=0),
    "bce": lambda: C.binary_cross_entropy(v, w),
    "wbce": lambda: C.weighted_binary_cross_entropy(v, w, C.constant(1, (6,))),
    "sqe": lambda: C.squared_error(v, w),
    "cosd": lambda: C.cosine_distance(v, w),
    "cosdn": lambda: C.cosine_distance_with_negative_samples(
        s, C.sequence.input_variable(6, name="s2"), shift=1, num_negative_samples=2
    ),
    "lrank": lambda: C.lambda_rank(
        m, C.input_variable((1,), name="g"), C.input_variable((1,), name="q")
    ),
    "ndcg": lambda: C.ndcg_at_1(
        m, C.input_variable((1,), name="g"), C.input_variable((1,), name="q")
    ),
    "edit": lambda: C.edit_distance_error(
        s, C.sequence.input_variable(6, name="s2"), 0, 1, 1, True, [1]
    ),
    "fb": lambda: C.forward_backward(
        C.labels_to_graph(C.sequence.input_variable(6, name="s2")), s, 2, -1
    ),
    "first": lambda: C.sequence.first(s),
    "last": lambda: C.sequence.last(s),
    "sslice": lambda: C.sequence.slice(s, 1, 3),
    "sslice0": lambda: C.sequence.slice(s, 0, 2),
    "sslicem": lambda: C.sequence.slice(s, -2, 0),
    "sslicemm": lambda: C.sequence.slice(s, -3, -1),
    "sslicem0": lambda: C.sequence.slice(s, 1, 0),
    "sslicepm": lambda: C.sequence.slice(s, 1, -1),
    "is_first": lambda: C.sequence.is_first(s),
    "is_last": lambda: C.sequence.is_last(s),
    "swhere": lambda: C.sequence.where(c),
    "sgather": lambda: C.sequence.gather(s, c),
    "sgather_t": lambda: C.sequence.gather(s, c, (0, 1)),
    "sscatter": lambda: C.sequence.scatter(C.sequence.gather(s, c), c),
    "sscatter_t": lambda: C.sequence.scatter(C.sequence.gather(s, c), c, (1, 0)),
    "bcast": lambda: C.sequence.broadcast_as(v, s),
    "bcastc": lambda: C.sequence.broadcast_as(C.constant(1), s),
    "srsum": lambda: C.sequence.reduce_sum(s),
    "srmax": lambda: C.sequence.reduce_max(s),
    "ssoftmax": lambda: C.sequence.softmax(s),
    "unpack": lambda: C.sequence.unpack(s, 0),
    "unpackn": lambda: C.sequence.unpack(s, 0, True),
    "past": lambda: C.sequence.past_value(s),
    "past2": lambda: C.sequence.past_value(s, 0.5, 2),
    "future": lambda: C.sequence.future_value(s),
    "toseq": lambda: C.to_sequence(x),
    "toseql": lambda: C.to_sequence(x, m),
    "toseqlike": lambda: C.to_sequence_like(C.sequence.unpack(s, 0, True), s),
    "recon": lambda: C.reconcile_dynamic_axes(v, s),
    "onehot": lambda: C.one_hot(v, 5),
    "onehot_ax": lambda: C.one_hot(v, 5, True, 0),
    "gather": lambda: C.gather(C.parameter((7, 2)), v),
    "gather_ax": lambda: C.gather(C.parameter((7, 2)), v, axis=1),
    "d2s": lambda: C.depth_to_space(C.input_variable((8, 2, 3), name="z"), 2),
    "s2d": lambda: C.space_to_depth(C.input_variable((2, 4, 6), name="z"), 2),
    "mean": lambda: C.mean(v, w),
    "mean3": lambda: C.mean(v, w, v),
    "sum_": lambda: C.sum(v, w, v),
    "ceil": lambda: C.ceil(x),
    "round_": lambda: C.round(x),
    "square": lambda: C.square(x),
    "floor": lambda: C.floor(x),
    "topk": lambda: C.top_k(x, 2, axis=1),
    "image": lambda: C.image_scaler(x, 0.5, [1, 2, 3]),
    "pad": lambda: C.pad(x, [(0, 0), (1, 2), (3, 0)]),
    "padr": lambda: C.pad(x, [(0, 0), (1, 2), (3, 0)], mode=C.ops.REFLECT_PAD),
    "padc": lambda: C.pad(x, [(0, 0), (1, 2), (3, 0)], constant_value=2.5),
    "eye": lambda: C.eye_like(C.parameter((3, 3))),
    "ones": lambda: C.ones_like(x),
    "zeros": lambda: C.zeros_like(x),
    "clike": lambda: C.typemap(C.cntk_py.constant_like)(x, 2.0),
    "cast": lambda: C.cast(x, "float16"),
    "crop": lambda: C.crop_manual(x, C.input_variable((3, 2, 2), name="r"), 1, 1),
    "transpose": lambda: C.transpose(x, (2, 0, 1)),
    "swap": lambda: C.swapaxes(x, 0, 2),
    "swap2": lambda: C.swapaxes(x),
    "slice_": lambda: C.slice(x, 1, 1, 3),
    "slice2": lambda: C.slice(x, [0, 2], [0, 1], [2, 4]),
    "slicem": lambda: C.slice(x, -1, 0, 3, -1),
    "slicen": lambda: C.slice(x, -1, -3, 0),
    "splice": lambda: C.splice(x, y),
    "splice0": lambda: C.splice(x, y, axis=0),
    "splicen": lambda: C.splice(x, y, axis=-4),
    "reshape": lambda: C.reshape(x, (5, -1)),
    "reshapep": lambda: C.reshape(x, (2, 2), 1, 2),
    "reshapea": lambda: C.reshape(x, (1,), C.Axis.new_leading_axis()),
    "reshapeb": lambda: C.reshape(x, (1, 1), 0, 0),
    "reshapei": lambda: C.reshape(x, (1,), -1, -1),
    "unpackb": lambda: C.unpack_batch(x),
    "alias": lambda: C.alias(x),
    "stopg": lambda: C.stop_gradient(x),
    "drop": lambda: C.dropout(x, 0.3),
    "drop5": lambda: C.dropout(x, 0.3, seed=5),
    "matmul": lambda: C.typemap(C.cntk_py.mat_mul)(
        C.input_variable((2, 3), name="a"), C.input_variable((3, 4), name="b"), ""
    ),
    "times": lambda: C.times(v, C.parameter((6, 2))),
    "times2": lambda: C.times(x, C.parameter((4, 5, 2)), infer_input_rank_to_map=1),
    "timesr": lambda: C.times(v, C.parameter((6, 2, 3)), output_rank=2),
    "timest": lambda: C.times_transpose(v, C.parameter((2, 6))),
    "uni": lambda: C.random.uniform((2, 3), seed=3),
    "nrm": lambda: C.random.normal((2, 3), mean=1, scale=2, seed=3),
    "gum": lambda: C.random.gumbel((2, 3)),
    "bern": lambda: C.random.bernoulli((2,), mean=0.3),
    "unil": lambda: C.random.uniform_like(x, 0, 1, 3),
    "berl": lambda: C.random.bernoulli_like(x, 0.3),
    "rs": lambda: C.random_sample(np.ones((6,), "f"), 3, True),
    "rsif": lambda: C.random_sample_inclusion_frequency(np.ones((6,), "f"), 3, True),
    "roi": lambda: C.roipooling(x, C.input_variable((2, 4), name="r"), C.MAX_POOLING, (2, 2), 0.5),
    "conv": lambda: C.convolution(C.parameter((7, 3, 3, 2)), x),
    "conv2": lambda: C.convolution(
        C.parameter((7, 3, 3, 2)), x, strides=(1, 2, 2), auto_padding=[False, True, False]
    ),
    "conv3": lambda: C.convolution(C.parameter((7, 3, 3, 2)), x, strides=(2,), auto_padding=[True]),
    "conv4": lambda: C.convolution(
        C.parameter((7, 3, 3, 2)), x, strides=(2, 1), auto_padding=[True, False], dilation=(1, 2)
    ),
    "convt": lambda: C.convolution_transpose(
        C.parameter((3, 7, 3, 2)), x, strides=(2, 2), auto_padding=[False, True, True]
    ),
    "convto": lambda: C.convolution_transpose(
        C.parameter((3, 7, 3, 2)),
        x,
        strides=(2, 2),
        auto_padding=[False, True, True],
        output_shape=(7, 8, 9),
    ),
    "convg": lambda: C.convolution(C.parameter((6, 1, 3, 2)), x, groups=3),
    "convseq": lambda: C.convolution(
        C.parameter((7, 6, 3)), C.sequence.input_variable((6,), name="ss"), sequential=True
    ),
    "pool": lambda: C.pooling(x, C.AVG_POOLING, (2, 2), (2, 2)),
    "poolg": lambda: C.pooling(x, C.AVG_POOLING, C.cntk_py.NDShape.unknown().dimensions()),
    "bn": lambda: C.batch_normalization(
        x,
        C.parameter((3,), init=1),
        C.parameter((3,)),
        C.constant(0, (3,)),
        C.constant(1, (3,)),
        True,
        running_count=C.constant(0),
    ),
    "hardmax": lambda: C.hardmax(x),
    "clip": lambda: C.clip(x, 0, 1),
    "select": lambda: C.element_select(x, y, x),
    "pow_": lambda: C.pow(x, 2),
    "lae": lambda: C.log_add_exp(x, y),
    "sigm": lambda: C.sigmoid(x),
    "stst": lambda: C.straight_through_impl(x),
    "tan": lambda: C.tan(x),
    "L_dense": lambda: C.layers.Dense(5)(x),
    "L_dense_relu": lambda: C.layers.Dense(5, activation=C.relu)(x),
    "L_dense_nb": lambda: C.layers.Dense(5, bias=False)(x),
    "L_dense2": lambda: C.layers.Dense((5, 2), map_rank=1)(x),
    "L_dense3": lambda: C.layers.Dense(5, input_rank=2)(x),
    "L_conv": lambda: C.layers.Convolution2D((3, 2), 7, pad=True)(x),
    "L_conv_act": lambda: C.layers.Convolution2D((3, 2), 7, strides=(2, 1), activation=C.relu)(x),
    "L_conv_nb": lambda: C.layers.Convolution2D((3, 2), 7, bias=False)(x),
    "L_conv_d": lambda: C.layers.Convolution2D((3, 2), 7, dilation=(1, 2))(x),
    "L_conv_rr0": lambda: C.layers.Convolution2D((3, 2), 7, reduction_rank=0)(
        C.input_variable((4, 5), name="q")
    ),
    "L_conv_nofil": lambda: C.layers.Convolution2D((3, 2))(x),
    "L_conv_seq": lambda: C.layers.Convolution1D(3, 7, pad=True)(
        C.input_variable((2, 9), name="q")
    ),
    "L_convseq": lambda: C.layers.Convolution((3,), 7, sequential=True)(s),
    "L_convseqp": lambda: C.layers.Convolution((3,), 7, sequential=True, pad=True)(s),
    "L_sconv": lambda: C.layers.SequentialConvolution((3,), 7, pad=True)(s),
    "L_convt": lambda: C.layers.ConvolutionTranspose2D((3, 2), 7, strides=2, pad=True)(x),
    "L_convto": lambda: C.layers.ConvolutionTranspose2D(
        (3, 2), 7, strides=2, pad=True, output_shape=(8, 9)
    )(x),
    "L_maxp": lambda: C.layers.MaxPooling((2, 2), 2)(x),
    "L_avgp": lambda: C.layers.AveragePooling((2, 2), 2, pad=True)(x),
    "L_gmax": lambda: C.layers.GlobalMaxPooling()(x),
    "L_gavg": lambda: C.layers.GlobalAveragePooling()(x),
    "L_unp": lambda: C.layers.MaxUnpooling((2, 2), 2)(C.layers.MaxPooling((2, 2), 2)(x), x),
    "L_drop": lambda: C.layers.Dropout(0.3)(x),
    "L_act": lambda: C.layers.Activation(C.relu)(x),
    "L_bn": lambda: C.layers.BatchNormalization()(x),
    "L_bn1": lambda: C.layers.BatchNormalization(map_rank=1)(x),
    "L_bn2": lambda: C.layers.BatchNormalization(
        map_rank=1, normalization_time_constant=4096, use_cntk_engine=True
    )(x),
    "L_ln": lambda: C.layers.LayerNormalization()(x),
    "L_emb": lambda: C.layers.Embedding(4)(v),
    "L_embw": lambda: C.layers.Embedding(weights=np.ones((6, 3), "f"))(v),
    "L_stab": lambda: C.layers.Stabilizer()(x),
    "L_label": lambda: C.layers.Label("lab")(x),
    "L_rec": lambda: C.layers.Recurrence(C.layers.LSTM(4))(s),
    "L_rec_b": lambda: C.layers.Recurrence(C.layers.GRU(4), go_backwards=True)(s),
    "L_rnn": lambda: C.layers.Recurrence(C.layers.RNNStep(4))(s),
    "L_rnnr": lambda: C.layers.Recurrence(
        C.layers.RNNStep(4, activation=C.relu), initial_state=0.3
    )(s),
    "L_lstm_p": lambda: C.layers.Recurrence(
        C.layers.LSTM(4, use_peepholes=True, enable_self_stabilization=True)
    )(s),
    "L_lstm_c": lambda: C.layers.Recurrence(C.layers.LSTM(4, cell_shape=5), return_full_state=True)(
        s
    ),
    "L_fold": lambda: C.layers.Fold(C.layers.LSTM(4))(s),
    "L_pvw": lambda: C.layers.PastValueWindow(2, axis=-2)(s),
    "L_delay": lambda: C.layers.Delay(2)(s),
    "L_recfrom": lambda: C.layers.RecurrenceFrom(C.layers.LSTM(6))(v, w, s),
    "L_att": lambda: C.layers.AttentionModel(3)(
        C.sequence.input_variable(6, name="enc"),
        C.sequence.input_variable(4, sequence_axis=C.Axis("dd"), name="dec"),
    ),
    "L_named": lambda: C.layers.Recurrence(C.layers.LSTM(4, name="step"), name="rec")(s),
    "L_seqn": lambda: C.layers.Sequential(
        [C.layers.Dense(3, name="d1"), C.layers.Dropout(0.2)], name="seq"
    )(v),
    "L_resblk": lambda: C.layers.ResNetBlock(C.layers.Dense(6))(v),
    "L_clique": lambda: C.layers.SequentialClique([C.layers.Dense(6), C.layers.Dense(6)])(v),
}


def fill(z):
    """Numbers that are all different, for parameters and statistics."""
    random = np.random.RandomState(7)
    statistics = {"aggregate_mean": -0.5, "aggregate_variance": 0.5, "aggregate_count": 1}
    for one in z.parameters:
        one.value = np.array(random.rand(*one.shape) - 0.4, np.float32)
    for one in z.constants:
        if one.name in statistics:
            one.value = np.array(random.rand(*one.shape) + statistics[one.name], np.float32)


def main():
    for name, build in CALLS.items():
        z = build()
        fill(z)
        z.save(os.path.join(sys.argv[1], name + ".model"))


if __name__ == "__main__":
    main()
