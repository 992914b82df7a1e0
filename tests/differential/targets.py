"""Each exporter, and how what it wrote is run: results, or why there are none."""

from __future__ import annotations

import shutil
import traceback
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from differential.case import Arrays, Case
from helpers.caffe.opencv import one_process
from helpers.caffe.roads import run_caffe
from helpers.mxnet import batch as mxnet_batch
from mmdnn import registry
from mmdnn.errors import Error, MissingExtraError
from mmdnn.frameworks.onnx import engine as onnxruntime
from mmdnn.frameworks.onnx import importer as onnx_importer
from mmdnn.registry import Source

Result = list[Arrays] | Exception
Feeds = Mapping[str, np.ndarray]


class Refused(Exception):  # noqa: N818 - no error: an exporter may refuse
    """An exporter, or an engine, says that it cannot."""


class Target(ABC):
    """A framework that cases are written for.

    Args:
        folder: Where files go.
        engine: Whether the framework itself may run them.
    """

    name: str
    strict = False
    """Whether types are kept."""
    open = True
    """Whether a batch may be of another size than it was for the first feed."""
    at_run_time: tuple[str, ...] = ()
    """What the framework says of a feed that does not fit, where only a feed tells."""

    def __init__(self, folder: Path, *, engine: bool = True) -> None:
        self.folder = folder
        self.engine = engine
        self.results: dict[int, Result] = {}
        self.files: dict[int, tuple[list[Path], Sequence[Feeds], list[str]]] = {}

    @abstractmethod
    def write(self, model: ir.Model, folder: Path) -> list[Path]:
        """Export a model into a folder of its own."""

    @abstractmethod
    def run(self, files: Sequence[Path], feeds: Feeds, outputs: list[str]) -> Arrays:
        """Run what was written, by itself."""

    def add(self, index: int, case: Case, feeds: Sequence[Feeds]) -> None:
        """Export a case, and run it or keep it until `finish`."""
        feeds = feeds if self.open else feeds[:1]
        place = self.folder / str(index)
        place.mkdir(parents=True)
        outputs = case.results
        try:
            files = self.write(self.intermediate(case), place)
            self.files[index] = files, feeds, outputs
            run = self.run if case.engine or self.strict else self.back
            if not (self.is_batched() and case.engine):
                self.results[index] = [run(files, feed, outputs) for feed in feeds]
        except Error as error:
            self.results[index] = Refused(" ".join(str(error).split()))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is to be shown
            self.results[index] = error

    def intermediate(self, case: Case) -> ir.Model:
        """A case's model in the IR."""
        return onnx_importer.to_ir(case.model())

    def is_batched(self) -> bool:
        """Whether cases are run together in the end."""
        return False

    def finish(self) -> dict[int, Result]:
        """What each case gave."""
        return self.results

    def failed(self, error: object) -> Exception:
        """What a framework says where it does not run a case."""
        told = " ".join(str(error).split())
        return (Refused if any(text in told for text in self.at_run_time) else RuntimeError)(told)

    def back(self, files: Sequence[Path], feeds: Feeds, outputs: list[str]) -> Arrays:
        """Read what was written, and run that on onnxruntime."""
        framework = registry.framework(self.name)
        source = framework.arrange(list(files))
        shapes = {name: array.shape for name, array in feeds.items()}
        reader, importer = framework.room("reader"), framework.room("importer")
        known = reader.read(source).inputs
        source = replace(
            source, input_shapes={name: shapes[name] for name in known if name in shapes}
        )
        model = importer.to_ir(reader.read(source))
        inputs = {str(value.name): value for value in model.graph.inputs}
        fed = {
            name: array.astype(inputs[name].dtype.numpy())
            for name, array in feeds.items()
            if name in inputs
        }
        found = onnxruntime.run(model, fed)
        values = [found[str(value.name)] for value in model.graph.outputs]
        return dict(zip(outputs, values, strict=True))


