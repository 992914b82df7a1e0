"""Each layer of Keras 2.2.4 by itself, run in it: a program of its own for Python 3.6, started by `make`.

    python keras2.py FOLDER

Each case is a folder in FOLDER, as `keras3` makes them, with `model.h5`.
"""

import json
import os
import sys
import warnings

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
warnings.simplefilter("ignore")

import numpy as np
from keras import backend as K
from keras import layers as L
from keras.models import Model

rng = np.random.RandomState(0)
C = {}


def lay(name, make, *shapes, **kw):
    C[name] = (lambda x: make()(x)), shapes, kw.pop("dtype", "float32")


def model(name, function, *shapes, **kw):
    C[name] = function, shapes, kw.pop("dtype", "float32")


S = (6, 5, 3)
for i, (k, s, p) in enumerate(
    [(3, 1, "valid"), (3, 2, "same"), (2, 3, "valid"), (4, 2, "same"), (1, 2, "same")]
):
    lay(
        "conv%d" % i,
        lambda k=k, s=s, p=p: L.Conv2D(4, k, strides=s, padding=p, activation="relu"),
        S,
    )
    lay("convt%d" % i, lambda k=k, s=s, p=p: L.Conv2DTranspose(4, k, strides=s, padding=p), S)
    lay("avg%d" % i, lambda k=k, s=s, p=p: L.AveragePooling2D(k, strides=s, padding=p), S)
    lay("max%d" % i, lambda k=k, s=s, p=p: L.MaxPooling2D(k, strides=s, padding=p), S)
    lay("sep%d" % i, lambda k=k, p=p: L.SeparableConv2D(4, k, padding=p, depth_multiplier=2), S)
    lay(
        "dw%d" % i,
        lambda k=k, s=s, p=p: L.DepthwiseConv2D(k, strides=s, padding=p, depth_multiplier=2),
        S,
    )
lay("c1causal", lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2), (8, 3))
lay("sep1", lambda: L.SeparableConv1D(4, 3, strides=2, padding="same"), (8, 3))
lay("c3", lambda: L.Conv3D(4, 2, padding="same"), (4, 4, 4, 2))
lay("ct3", lambda: L.Conv3DTranspose(4, 3, strides=2, padding="same"), (3, 3, 3, 2))
lay("l1", lambda: L.LocallyConnected1D(4, 3, strides=2), (8, 3))
lay("l2", lambda: L.LocallyConnected2D(4, (3, 2), strides=(1, 2), activation="tanh"), S)
lay("l2cf", lambda: L.LocallyConnected2D(4, (3, 2), data_format="channels_first"), (3, 6, 5))
for R in ("LSTM", "GRU", "SimpleRNN"):
    for j, kw in enumerate(
        (
            {},
            {"return_sequences": True, "go_backwards": True},
            {"return_sequences": True, "return_state": True},
            {"use_bias": False, "activation": "relu"},
            {"unroll": True, "return_sequences": True},
            {"implementation": 2},
        )
    ):
        lay("%s%d" % (R, j), lambda R=R, kw=kw: getattr(L, R)(4, **kw), (5, 3))
lay("gru_ra", lambda: L.GRU(4, reset_after=True, return_sequences=True), (5, 3))
lay("lstm_sig", lambda: L.LSTM(4, recurrent_activation="sigmoid"), (5, 3))
for m in ("concat", "sum", "mul", None):
    lay(
        "bi_%s" % m,
        lambda m=m: L.Bidirectional(L.GRU(4, return_sequences=True), merge_mode=m),
        (5, 3),
    )
lay("bi_st", lambda: L.Bidirectional(L.LSTM(4, return_state=True)), (5, 3))
lay(
    "rnnst",
    lambda: L.RNN([L.LSTMCell(4), L.GRUCell(3)], return_sequences=True, return_state=True),
    (5, 3),
)
lay("rnn1", lambda: L.RNN(L.GRUCell(4)), (5, 3))
lay("cl", lambda: L.ConvLSTM2D(3, 3, padding="same", return_sequences=True), (4, 5, 5, 2))
lay("cl2", lambda: L.ConvLSTM2D(3, 2, strides=2, return_state=True), (4, 6, 6, 2))
for f, n in (
    (L.ReLU, "relu"),
    (L.LeakyReLU, "leaky"),
    (L.ELU, "elu"),
    (L.ThresholdedReLU, "thr"),
    (L.Softmax, "sm"),
):
    lay(n, f, (4, 5))
lay("relu2", lambda: L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.1), (30,))
lay("prelu", lambda: L.PReLU(shared_axes=[1, 2], alpha_initializer="random_normal"), S)
lay("prelu2", lambda: L.PReLU(alpha_initializer="random_normal"), S)
lay("bn3", lambda: L.BatchNormalization(axis=1), S)
lay("bnns", lambda: L.BatchNormalization(scale=False, epsilon=0.01), S)
lay("flcf", lambda: L.Flatten(data_format="channels_first"), S)
lay("perm", lambda: L.Permute((2, 1)), (4, 5))
lay("rep", lambda: L.RepeatVector(3), (4,))
lay("resh", lambda: L.Reshape((-1, 3)), S)
lay("mask", lambda: L.Masking(0.0), (4, 3))
lay("up1", lambda: L.UpSampling1D(2), (4, 3))
lay("upbl", lambda: L.UpSampling2D(2, interpolation="bilinear"), S)
lay("up3", lambda: L.UpSampling3D(2), (2, 2, 2, 3))
lay("upbl3", lambda: L.UpSampling2D(3, interpolation="bilinear"), S)
lay("zp1", lambda: L.ZeroPadding1D((1, 2)), (4, 3))
lay("zp3", lambda: L.ZeroPadding3D(1), (2, 2, 2, 2))
lay("cr1", lambda: L.Cropping1D(1), (5, 3))
lay("cr3", lambda: L.Cropping3D(((1, 0), (0, 1), (1, 1))), (4, 4, 4, 2))
for P in ("GlobalMaxPooling", "GlobalAveragePooling"):
    for d, s in ((1, (5, 3)), (2, S), (3, (3, 3, 3, 2))):
        lay(P + str(d), lambda P=P, d=d: getattr(L, P + "%dD" % d)(), s)
