"""Small networks by name: an expression of CNTK's Python, and its inputs. Read in Python 3.6 too.

In an expression C is cntk, S cntk.sequence, L cntk.layers, P(3, 4) a parameter of random numbers. Inputs are
`x` and `y`; a shape in `SEQUENCES` is a frame's.
"""

_NAMES = """
acos asin asinh atan tan atanh ceil floor sin sinh cos cosh relu exp sqrt square abs negate round
elu selu softplus softsign sigmoid tanh leaky_relu hardmax element_not reciprocal log softmax
log_softmax zeros_like ones_like stop_gradient argmax reduce_l1 reduce_max
"""
UNARY = _NAMES.split()

MATRIX = {
    "reduce_l1_axis": "C.reduce_l1(x, axis=1)",
    "reduce_l2_all": "C.reduce_l2(x, axis=None)",
    "reduce_sum_dropped": "C.reduce_sum(x, axis=1, keepdims=False)",
    "reduce_mean_dropped": "C.reduce_mean(x, axis=[0, 1], keepdims=False)",
    "reduce_static": "C.reduce_sum(x, axis=C.Axis.all_static_axes())",
    "reduce_log_sum_exp": "C.reduce_log_sum_exp(x, axis=0)",
    "reduce_everything": "C.reduce_mean(x, axis=C.Axis.all_axes())",
    "reduce_batch": "C.reduce_sum(x, axis=C.Axis.default_batch_axis())",
    "argmax_rows": "C.argmax(x, axis=0)",
    "argmin_columns": "C.argmin(x, axis=1)",
    "slice_back": "C.slice(x, 1, -3, -1)",
    "slice_two": "C.slice(x, [0, 1], [1, 0], [3, 3])",
    "strides": "x[1:3, ::2]",
    "transposed": "C.transpose(x, (1, 0))",
    "reshape_inferred": "C.reshape(x, (2, -1))",
    "reshape_last": "C.reshape(x, (2, 2), begin_axis=-1, end_axis=None)",
    "reshape_flat": "C.reshape(x, (-1,))",
    "expand_first": "C.expand_dims(x, 0)",
    "expand_last": "C.expand_dims(x, -1)",
    "squeezed": "C.squeeze(C.reshape(x, (3, 1, 4)), 1)",
    "flat_first": "C.flatten(x, 0)",
    "flat_last": "C.flatten(x, -1)",
    "padded": "C.pad(x, [(1, 2), (0, 1)], mode=C.CONSTANT_PAD, constant_value=2.5)",
    "mirrored": "C.pad(x, [(1, 2), (2, 1)], mode=C.SYMMETRIC_PAD)",
    "top_two": "C.combine(list(C.top_k(x, 2, axis=0).outputs))",
    "softmax_rows": "C.softmax(x, axis=1)",
    "clipped": "C.clip(x, -.5, .5)",
    "clipped_wrongly": "C.clip(x, .5, -.5)",
    "normalized": "C.mean_variance_normalization(x, use_stats_across_channels=True)",
    "hard_sigmoid": "C.hard_sigmoid(x, .3, .4)",
    "layer_normalization": "L.LayerNormalization()(x)",
    "stabilizer": "L.Stabilizer(steepness=2)(x)",
    "batch_normalization": "L.BatchNormalization(map_rank=1)(x)",
    "batch_normalization_full": "L.BatchNormalization()(x)",
    "cast_twice": "C.cast(C.cast(x, np.float64), np.float32)",
    "half_power": "C.pow(C.abs(x), .5)",
    "power_of_two": "C.pow(2., x)",
    "power_of_zero": "C.pow(C.relu(x), -1.)",
    "times": "C.times(x, P(4, 5))",
    "times_more": "C.times(x, P(3, 4, 5, 2), output_rank=2)",
    "times_transposed": "C.times_transpose(x, P(5, 4))",
    "times_left": "C.times(P(2, 3), x)",
    "embedding": "L.Embedding(5)(x)",
    "dense_matrix": "L.Dense((2, 3))(x)",
    "dense_rows": "L.Dense(5, map_rank=1)(x)",
    "selected": "C.element_select(C.greater(x, 0), x, -x)",
    "from_one": "1 - x",
    "into_two": "2 / x",
    "residual": "L.ResNetBlock(L.Dense(4, map_rank=1))(x)",
    "equal": "C.equal(C.round(x), 1)",
    "not_equal": "C.not_equal(C.round(x), 1)",
    "greater_equal": "C.greater_equal(C.round(x), 1)",
    "named": "C.alias(x, 'a') + 1",
    "dropped": "C.dropout(x, .3) * 2",
    "straight_through": "C.ops.straight_through_impl(x)",
    "gathered": "C.gather(P(5, 2), C.floor(C.abs(x)))",
    "one_hot": "C.one_hot(C.floor(C.abs(x)), 5)",
    "batch_unpacked": "C.unpack_batch(x) * 2",
    "batch_again": "C.to_batch(C.unpack_batch(x)) * 2",
    "random": "C.random.uniform_like(x) * x",
    "clique": "L.SequentialClique([L.Dense(4, map_rank=1), L.Dense(4, map_rank=1)])(x)",
}