class Onnx(Target):
    """ONNX itself: the importer's changes of opset, and the writer."""

    name = "onnx"
    strict = True

    def write(self, model: ir.Model, folder: Path) -> list[Path]:
        from mmdnn.frameworks.onnx import writer

        return list(writer.write(model, folder / "net.onnx"))

    def run(self, files: Sequence[Path], feeds: Feeds, outputs: list[str]) -> Arrays:
        try:
            return run_file(files[0], feeds, outputs)
        except Exception as error:
            if "NOT_IMPLEMENTED" not in str(error):
                raise
        from onnx.reference import ReferenceEvaluator

        values = ReferenceEvaluator(str(files[0])).run(None, dict(feeds))
        return dict(zip(outputs, values, strict=True))


def run_file(model: Path | bytes, feeds: Feeds, outputs: list[str]) -> Arrays:
    """A file, or a message, in onnxruntime.

    Raises:
        Exception: onnxruntime's own; NOT_IMPLEMENTED too where it would end the process.
    """
    import onnxruntime

    proto = onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model)
    if any(node.op_type == "Split" and "" in node.output for node in proto.graph.node):
        raise RuntimeError("NOT_IMPLEMENTED: a Split of which an output is left out")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    data = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    values = session.run(outputs, dict(feeds))
    return dict(zip(outputs, values, strict=True))


class PyTorch(Target):
    """Generated source, in this process."""

    name = "pytorch"
    strict = True

    def write(self, model: ir.Model, folder: Path) -> list[Path]:
        from mmdnn.frameworks.pytorch import codegen, exporter
        from mmdnn.frameworks.pytorch.writer import instantiate

        program = exporter.from_ir(model)
        text = codegen.source(program)
        (folder / "net.py").write_text(text)
        self.module: Any = instantiate(program, text)
        self.inputs = [str(value.name) for value in model.graph.inputs]
        return [folder / "net.py"]

    def run(self, files: Sequence[Path], feeds: Feeds, outputs: list[str]) -> Arrays:
        import torch

        from mmdnn.frameworks.pytorch.engine import as_numpy, as_tensor

        with torch.no_grad():
            values = self.module(*[as_tensor(feeds[name]) for name in self.inputs])
        values = values if len(outputs) > 1 else (values,)
        return {name: as_numpy(value) for name, value in zip(outputs, values, strict=True)}


class Caffe(Target):
    """OpenCV runs the layers in which it is trusted; the others are read back.

    Its files say every size: those that a case leaves open are given, as users do with --inputShape.
    """

    name = "caffe"
    open = False

    def __init__(self, folder: Path, *, engine: bool = True) -> None:
        super().__init__(folder, engine=engine)
        self.process = one_process()
        self.process.__enter__()

    def intermediate(self, case: Case) -> ir.Model:
        closed = [given and replace(given, open=()) for given in case.inputs]
        return onnx_importer.to_ir(replace(case, inputs=closed).model())

    def write(self, model: ir.Model, folder: Path) -> list[Path]:
        from mmdnn.frameworks.caffe import exporter, writer

        return list(writer.write(exporter.from_ir(model), folder / "net.prototxt"))

    def run(self, files: Sequence[Path], feeds: Feeds, outputs: list[str]) -> Arrays:
        return run_caffe(list(files), feeds, outputs)

    def finish(self) -> dict[int, Result]:
        self.process.__exit__(None, None, None)
        return self.results


