"""The documented tools as users call them: arguments, messages, exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from helpers.tools import call

TOOLS = {
    "json2prototxt": ["--mx-json", "--cf-prototxt"],
    "mxnet2caffe": ["--mx-model", "--mx-epoch", "--cf-prototxt", "--cf-model"],
    "convert_symbol": ["prototxt", "output"],
    "convert_model": ["prototxt", "caffemodel", "output_prefix"],
    "convert_mean": ["binaryproto", "output"],
    "test_converter": ["--cpu"],
    "convert_caffe_modelzoo": ["model_name", "resnet-50", "vgg-19"],
}
MISSING = {
    "json2prototxt": ["--mx-json", "no-symbol.json", "--cf-prototxt", "out"],
    "mxnet2caffe": ["--mx-model", "no", "--cf-prototxt", "no.prototxt", "--cf-model", "out"],
    "convert_symbol": ["no.prototxt", "out"],
    "convert_model": ["no.prototxt", "no.caffemodel", "out"],
    "convert_mean": ["no.binaryproto", "out"],
    "test_converter": ["--data", "no"],
}


@pytest.mark.parametrize(("tool", "documented"), TOOLS.items())
def test_help_shows_the_documented_arguments_and_examples(tool, documented, capsys):
    assert call(tool, "--help") == 0
    out = capsys.readouterr().out
    assert f"usage: python -m mmdnn.tools.{tool}" in out
    assert f"examples:\n\n  python -m mmdnn.tools.{tool}" in out
    assert all(name in out for name in documented)


@pytest.mark.parametrize("tool", TOOLS)
def test_unknown_flags_are_refused(tool, capsys):
    assert call(tool, "--jsn") == 2
    assert "unrecognized arguments: --jsn (did you mean --json?)" in capsys.readouterr().err


@pytest.mark.parametrize(("tool", "argv"), MISSING.items())
def test_missing_files_are_named_and_nothing_is_written(tool, argv, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(tool, *argv) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert "no such file" in err.lower()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tool", TOOLS)
def test_they_run_as_modules_and_start_light(tool):
    code = (
        "import runpy, sys\n"
        "sys.argv = ['tool', '--help']\n"
        f"try: runpy.run_module('mmdnn.tools.{tool}', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'numpy', 'onnx', 'onnx_ir', 'torch', 'google.protobuf', 'onnxruntime'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
