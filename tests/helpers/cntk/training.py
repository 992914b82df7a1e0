"""Trains a model some steps in CNTK; a program for CNTK's interpreter.

    python training.py NET.model OUT.npz
    python training.py NET.py OUT.npz WEIGHTS.npy      (generated source)

Pictures of ten classes, each with a pattern of its own. OUT.npz gets the loss of each step, the running
statistics before, behind the first step and behind all (by number), and what the trained model makes of
the pictures. The environment variable RATE is the learning rate.
"""

import os
import sys

import cntk as C  # noqa: N812 - as its users do
import numpy as np

STEPS, CLASSES, SAMPLES = 12, 10, 40
RATE = float(os.environ.get("RATE", "0.02"))


def statistics(model):
    return {
        f"{name}_{index}": np.array(one.value)
        for name in ("mean", "variance", "count")
        for index, one in enumerate(
            one for one in model.constants if one.name == f"aggregate_{name}"
        )
    }


def with_loss(path, *weights):
    """The network, its label, its loss and its error."""
    if path.endswith(".py"):
        space = {"__name__": "generated"}
        with open(path, encoding="utf-8") as file:
            exec(compile(file.read(), path, "exec"), space)
        model, loss, error = space["load"](*weights, train=True)
        (label,) = (one for one in loss.arguments if one.name == "label")
        return model, label, loss, error
    model, label = C.load_model(path), C.input_variable(CLASSES)
    loss = C.cross_entropy_with_softmax(model, label)
    return model, label, loss, C.classification_error(model, label)


def main(path, target, *weights):
    C.try_set_default_device(C.cpu())
    model, label, loss, error = with_loss(path, *weights)
    rng = np.random.RandomState(1)
    labels = np.arange(SAMPLES) % CLASSES
    patterns = rng.randn(CLASSES, *model.arguments[0].shape)
    pictures = (patterns[labels] + 0.3 * rng.randn(SAMPLES, *patterns.shape[1:])).astype("f")
    wanted = np.eye(CLASSES, dtype="f")[labels]
    before = statistics(model)
    learner = C.sgd(model.parameters, C.learning_parameter_schedule(RATE))
    trainer = C.Trainer(model, (loss, error), [learner])
    losses, first = [], None
    for _ in range(STEPS):
        trainer.train_minibatch({model.arguments[0]: pictures, label: wanted})
        losses.append(trainer.previous_minibatch_loss_average)
        first = first or statistics(model)
    found = {f"before_{name}": array for name, array in before.items()}
    found.update({f"first_{name}": array for name, array in first.items()})
    found.update({f"after_{name}": array for name, array in statistics(model).items()})
    found["result"] = model.eval({model.arguments[0]: pictures})
    np.savez(target, losses=losses, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
