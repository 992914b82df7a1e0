"""Each layer and operation of Keras 3 by itself, run in Keras 3: a program of its own, started by `make`.

    python keras3.py FOLDER

Each case is a folder in FOLDER: `model.keras`, `golden.npz` with `input/<name>` and
`output/<number>`, `case.json`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(
    KERAS_BACKEND="tensorflow",
    TF_CPP_MIN_LOG_LEVEL="3",
    CUDA_VISIBLE_DEVICES="",
    TF_ENABLE_ONEDNN_OPTS="0",
)

import keras
import numpy as np
from keras import layers as L
from keras import ops as O

rng = np.random.default_rng(1)
C: dict[str, Any] = {}


def lay(
    name: str, make: Callable[[], Any], *shapes: tuple[int, ...], dtype: str = "float32"
) -> None:
    def build() -> tuple[list[Any], Any]:
        inputs = [keras.Input(s, name=f"x{i}", dtype=dtype) for i, s in enumerate(shapes)]
        return inputs, make()(inputs[0] if len(inputs) == 1 else inputs)

    C[name] = build, dtype, False


def op(
    name: str,
    function: Callable[..., Any],
    *shapes: tuple[int, ...],
    dtype: str = "float32",
    pos: bool = False,
) -> None:
    """`pos`: all inputs are positive, and less than 1."""

    def build() -> tuple[list[Any], Any]:
        inputs = [keras.Input(s, name=f"x{i}", dtype=dtype) for i, s in enumerate(shapes)]
        return inputs, function(*inputs)

    C[f"op_{name}"] = build, dtype, pos


S = (6, 5, 3)
for a in [
    "elu",
    "selu",
    "relu",
    "relu6",
    "sigmoid",
    "tanh",
    "softmax",
    "softplus",
    "softsign",
    "silu",
    "gelu",
    "exponential",
    "hard_sigmoid",
    "hard_silu",
    "mish",
    "leaky_relu",
    "log_softmax",
    "celu",
    "glu",
    "log_sigmoid",
    "hard_tanh",
    "soft_shrink",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh_shrink",
    "threshold",
    "hard_shrink",
    "linear",
    "sparsemax",
]:
    lay("act_" + a, lambda a=a: L.Activation(a), (4, 6))
lay("conv1d_cf", lambda: L.Conv1D(4, 3, data_format="channels_first"), (3, 8))
lay("conv1d_groups", lambda: L.Conv1D(4, 3, groups=2, padding="same"), (8, 4))
lay("conv1d_causal_dil", lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2), (8, 4))
lay("conv3d_dil", lambda: L.Conv3D(4, 2, dilation_rate=2), (5, 5, 5, 2))
lay("dw1d", lambda: L.DepthwiseConv1D(3, depth_multiplier=2, padding="same", strides=2), (8, 3))
lay(
    "dw2d_cf",
    lambda: L.DepthwiseConv2D(3, depth_multiplier=2, data_format="channels_first"),
    (3, 6, 6),
)
lay("dw2d_dil", lambda: L.DepthwiseConv2D(3, dilation_rate=2, padding="same", activation="relu"), S)
lay("sep2d", lambda: L.SeparableConv2D(4, 3, depth_multiplier=2, strides=2, padding="same"), S)
lay(
    "sep2d_cf",
    lambda: L.SeparableConv2D(4, 3, data_format="channels_first", use_bias=False),
    (3, 6, 6),
)
for k, s, p in [
    (3, 1, "valid"),
    (3, 2, "same"),
    (2, 3, "valid"),
    (4, 2, "valid"),
    (5, 3, "same"),
    (1, 2, "same"),
    (1, 2, "valid"),
]:
    lay(
        f"convt1d_{k}{s}{p}",
        lambda k=k, s=s, p=p: L.Conv1DTranspose(4, k, strides=s, padding=p),
        (5, 3),
    )
lay("convt3d", lambda: L.Conv3DTranspose(4, 3, strides=2, padding="valid"), (3, 3, 3, 2))
lay(
    "convt2d_mixed",
    lambda: L.Conv2DTranspose(4, (3, 2), strides=(2, 1), padding="same", activation="tanh"),
    S,
)
for P in ("MaxPooling", "AveragePooling"):
    lay(
        P + "1d_cf",
        lambda P=P: getattr(L, P + "1D")(
            3, strides=2, padding="same", data_format="channels_first"
        ),
        (3, 8),
    )
    lay(
        P + "3d",
        lambda P=P: getattr(L, P + "3D")((2, 1, 2), strides=(1, 2, 2), padding="same"),
        (5, 5, 5, 2),
    )
    lay(P + "2d_valid", lambda P=P: getattr(L, P + "2D")((3, 2), strides=2), S)
for P in ("GlobalMaxPooling", "GlobalAveragePooling"):
    lay(
        P + "2d_cf",
        lambda P=P: getattr(L, P + "2D")(data_format="channels_first", keepdims=True),
        (3, 6, 6),
    )
    lay(P + "1d", lambda P=P: getattr(L, P + "1D")(keepdims=True), (6, 3))
    lay(P + "3d", lambda P=P: getattr(L, P + "3D")(), (3, 4, 5, 2))
lay("bn_axes_1", lambda: L.BatchNormalization(axis=2), (4, 5, 6))
lay("gn", lambda: L.GroupNormalization(2), (6, 5, 4))
lay("gn_nc", lambda: L.GroupNormalization(2, center=False, scale=False), (6, 4))
lay("ln_noscale", lambda: L.LayerNormalization(scale=False), (4, 5))
lay("ln_nocenter", lambda: L.LayerNormalization(center=False, axis=[1, 2]), (4, 5))
lay("rms_axis", lambda: L.RMSNormalization(axis=-1, epsilon=1e-3), (4, 5))
lay("unitnorm_axis1", lambda: L.UnitNormalization(axis=1), (4, 5))
lay("specnorm_conv", lambda: L.SpectralNormalization(L.Conv2D(4, 3)), S)
lay("prelu_1", lambda: L.PReLU(alpha_initializer="random_normal", shared_axes=[1]), (4, 5))
lay("leaky", lambda: L.LeakyReLU(0.1), (4,))
lay("relu_max", lambda: L.ReLU(max_value=0.5, negative_slope=0.1, threshold=0.2), (40,))
lay("relu_max2", lambda: L.ReLU(max_value=0.5), (40,))
lay("relu_neg_max", lambda: L.ReLU(max_value=0.5, negative_slope=0.1), (40,))
lay("softmax_1", lambda: L.Softmax(axis=1), (4, 5))
lay("elu", lambda: L.ELU(alpha=0.5), (20,))
lay("permute", lambda: L.Permute((3, 1, 2)), S)
lay("reshape", lambda: L.Reshape((-1, 3)), S)
lay("flatten_cf", lambda: L.Flatten(data_format="channels_first"), S)
lay("repeat", lambda: L.RepeatVector(3), (4,))
lay("flatten1", lambda: L.Flatten(), ())
lay("crop1d", lambda: L.Cropping1D((1, 2)), (6, 3))
lay("crop3d", lambda: L.Cropping3D(((1, 0), (0, 1), (1, 1))), (4, 4, 4, 2))
lay("zp1", lambda: L.ZeroPadding1D((1, 2)), (6, 3))
lay("zp2_cf", lambda: L.ZeroPadding2D(((1, 0), (2, 1)), data_format="channels_first"), (3, 4, 4))
lay("zp3", lambda: L.ZeroPadding3D(1), (2, 2, 2, 2))
lay("crop2n", lambda: L.Cropping2D(1), S)
lay("up1", lambda: L.UpSampling1D(3), (4, 3))
lay("up2", lambda: L.UpSampling2D((2, 3)), S)
lay("up2bl3", lambda: L.UpSampling2D(3, interpolation="bilinear"), S)
lay("up2l3", lambda: L.UpSampling2D(2, interpolation="lanczos3"), S)
lay("up2bic2", lambda: L.UpSampling2D(2, interpolation="bicubic"), S)
lay("up3", lambda: L.UpSampling3D((1, 2, 2), data_format="channels_first"), (2, 2, 3, 3))
for i in ["bilinear", "nearest", "bicubic", "area", "lanczos5"]:
    for aa in (False, True):
        lay(
            f"resizing_{i}_{aa}",
            lambda i=i, aa=aa: L.Resizing(4, 9, interpolation=i, antialias=aa),
            (7, 6, 3),
        )
lay("resizing_cf", lambda: L.Resizing(4, 9, data_format="channels_first"), (3, 7, 6))
lay("rescale", lambda: L.Rescaling([1.0, 2.0, 3.0], offset=-1.0), S)
lay("centercrop", lambda: L.CenterCrop(3, 4), (6, 7, 3))
lay("centercrop_odd", lambda: L.CenterCrop(3, 2), (6, 5, 3))
for m in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
    lay(m, lambda m=m: getattr(L, m)(), (4, 5), (4, 5))
lay("concat1", lambda: L.Concatenate(axis=1), (4, 5), (2, 5))
lay("dot", lambda: L.Dot(axes=(2, 1)), (4, 5), (5, 3))
lay("dot_n", lambda: L.Dot(axes=1, normalize=True), (5,), (5,))
lay("dot22", lambda: L.Dot(axes=-1), (4, 5), (3, 5))
lay("add3", lambda: L.Add(), (4, 5), (1, 5), (4, 1))
for R in ("LSTM", "GRU", "SimpleRNN"):
    for kw in (
        {},
        {"return_sequences": True, "go_backwards": True},
        {"return_sequences": True, "return_state": True},
        {"use_bias": False},
        {"activation": "relu"},
        {"activation": "gelu", "return_sequences": True},
        {"unroll": True},
    ):
        lay(
            R + "_" + "_".join(f"{k}{v}" for k, v in kw.items()),
            lambda R=R, kw=kw: getattr(L, R)(4, **kw),
            (5, 3),
        )
lay("LSTM_hs", lambda: L.LSTM(4, recurrent_activation="hard_sigmoid"), (5, 3))
lay(
    "GRU_rb_seq",
    lambda: L.GRU(4, reset_after=False, return_sequences=True, activation="elu"),
    (5, 3),
)
lay("RNN_cell", lambda: L.RNN(L.GRUCell(4), return_sequences=True), (5, 3))
lay(
    "RNN_stack",
    lambda: L.RNN(
        [L.LSTMCell(4), L.GRUCell(3)], return_sequences=True, return_state=True, go_backwards=True
    ),
    (5, 3),
)
for m in ("concat", "sum", "ave", "mul", None):
    lay(
        f"bi_gru_{m}",
        lambda m=m: L.Bidirectional(L.GRU(4, return_sequences=True), merge_mode=m),
        (5, 3),
    )
lay("bi_noseq", lambda: L.Bidirectional(L.LSTM(4)), (5, 3))
lay("bi_state", lambda: L.Bidirectional(L.LSTM(4, return_state=True)), (5, 3))
lay("bi_rnn", lambda: L.Bidirectional(L.RNN(L.LSTMCell(4), return_sequences=True)), (5, 3))
for n, s in ((1, (4, 6, 2)), (2, (4, 6, 5, 2)), (3, (3, 4, 4, 4, 2))):
    lay(
        f"convlstm{n}",
        lambda n=n: getattr(L, f"ConvLSTM{n}D")(3, 3, padding="same", return_sequences=True),
        s,
    )
lay(
    "convlstm2_cf",
    lambda: L.ConvLSTM2D(3, 2, strides=2, data_format="channels_first", return_state=True),
    (4, 2, 6, 5),
)
lay(
    "convlstm2_bk",
    lambda: L.ConvLSTM2D(3, 2, dilation_rate=2, go_backwards=True, use_bias=False),
    (4, 7, 6, 2),
)
lay(
    "bi_convlstm",
    lambda: L.Bidirectional(L.ConvLSTM2D(3, 3, padding="same", return_sequences=True)),
    (4, 5, 5, 2),
)
lay("td_dense", lambda: L.TimeDistributed(L.Dense(4, activation="relu")), (5, 3))
lay("td_conv", lambda: L.TimeDistributed(L.Conv2D(4, 3)), (4, 5, 5, 2))
lay("td_lstm", lambda: L.TimeDistributed(L.LSTM(3)), (2, 4, 3))
lay("td_flat", lambda: L.TimeDistributed(L.Flatten()), (3, 4, 2))
lay("td_td", lambda: L.TimeDistributed(L.TimeDistributed(L.Dense(3))), (2, 3, 4))
lay("td_bn", lambda: L.TimeDistributed(L.BatchNormalization()), (3, 4))
lay("dense_nob", lambda: L.Dense(4, use_bias=False, activation="softmax"), (5, 3))
lay(
    "einsum",
    lambda: L.EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d", activation="relu"),
    (5, 3),
)
lay("einsum_dots", lambda: L.EinsumDense("...x,xy->...y", output_shape=4, bias_axes="y"), (5, 3))
lay(
    "einsum2",
    lambda: L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de"),
    (5, 4),
)
lay("emb", lambda: L.Embedding(7, 4), (5,), dtype="int32")
lay("emb2", lambda: L.Embedding(7, 4), (2, 3), dtype="int32")
lay("revemb", lambda: L.ReversibleEmbedding(7, 4), (5,), dtype="int32")
lay("addatt", lambda: L.AdditiveAttention(), (4, 5), (3, 5))
lay("addatt_ns", lambda: L.AdditiveAttention(use_scale=False), (4, 5), (3, 5), (3, 5))
lay("att_c", lambda: L.Attention(score_mode="concat"), (4, 5), (3, 5))
lay("cat_oh", lambda: L.CategoryEncoding(5, output_mode="one_hot"), (1,), dtype="int32")
lay("cat_mh", lambda: L.CategoryEncoding(5), (3,), dtype="int32")
lay("cat_ct", lambda: L.CategoryEncoding(5, output_mode="count"), (3,), dtype="int32")
for m in ("int", "one_hot", "multi_hot", "count"):
    lay("disc_" + m, lambda m=m: L.Discretization([-0.5, 0.0, 0.5], output_mode=m), (3,))
    lay(
        "ilook_" + m,
        lambda m=m: L.IntegerLookup(vocabulary=[2, 4, 1], output_mode=m),
        (3,),
        dtype="int64",
    )
lay("ilook_inv", lambda: L.IntegerLookup(vocabulary=[2, 4, 1], invert=True), (3,), dtype="int64")
lay("norm1", lambda: L.Normalization(mean=[1.0, 2, 3], variance=[1.0, 4, 9]), (4, 3))
lay("norm_none", lambda: L.Normalization(axis=None, mean=1.0, variance=4.0), (4, 3))
lay("stft_m", lambda: L.STFTSpectrogram(mode="magnitude", frame_length=16, frame_step=8), (64, 1))
lay(
    "stft_s",
    lambda: L.STFTSpectrogram(
        mode="stft", frame_length=16, frame_step=8, expand_dims=True, padding="same"
    ),
    (64, 2),
)
lay(
    "stft_psd",
    lambda: L.STFTSpectrogram(
        mode="psd", frame_length=16, frame_step=8, data_format="channels_first"
    ),
    (2, 64),
)
lay("stft_angle", lambda: L.STFTSpectrogram(mode="angle", frame_length=16, frame_step=8), (64, 1))
lay("aap1", lambda: L.AdaptiveAveragePooling1D(3), (7, 2))
lay("aap3", lambda: L.AdaptiveAveragePooling3D((2, 3, 1)), (4, 5, 3, 2))
lay("amp1", lambda: L.AdaptiveMaxPooling1D(3, data_format="channels_first"), (2, 7))
A = (4, 3)
for n in [
    "abs",
    "square",
    "sqrt",
    "exp",
    "log",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arcsin",
    "arccos",
    "arctan",
    "arcsinh",
    "arccosh",
    "arctanh",
    "floor",
    "ceil",
    "round",
    "sign",
    "negative",
    "reciprocal",
    "log1p",
    "expm1",
    "log2",
    "log10",
    "rsqrt",
    "erf",
    "isnan",
    "isinf",
    "isfinite",
    "logical_not",
    "trunc",
    "exp2",
    "erfinv",
    "deg2rad",
    "rad2deg",
    "sinc",
    "cbrt",
    "signbit",
    "positive",
    "conjugate",
    "real",
    "angle",
    "logdet",
    "heaviside",
    "nan_to_num",
    "zeros_like",
    "ones_like",
    "flip",
    "flatten",
    "ravel",
]:
    if hasattr(O, n):
        op(
            n,
            getattr(O, n),
            A,
            pos=n
            in (
                "sqrt",
                "log",
                "arcsin",
                "arccos",
                "log1p",
                "log2",
                "log10",
                "rsqrt",
                "reciprocal",
                "arctanh",
            ),
        )
for n in [
    "add",
    "subtract",
    "multiply",
    "divide",
    "true_divide",
    "maximum",
    "minimum",
    "power",
    "mod",
    "floor_divide",
    "equal",
    "not_equal",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "arctan2",
    "logaddexp",
    "logaddexp2",
    "fmod",
    "hypot",
    "copysign",
    "outer",
    "inner",
    "vdot",
    "cross",
    "kron",
    "bitwise_and",
    "fmin",
    "fmax",
    "nextafter",
    "ldexp",
]:
    if hasattr(O, n):
        op("b_" + n, getattr(O, n), (4, 3), (4, 3), pos=n == "power")
for n in [
    "add",
    "multiply",
    "power",
    "mod",
    "floor_divide",
    "equal",
    "greater",
    "maximum",
    "divide",
    "logaddexp",
]:
    op("s_" + n, lambda x, n=n: getattr(O, n)(x, 2.0), A, pos=n == "power")
    op("i_" + n, lambda x, n=n: getattr(O, n)(x, 2), A, dtype="int32", pos=True)
for n in [
    "sum",
    "mean",
    "max",
    "min",
    "prod",
    "var",
    "std",
    "any",
    "all",
    "argmax",
    "argmin",
    "amax",
    "amin",
    "median",
    "count_nonzero",
    "cumsum",
    "cumprod",
    "nanmax",
    "nansum",
    "nanmean",
    "ptp",
    "logsumexp",
]:
    if hasattr(O, n):
        op("r_" + n, lambda x, n=n: getattr(O, n)(x, axis=1), A)
        if n not in ("cumsum", "cumprod", "argmax", "argmin", "count_nonzero"):
            op(
                "rk_" + n,
                lambda x, n=n: getattr(O, n)(x, axis=(1, 2) if n != "median" else 2, keepdims=True),
                A,
            )
op("quantile", lambda x: O.quantile(x, 0.3, axis=1), A)
op("norm", lambda x: O.norm(x, axis=-1), A)
op("norm1", lambda x: O.norm(x, ord=1, axis=-1, keepdims=True), A)
op("normalize", lambda x: O.normalize(x), A)
op("norminf", lambda x: O.norm(x, ord=float("inf"), axis=-1), A)
op("getneg", lambda x: x[:, ::-1, 1:], A)
op("getell", lambda x: x[..., 0], A)
op("getnew", lambda x: x[:, None], A)
op("getint", lambda x: x[:, -1], A)
op("getst", lambda x: x[:, 0:3:2], A)
op("concat", lambda x, y: O.concatenate([x, y], axis=-1), A, A)
op("stack", lambda x, y: O.stack([x, y], axis=1), A, A)
op("split", lambda x: O.split(x, 3, axis=-1), A)
op("splitidx", lambda x: O.split(x, [1, 3], axis=1), A)
op("unstack", lambda x: O.unstack(x, axis=1), A)
op("hstack", lambda x, y: O.hstack([x, y]), A, A)
op("vstack", lambda x, y: O.vstack([x, y]), A, A)
op("take", lambda x: O.take(x, [0, 2], axis=-1), A)
op("takeneg", lambda x: O.take(x, [-1, 0], axis=1), A)
op("taz", lambda x: O.take_along_axis(x, O.cast(O.argsort(x, axis=1), "int32"), axis=1), A)
op("where", lambda x, y: O.where(x > 0, x, y), A, A)
op("where_s", lambda x: O.where(x > 0, 1.0, 0.0), A)
op("where_p", lambda x: O.where(x > 0, x, 0.0), A)
op("matmul", O.matmul, (4, 3), (3, 5))
op("einsum", lambda x, y: O.einsum("bij,bkj->bik", x, y), A, A)
op("tensordot", lambda x, y: O.tensordot(x, y, axes=[[2], [2]]), A, A)
op("swapaxes", lambda x: O.swapaxes(x, 1, 2), A)
op("moveaxis", lambda x: O.moveaxis(x, 1, -1), A)
op("transpose", lambda x: O.transpose(x, (0, 2, 1)), A)
op("expand", lambda x: O.expand_dims(x, 1), A)
op("squeeze", lambda x: O.squeeze(x, 1), (1, 3))
op("reshape", lambda x: O.reshape(x, (-1, 12)), A)
op("tile", lambda x: O.tile(x, (1, 2, 2)), A)
op("repeat", lambda x: O.repeat(x, 2, axis=1), A)
op("roll", lambda x: O.roll(x, -1, axis=1), A)
op("flip1", lambda x: O.flip(x, 1), A)
op("rot90", lambda x: O.rot90(x, axes=(1, 2)), A)
op("bcast", lambda x: O.broadcast_to(x, (2, 4, 3)), A)
op("pad", lambda x: O.pad(x, ((0, 0), (1, 1), (0, 2))), A)
op("padr", lambda x: O.pad(x, ((0, 0), (1, 1), (0, 2)), mode="reflect"), A)
op("topk", lambda x: O.top_k(x, 2), A)
op("sort", lambda x: O.sort(x, axis=1), A)
op("argsort", lambda x: O.argsort(x, axis=-1), A)
op("tril", lambda x: O.tril(x, -1), A)
op("diag", lambda x: O.diagonal(x, offset=1, axis1=1, axis2=2), A)
op("trace", lambda x: O.trace(x, axis1=1, axis2=2), A)
op("digitize", lambda x: O.digitize(x, np.array([-1.0, 0, 1], "f4")), A)
op("clip", lambda x: O.clip(x, -0.5, 0.5), A)
op("round2", lambda x: O.round(x, 1), A)
op("cast", lambda x: O.cast(x, "int32"), A)
op("one_hot", lambda x: O.one_hot(x, 5), (3,), dtype="int32")
op("multi_hot", lambda x: O.multi_hot(x, 5), (3,), dtype="int32")
op("softmax1", lambda x: O.softmax(x, axis=1), A)
op("logsm", lambda x: O.log_softmax(x), A)
op("relu6", O.relu6, A)
op("gelu_t", lambda x: O.gelu(x, approximate=True), A)
op("celu", lambda x: O.celu(x, 0.5), A)
op("glu", lambda x: O.glu(x), (4, 4))
op("hards", lambda x: O.hard_shrink(x, 0.3), A)
op("softs", lambda x: O.soft_shrink(x, 0.3), A)
op("thr", lambda x: O.threshold(x, 0.2, -1.0), A)
op("sqp", lambda x: O.squareplus(x, 2), A)
op("elu", lambda x: O.elu(x, 0.5), A)
op("polar", lambda x: O.sparsemax(x), A)
op("conv", lambda x: O.conv(x, np.ones((3, 3, 3, 2), "f4"), strides=2, padding="same"), S)
op("dwconv", lambda x: O.depthwise_conv(x, np.ones((3, 3, 3, 2), "f4")), S)
op("maxpool", lambda x: O.max_pool(x, 2), S)
op("avgpool", lambda x: O.average_pool(x, 3, strides=1, padding="same"), S)
op("moments", lambda x: O.moments(x, axes=[1]), A)
op("layernorm", lambda x: O.layer_normalization(x, np.ones(3, "f4"), np.zeros(3, "f4")), A)
op("bnorm", lambda x: O.batch_normalization(x, np.ones(3, "f4"), np.ones(3, "f4") * 2, axis=-1), A)
op("resize", lambda x: O.image.resize(x, (4, 4), interpolation="nearest"), S)
op("padimg", lambda x: O.image.pad_images(x, 1, 1, 1, 1), S)
op("cropimg", lambda x: O.image.crop_images(x, 1, 1, 1, 1), S)
op("gray", lambda x: O.image.rgb_to_grayscale(x), S)
op("patches", lambda x: O.image.extract_patches(x, 2), (4, 4, 3))
op("s2d", lambda x: O.space_to_depth(x, 2), (4, 4, 3))
op("unfold", lambda x: O.unfold(x, 2), (3, 4, 4))
op("rgb2hsv", lambda x: O.image.rgb_to_hsv(x), S, pos=True)
op("gauss", lambda x: O.image.gaussian_blur(x), S)
op(
    "sdpa_causal",
    lambda q, k, v: O.dot_product_attention(q, k, v, is_causal=True),
    (4, 2, 3),
    (4, 2, 3),
    (4, 2, 3),
)
op("seg", lambda x: O.slice(x, (0, 1, 0), (2, 2, 2)), A)
op("arith", lambda x: (2 - x) * 3 / (x * x + 1) - x**2 + abs(x) % 0.7, A)
op("cmp", lambda x, y: O.cast((x > y) & (x < 2), "float32"), A, A)
op("logical", lambda x: O.any(O.logical_or(x > 1, x < -1), axis=1), A)
op("full", lambda x: x + O.full_like(x, 2.0), A)
op("size", lambda x: O.cumsum(x, axis=-1), A)
op("inv", lambda x: O.inv(x), (3, 3))
op("det", lambda x: O.det(x), (3, 3))
op("avg", lambda x: O.average(x, axis=1, weights=np.arange(4.0).astype("f4")), A)
op("swish", O.swish, A)
op("hsw", O.hard_swish, A)
op("lgs", O.logsumexp, A)
op("meanall", lambda x: O.mean(x, axis=(1, 2)), A)
op("erfc", lambda x: O.erf(x), A)
op("rearr", lambda x: O.rearrange(x, "b i j -> b j i"), A)


def fed(tensor: Any, dtype: str, positive: bool) -> np.ndarray:
    shape = (2, *tensor.shape[1:])
    array = rng.normal(0, 1, shape) if dtype == "float32" else rng.integers(0, 5, shape)
    if positive:
        array = (
            np.abs(array) * 0.9 / max(1, np.abs(array).max()) + 0.05
            if dtype == "float32"
            else array + 1
        )
    return array.astype(dtype)


def made(folder: Path, build: Callable[[], Any], dtype: str, positive: bool) -> None:
    inputs, outputs = build()
    model = keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs)
    for weight in model.weights:
        if (
            not weight.dtype.startswith("float")
            or "kernel" in weight.path
            or "vector" in weight.path
        ):
            continue
        low = "variance" in weight.path
        weight.assign(
            rng.uniform(0.5, 1.5, weight.shape) if low else rng.normal(0, 0.5, weight.shape)
        )
    feeds = {tensor.name: fed(tensor, dtype, positive) for tensor in inputs}
    given = list(feeds.values())
    found = model(given if len(given) > 1 else given[0], training=False)
    folder.mkdir()
    model.save(folder / "model.keras")
    arrays = {f"input/{name}": array for name, array in feeds.items()}
    arrays |= {f"output/{i}": np.asarray(a) for i, a in enumerate(keras.tree.flatten(found))}
    np.savez(folder / "golden.npz", **arrays)
    (folder / "case.json").write_text(json.dumps({"forms": [["model.keras"]]}))


def main(target: str) -> None:
    for name, case in C.items():
        try:
            made(Path(target, name), *case)
        except Exception as error:  # noqa: BLE001 - what TensorFlow cannot run on this processor
            print(f"{name}: {type(error).__name__}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