for P in ("MaxPooling", "AveragePooling"):
    lay(P + "1", lambda P=P: getattr(L, P + "1D")(2, strides=3, padding="same"), (8, 3))
    lay(P + "3", lambda P=P: getattr(L, P + "3D")(2, padding="same"), (5, 5, 5, 2))
for m in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
    lay(m, lambda m=m: getattr(L, m)(), (4, 5), (4, 5))
lay("dotn", lambda: L.Dot(axes=1, normalize=True), (5,), (5,))
lay("dot21", lambda: L.Dot(axes=(2, 1)), (4, 5), (5, 3))
lay("dotm1", lambda: L.Dot(axes=-1), (4, 5), (3, 5))
lay("td", lambda: L.TimeDistributed(L.Dense(3, activation="relu")), (4, 5))
lay("tdlstm", lambda: L.TimeDistributed(L.LSTM(3)), (2, 4, 3))
lay("emb", lambda: L.Embedding(7, 4), (5,), dtype="int32")
lay("dense3", lambda: L.Dense(4, activation="softmax"), (5, 3))
lay("gn", lambda: L.GaussianNoise(0.1), (4,))
lay("sd", lambda: L.SpatialDropout1D(0.1), (4, 3))


def masked(R, **kw):
    def f(ins):
        return getattr(L, R)(4, **kw)(L.Masking(0.0)(ins))

    return f


model("m_lstm", masked("LSTM", return_sequences=True), (5, 3))
model("m_gru_back", masked("GRU", go_backwards=True, return_sequences=True), (5, 3))
model("m_rnn", masked("SimpleRNN"), (5, 3))
model("m_lstm_unroll", masked("LSTM", unroll=True, return_sequences=True), (5, 3))
model(
    "m_bi", lambda x: L.Bidirectional(L.LSTM(4, return_sequences=True))(L.Masking(0.0)(x)), (5, 3)
)
model(
    "m_emb",
    lambda x: L.LSTM(4)(L.Dense(3)(L.Embedding(7, 4, mask_zero=True)(x))),
    (5,),
    dtype="int32",
)
model("m_td", lambda x: L.LSTM(4)(L.TimeDistributed(L.Dense(3))(L.Masking(0.0)(x))), (5, 3))
model("m_drop", lambda x: L.GRU(4)(L.Activation("tanh")(L.Dropout(0.1)(L.Masking(0.0)(x)))), (5, 3))
model("m_cat", lambda x: L.LSTM(4)(L.Concatenate()([L.Masking(0.0)(x), L.Masking(0.0)(x)])), (5, 3))
model("m_add", lambda x: L.LSTM(4)(L.Add()([L.Masking(0.0)(x), x])), (5, 3))
model("m_two", lambda x: L.GRU(3)(L.LSTM(4, return_sequences=True)(L.Masking(0.0)(x))), (5, 3))
model("m_gap", lambda x: L.GlobalMaxPooling1D()(L.Dense(3)(x)), (5, 3))


def made(target, name, function, shapes, dtype):
    K.clear_session()
    inputs = [L.Input(s, name="x%d" % i, dtype=dtype) for i, s in enumerate(shapes)]
    net = Model(inputs, function(inputs[0] if len(inputs) == 1 else inputs))
    net.set_weights(
        [
            rng.uniform(0.5, 1.5, w.shape) if "variance" in v.name else rng.normal(0, 0.5, w.shape)
            for v, w in zip(net.weights, net.get_weights())
        ]
    )
    feeds = [
        rng.normal(0, 1, (2, *s)).astype("f4")
        if dtype == "float32"
        else rng.randint(0, 5, (2, *s)).astype("i4")
        for s in shapes
    ]
    if name.startswith("m_") and dtype == "float32":
        feeds[0][0, 3:] = 0
        feeds[0][1, 1] = 0
    found = net.predict(feeds)
    found = found if isinstance(found, list) else [found]
    folder = os.path.join(target, "k2_" + name)
    os.makedirs(folder)
    net.save(os.path.join(folder, "model.h5"))
    arrays = {"input/x%d" % i: x for i, x in enumerate(feeds)}
    arrays.update({"output/%d" % i: y for i, y in enumerate(found)})
    np.savez(os.path.join(folder, "golden.npz"), **arrays)
    with open(os.path.join(folder, "case.json"), "w") as file:
        json.dump({"forms": [["model.h5"]]}, file)


def main(target):
    for name, case in C.items():
        made(target, name, *case)


if __name__ == "__main__":
    main(sys.argv[1])