PAIRS = {
    "maximum": ("C.element_max(x, y)", (3, 4), (3, 4)),
    "maximum_of_three": ("C.element_max(x, y, x * y)", (3, 4), (3, 4)),
    "minimum_of_three": ("C.element_min(x, y, x * y)", (3, 4), (3, 4)),
    "and": ("C.element_and(x, y)", (3, 4), (3, 4)),
    "or": ("C.element_or(x, y)", (3, 4), (3, 4)),
    "greater": ("C.greater(x, y)", (3, 4), (3, 4)),
    "less_equal": ("C.less_equal(x, y)", (3, 4), (3, 4)),
    "sum_of_three": ("C.sum(x, y, x)", (3, 4), (3, 4)),
    "mean": ("C.mean(x, y)", (3, 4), (3, 4)),
    "squared_error": ("C.squared_error(x, y)", (4,), (4,)),
    "cross_entropy": ("C.binary_cross_entropy(C.sigmoid(x), C.sigmoid(y))", (4,), (4,)),
    "cross_entropy_rows": ("C.cross_entropy_with_softmax(x, y, axis=0)", (3, 4), (3, 4)),
    "cosine": ("C.cosine_distance(x, y)", (4,), (4,)),
    "cosine_of_nothing": ("C.cosine_distance(x * 0, y)", (4,), (4,)),
    "spliced": ("C.splice(x, y, axis=0)", (3, 4), (3, 4)),
    "spliced_last": ("C.splice(x, y, x, axis=1)", (3, 4), (3, 2)),
    "trailing": ("x * y", (3, 4), (4,)),
    "both_ways": ("x - y", (3, 1), (1, 4)),
    "cropped": ("C.crop_manual(x, y, 1, 2)", (2, 6, 7), (2, 3, 3)),
    "product": ("C.times(x, y)", (4,), (4, 5)),
    "outer": ("C.times(C.reshape(x, (4, 1)), C.reshape(y, (1, 4)))", (4,), (4,)),
    "regions": ("C.roipooling(x, C.abs(y), C.MAX_POOLING, (3, 2), .5)", (2, 6, 7), (3, 4)),
}

