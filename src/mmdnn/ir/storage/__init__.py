"""The IR on disk: the ONNX protobuf, its weights beside it, its JSON."""
