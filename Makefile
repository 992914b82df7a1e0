# `make` sets everything up; `make demo` shows what mmdnn does; `make test` runs the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: all demo test conformance differential lowest mutation-score lint mxnet cntk bench onnx-suite gluon-zoo schemas clean

all: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mmdnn needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	@touch $@

demo: $(READY)
	@$(BIN)/python examples/digits/demo.py

test: lint mxnet cntk
	$(BIN)/python -m pytest -n 2

# every corpus case to every target: make test takes all to the IR, and a sample to the others
conformance: $(READY) mxnet cntk
	MMDNN_ALL_CASES=1 $(BIN)/python -m pytest -n 2

# the suite's core with the lowest versions that pyproject.toml declares, and in the newest Python there is
lowest: $(READY)
	$(BIN)/python tools/lowest.py

# one node at a time through every exporter and back, beside onnxruntime
differential: $(READY) mxnet cntk
	PYTHONPATH=tests $(BIN)/python -m differential

# faults injected into results of conversions, and how many of them verification finds
mutation-score: $(READY)
	$(BIN)/python -W ignore tools/mutation.py

# MXNet 1.9.1 in an environment of its own: it wants a numpy that nothing else here does
mxnet: $(READY)
	$(BIN)/python -m mmdnn.cli.mmengine install mxnet --into .venv-mxnet

# CNTK 2.7 likewise: its wheels are for Python 3.6; where there is none, this says so and its tests skip
cntk: $(READY)
	-$(BIN)/python -m mmdnn.cli.mmengine install cntk --into .venv-cntk

lint: $(READY)
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python benchmarks/conversion.py
	$(BIN)/python benchmarks/resnet_speed.py
	$(BIN)/python benchmarks/onnx2torch_peer.py
	$(BIN)/python benchmarks/mxnet_exporter_peer.py
	$(BIN)/python benchmarks/cntk_speed.py
	$(BIN)/python benchmarks/proof.py $(wildcard ../shared/models/caffe/ultraface_RFB320/RFB-320.*)

onnx-suite: $(READY)
	$(BIN)/python tools/backend_suite.py

gluon-zoo: $(READY) mxnet
	$(BIN)/python tools/gluon_zoo.py

schemas: $(READY)
	$(BIN)/python tools/build_schemas.py

clean:
	rm -rf $(VENV) .venv-* demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis
