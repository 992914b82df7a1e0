"""`python -m mmdnn.conversion.examples.keras.imagenet_test`: a Keras network and a picture."""

from __future__ import annotations

from mmdnn.conversion.examples import _imagenet

__test__ = False
"""Not a test of this project, whatever its name."""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return _imagenet.main("keras", argv)


if __name__ == "__main__":
    raise SystemExit(main())