IMAGE = {
    "lrn": "C.local_response_normalization(x, 1, 1.5, .3, .75)",
    "image_scaler": "C.image_scaler(x, .5, [.1, .2, .3])",
    "maxima": "L.GlobalMaxPooling()(x)",
    "averages": "L.GlobalAveragePooling()(x)",
    "channels_normalized": "C.mean_variance_normalization(x, use_stats_across_channels=False)",
    "conv_and_norm": "L.BatchNormalization(map_rank=1)(L.Convolution2D((3, 3), 4, pad=True)(x))",
    "grouped": "C.convolution(P(6, 1, 3, 3), x, auto_padding=[False, True, True], groups=3)",
    "stride_3": "L.Convolution2D((2, 2), 4, strides=3, pad=True)(x)",
    "stride_4": "L.Convolution2D((3, 5), 4, strides=4, pad=True)(x)",
    "mixed": "L.Convolution2D((5, 2), 4, strides=(1, 2), pad=(True, False))(x)",
    "point": "L.Convolution2D(1, 4)(x)",
    "biased": "L.Convolution2D((3, 3), 4, init_bias=.5, activation=C.relu, pad=True)(x)",
    "transposed_odd": "L.ConvolutionTranspose2D((3, 3), 2, strides=2, pad=True, output_shape=(14, 12))(x)",
    "transposed_even": "L.ConvolutionTranspose2D((4, 4), 2, strides=2, pad=True)(x)",
    "transposed_mixed": "L.ConvolutionTranspose2D((5, 3), 2, strides=(3, 2), pad=(True, False))(x)",
    "channels_last": "C.transpose(x, (2, 0, 1))",
    "swapped": "C.swapaxes(x, 0, 2)",
    "sliced": "C.slice(x, [0, 2], [1, 0], [0, 0], [1, -2])",
    "param_relu": "C.param_relu(P(3, 1, 1), x)",
    "dense_image": "L.Dense(5, activation=C.tanh)(x)",
    "squares": "C.reduce_sum_square(x, axis=[1, 2])",
    "unpooled": "L.MaxUnpooling((2, 2), 2)(C.pooling(x, C.MAX_POOLING, (2, 2), (2, 2)), x)",
    "repeated": "L.For(range(3), lambda i: L.Convolution2D((3, 3), 3, pad=True, name='c%d' % i))(x)",
}
_POOL = "C.pooling(x, C.{}_POOLING, ({}, {}), ({}, {}){})"
_PADS = ", auto_padding=[False, True, True]"
for _kernel in (2, 3):
    for _stride in (1, 2, 3):
        for _kind in ("MAX", "AVG"):
            for _name, _more in (("plain", ""), ("auto", _PADS), ("ceil", ", ceil_out_dim=True")):
                if _name == "ceil" and _stride > _kernel:
                    continue  # a window wholly outside
                _shape = (_kind, _kernel, _kernel, _stride, _stride)
                IMAGE[f"pool_{_kind}_{_kernel}_{_stride}_{_name}"] = _POOL.format(*_shape, _more)
        for _name, _more in (("auto", _PADS), ("ceil", ", ceil_out_dim=True")):
            if _name == "auto" or _stride <= _kernel:
                _shape = ("AVG", _kernel, _kernel, _stride, _stride)
                IMAGE[f"pool_all_{_kernel}_{_stride}_{_name}"] = _POOL.format(
                    *_shape, _more + ", include_pad=True"
                )