class MxNet(Target):
    """MXNet 1.9.1, all cases in one process: the files, and the source code that is to do the same.

    A scalar has one axis there.
    """

    name = "mxnet"
    at_run_time = ("Invalid begin", "Shape is unknown")

    def is_batched(self) -> bool:
        return self.engine and is_installed("mxnet")

    def write(self, model: ir.Model, folder: Path) -> list[Path]:
        from mmdnn.frameworks.mxnet import exporter, writer

        native = exporter.from_ir(model)
        writer.write(native, folder / "net.py", weights=folder / "net-0000.params")
        return list(writer.write(native, folder / "net"))

    def run(self, files: Sequence[Path], feeds: Feeds, outputs: list[str]) -> Arrays:
        return self.back(files, feeds, outputs)

    def finish(self) -> dict[int, Result]:
        waiting = [index for index in self.files if index not in self.results]
        if not waiting:
            return self.results
        folders = {index: self._fed(index) for index in waiting}
        mxnet_batch.run_all([folder for several in folders.values() for folder in several])
        for index, several in folders.items():
            found = [mxnet_batch.result(folder) for folder in several]
            error = next((each for each in found if isinstance(each, str)), None)
            outputs = self.files[index][2]
            self.results[index] = (
                [dict(zip(outputs, arrays, strict=True)) for arrays in found]
                if error is None
                else self.failed(error)
            )
        return self.results

    def _fed(self, index: int) -> list[Path]:
        """A folder with the files for each feed."""
        first = self.folder / str(index)
        feeds = self.files[index][1]
        folders = [first, *(Path(f"{first}-{i}") for i in range(1, len(feeds)))]
        for folder in folders[1:]:
            shutil.copytree(first, folder)
        for folder, feed in zip(folders, feeds, strict=True):
            arrays = {name: np.atleast_1d(array) for name, array in feed.items()}
            np.savez(folder / "in.npz", **arrays)
        return folders


class Cntk(Target):
    """CNTK 2.7, all cases in as few processes as possible."""

    name = "cntk"
    at_run_time = (
        "requires that kernel dim",
        "Index range",
        "does not match the SampleLayout shape",
    )

    def is_batched(self) -> bool:
        return self.engine and is_installed("cntk")

    def write(self, model: ir.Model, folder: Path) -> list[Path]:
        from mmdnn.frameworks.cntk import exporter, writer

        return list(writer.write(exporter.from_ir(model), folder / "net.model"))

    def run(self, files: Sequence[Path], feeds: Feeds, outputs: list[str]) -> Arrays:
        return self.back(files, feeds, outputs)

    def finish(self) -> dict[int, Result]:
        from mmdnn.frameworks.cntk import engine

        waiting = [index for index in self.files if index not in self.results]
        if not waiting:
            return self.results
        jobs = [(i, feed) for i in waiting for feed in self.files[i][1]]
        ran = engine.run_many([(Source(network=self.files[i][0][0]), feed) for i, feed in jobs])
        found: dict[int, list[Any]] = {index: [] for index in waiting}
        for (index, feed), arrays in zip(jobs, ran, strict=True):
            found[index].append(self._result(index, feed, arrays))
        for index, several in found.items():
            error = next((each for each in several if isinstance(each, Exception)), None)
            self.results[index] = several if error is None else error
        return self.results

    def _result(self, index: int, feed: Feeds, found: Arrays | Error) -> Arrays | Exception:
        """The outputs; what only a GPU runs is read back."""
        files, _, outputs = self.files[index]
        if not isinstance(found, Error):
            return {name: found[name] for name in outputs if name in found}
        if not any(reason in str(found) for reason in GPU_ONLY):
            return self.failed(found)
        try:
            return self.back(files, feed, outputs)
        except Error as again:
            return Refused(str(again))
        except Exception as again:  # noqa: BLE001 - whatever it is, it is to be shown
            return again


GPU_ONLY = ("Dilated convolution on CPU", "is not supported on the CPU")
TARGETS: dict[str, type[Target]] = {
    target.name: target for target in (Caffe, Cntk, MxNet, Onnx, PyTorch)
}


def is_installed(name: str) -> bool:
    """Whether a framework that lives in an environment of its own has one."""
    try:
        registry.framework(name).room("engine").interpreter()
    except MissingExtraError:
        return False
    return True


def run_cases(
    name: str,
    cases: Sequence[tuple[Case, Sequence[Feeds]]],
    folder: Path,
    *,
    engine: bool = True,
) -> list[Result]:
    """What each case gives by way of an exporter, for each of its feeds."""
    target = TARGETS[name](folder, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index, (case, feeds) in enumerate(cases):
            target.add(index, case, feeds)
        found = target.finish()
    return [found[index] for index in range(len(cases))]


def place_of(error: Exception) -> str:
    """What was raised, and where in the project."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "mmdnn" in frame.filename]
    where = f" ({Path(ours[-1].filename).name}:{ours[-1].lineno})" if ours else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:900]}{where}"
