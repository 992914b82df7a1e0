"""`python -m mmdnn.tools.convert_mean`: a Caffe mean image to an MXNet array file."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdnn.cli import arguments, command

if TYPE_CHECKING:
    import onnx_ir as ir

NAME = "mean_image"
"""What the array is called in the file: `mx.nd.load("mean.nd")["mean_image"]`."""
EXAMPLES = """
  python -m mmdnn.tools.convert_mean mean.binaryproto mean.nd          red first
  python -m mmdnn.tools.convert_mean mean.binaryproto mean.nd --bgr    blue first, as stored
"""


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns its exit code."""
    return command.run(parser(), work, argv)


def parser() -> arguments.Parser:
    """The tool's flags."""
    made = arguments.Parser(
        "python -m mmdnn.tools.convert_mean",
        'Convert a mean image: a binaryproto to an array file of MXNet, {"mean_image": channels x '
        "height x width}. Caffe stores blue first; the result has red first, as MXNet reads pictures.",
        EXAMPLES,
    )
    made.add_argument("binaryproto_fname", metavar="binaryproto", help="the mean image to read")
    made.add_argument("output", help="the array file to write, e.g. mean.nd")
    made.flag(
        made,
        "--bgr",
        action="store_true",
        help="leave the channels in the order in which they are stored, blue first",
    )
    arguments.add_json(made)
    return made


def work(args: Namespace) -> dict[str, Any]:
    """Convert the image, and say what was made."""
    from mmdnn.frameworks.mxnet import writer
    from mmdnn.outputs import outputs

    target = Path(args.output)
    image = _read(Path(args.binaryproto_fname))
    shape = [int(size) for size in image.shape.numpy()]
    in_colour = shape[0] != 1
    if in_colour and not args.bgr:
        image = _turned(image, args.binaryproto_fname)
    with outputs([Path(args.binaryproto_fname)]) as place:
        writer.write_arrays({NAME: image}, place(target))
    order = "as stored" if args.bgr else "red first" if in_colour else "one channel"
    size = "x".join(map(str, shape))
    command.say(args, f"Mean image is saved as [{target}]: {NAME}, {size}, {order}.")
    if in_colour and not args.bgr:
        command.say(
            args,
            "It fits a model of convert_model --rgb; without that flag, convert it with --bgr.",
        )
    return {"ok": True, "files": [str(target)], "shape": shape, "channels": order}


def _read(path: Path) -> ir.TensorProtocol:
    """The image, channels first, without the axis of one picture.

    Raises:
        FormatError: It is no picture.
    """
    from mmdnn.errors import FormatError
    from mmdnn.frameworks.caffe.reader import weights
    from mmdnn.tensors import references

    tensor = weights.read_blob(path)
    shape = tensor.shape.numpy()
    own = shape[1:] if len(shape) == 4 and shape[0] == 1 else shape
    if len(own) != 3:
        raise FormatError(f"a mean image has no shape of {list(shape)}", file=path)
    return references.lazy(tensor, lambda array: array.reshape(own), shape=own)


def _turned(image: ir.TensorProtocol, path: str) -> ir.TensorProtocol:
    from mmdnn.errors import UnsupportedError
    from mmdnn.tools import channels

    count = image.shape.numpy()[0]
    if count not in channels.COLOURS:
        raise UnsupportedError(
            f"it has {count} channels, which have no red and blue to exchange",
            file=path,
            hint="--bgr leaves them as they are stored.",
        )
    return channels.turned(image, 0)


if __name__ == "__main__":
    raise SystemExit(main())