SEQUENCES = {
    "is_first": ("S.is_first(x) * 1.0", (3,)),
    "gather": ("S.gather(x, C.greater(C.slice(x, 0, 0, 1), -.5))", (3,)),
    "scatter": (
        "S.scatter(S.gather(x, C.less(C.slice(x, 0, 0, 1), 9)), C.less(C.slice(x, 0, 0, 1), 9))",
        (3,),
    ),
    "slice_inner": ("S.slice(x, 1, -1)", (3,)),
    "slice_begin": ("S.slice(x, 1, 3)", (3,)),
    "slice_end": ("S.slice(x, -3, -1)", (3,)),
    "slice_all_but_last": ("S.slice(x, 0, -1)", (3,)),
    "reduce_max": ("S.reduce_max(x)", (3,)),
    "reduce_sum": ("S.reduce_sum(x)", (2, 3)),
    "softmax": ("S.softmax(x)", (3,)),
    "broadcast": ("S.broadcast_as(S.last(x), x) + x", (3,)),
    "past_3": ("S.past_value(x, time_step=3)", (3,)),
    "future_2": ("S.future_value(x, time_step=2, initial_state=.5)", (2, 3)),
    "delay": ("S.delay(x, time_step=2, initial_state=.25)", (3,)),
    "unpacked": ("C.combine(list(S.unpack(x, -1., no_mask_output=False).outputs))", (3,)),
    "to_sequence_like": ("C.to_sequence_like(S.unpack(x, 0, no_mask_output=True), x) * 2", (3,)),
    "lstm": ("L.Recurrence(L.LSTM(4))(x)", (3,)),
    "lstm_back": ("L.Recurrence(L.LSTM(4), go_backwards=True, initial_state=.1)(x)", (3,)),
    "lstm_peepholes": ("L.Recurrence(L.LSTM(4, use_peepholes=True))(x)", (3,)),
    "lstm_stabilized": (
        "L.Recurrence(L.LSTM(4, use_peepholes=True, enable_self_stabilization=True))(x)",
        (3,),
    ),
    "lstm_projected": ("L.Recurrence(L.LSTM(3, cell_shape=5))(x)", (3,)),
    "lstm_of_images": ("L.Recurrence(L.LSTM(4))(x)", (2, 3)),
    "lstm_states": (
        "C.combine(list(L.Recurrence(L.LSTM(4), return_full_state=True)(x).outputs))",
        (3,),
    ),
    "gru": ("L.Recurrence(L.GRU(4))(x)", (3,)),
    "gru_back": ("L.Recurrence(L.GRU(4, activation=C.relu), go_backwards=True)(x)", (3,)),
    "gru_stabilized": ("L.Recurrence(L.GRU(4, enable_self_stabilization=True))(x)", (3,)),
    "rnn": ("L.Recurrence(L.RNNStep(4, activation=C.relu))(x)", (3,)),
    "rnn_back": ("L.Recurrence(L.RNNStep(4, activation=C.tanh), go_backwards=True)(x)", (3,)),
    "fold": ("L.Fold(L.GRU(4))(x)", (3,)),
    "fold_back": ("L.Fold(L.LSTM(4), go_backwards=True)(x)", (3,)),
    "stacked": (
        "L.Sequential([L.Recurrence(L.LSTM(4)), L.Recurrence(L.GRU(5)), L.Dense(2)])(x)",
        (3,),
    ),
    "normalized": ("L.BatchNormalization()(x)", (3,)),
    "convolved_frames": ("L.Convolution2D((3, 3), 4, pad=True)(x)", (2, 5, 4)),
    "convolved": ("L.SequentialConvolution(3, 4, pad=True)(x)", (3,)),
    "convolved_valid": ("L.SequentialConvolution(3, 4, pad=False)(x)", (3,)),
    "convolved_along": ("L.Convolution((3, 3), 4, sequential=True, pad=True)(x)", (2, 6)),
    "both_ends": ("C.splice(S.last(x), S.first(x))", (3,)),
    "running_maximum": (
        "LOOP(x.shape, lambda p: C.element_max(x, S.past_value(p, -5.)))",
        (3,),
    ),
    "loop_of_two": ("LOOP(x.shape, lambda p: .5 * x + .5 * S.past_value(p, .3, 2))", (3,)),
    "loop_ahead": ("LOOP(x.shape, lambda p: .5 * x + .5 * S.future_value(p, .3, 2))", (3,)),
    "joined_rnn": (
        "LOOP((4,), lambda p: C.tanh(C.times(C.splice(x, S.past_value(p)), P(7, 4)) + P(4)))",
        (3,),
    ),
    "stack": ("C.optimized_rnnstack(x, P(304), 4, 2)", (3,)),
    "running_sum": ("LOOP(x.shape, lambda p: x + S.past_value(p))", (2, 3)),
}


NOT_RUN = {"random": "no two runs are alike", "seq_stack": "CNTK runs it on a GPU only"}
"""Cases without a golden."""


def all_cases():
    """Name to expression, the shapes of x and y (None where there is none), and whether x is a sequence."""
    found = {name: (f"C.{name}(x)", (3, 4), None, False) for name in UNARY}
    found.update({name: (text, (3, 4), None, False) for name, text in MATRIX.items()})
    found.update({name: (text, x, y, False) for name, (text, x, y) in PAIRS.items()})
    found.update({"image_" + name: (text, (3, 7, 6), None, False) for name, text in IMAGE.items()})
    found.update({"seq_" + name: (text, x, None, True) for name, (text, x) in SEQUENCES.items()})
    return found
