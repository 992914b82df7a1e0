"""The documented tools of MXNet's caffe_converter and of MXNet2Caffe, as `python -m mmdnn.tools.<name>`.

They take the arguments that users know and do what the commands do, by the same code: neither MXNet nor
Caffe is needed.
"""
