"""Is the pretrained AU network faster, and no worse, in eight bits or in bfloat16?

    python benchmarks/quantised.py CALIBRATION JUDGED --result results/quantised.json

Both are stores of `duchenne prepare`: faces that set the ranges of the activations, and faces of other subjects whose
area under the ROC is compared. Eight bits: ONNX Runtime's static quantisation with QDQ pairs around convolutions and
matrix products, one scale for each channel of weights. Times are processor times of one thread, the least of rounds
that alternate between the files.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from duchenne.datasets.store import PreparedStore
from duchenne.facs import AU_NAMES
from duchenne.measures.ranking import area_under_roc
from duchenne.networks.view import View
from duchenne.recognition import AURecognizer
from duchenne.training.data.inputs import InputReader
from duchenne.training.run.checkpoints import commit
from duchenne.weights import sha256_of

BATCHES = (1, 32)
CALIBRATION_FACES = 256


class Reader(CalibrationDataReader):
    """Hands calibration faces to ONNX Runtime."""

    def __init__(self, inputs):
        self.batches = iter(
            [{name: values[k : k + 32] for name, values in inputs.items()} for k in range(0, CALIBRATION_FACES, 32)]
        )

    def get_next(self):
        return next(self.batches, None)


def inputs_of(store, recognizer, rows):
    layout = recognizer.layout
    reader = InputReader(View(layout=layout, grey=False, shape=recognizer.reads_depth), store, recognizer.reference)
    return dict(zip(("windows", "shape"), reader.plain(rows).inputs, strict=False))


def opened(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def in_bfloat16(source, path):
    """Write the file with its convolutions and matrix products in bfloat16."""
    model = onnx.load(str(source))
    weights = {entry.name: entry for entry in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            nodes.append(node)
            continue
        read, given = node.input[0], node.output[0]
        nodes.append(helper.make_node("Cast", [read], [f"{given}_in"], to=TensorProto.BFLOAT16))
        node.input[0], node.output[0] = f"{given}_in", f"{given}_raw"
        nodes += [node, helper.make_node("Cast", [f"{given}_raw"], [given], to=TensorProto.FLOAT)]
        for name in node.input[1:]:
            weight = weights[name]
            if weight.data_type == TensorProto.FLOAT:
                floats = torch.from_numpy(onnx.numpy_helper.to_array(weight).copy()).bfloat16()
                raw = floats.view(torch.int16).numpy().tobytes()
                weight.CopyFrom(helper.make_tensor(name, TensorProto.BFLOAT16, weight.dims, raw, raw=True))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, str(path))


def least_ms(sessions, inputs, batch, seconds):
    """Return the least time for a face of each session."""
    given = {name: values[:batch] for name, values in inputs.items()}
    least = dict.fromkeys(sessions, np.inf)
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        for name, session in sessions.items():
            start_s = time.thread_time()  # the calling thread does the work; others on the machine do not count
            session.run(["probability"], given)
            least[name] = min(least[name], (time.thread_time() - start_s) * 1000 / batch)
    return {name: round(value, 3) for name, value in least.items()}


def mean_area(probability, store):
    areas = []
    for column in range(len(AU_NAMES)):
        known = np.asarray(store.known[:, column])
        area = area_under_roc(np.asarray(store.occurrence[known, column]), probability[known, column].astype(float))
        areas += [] if area is None else [area]
    return round(float(np.mean(areas)), 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calibration", type=Path)
    parser.add_argument("judged", type=Path)
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    metadata = parser.parse_args()
    recognizer = AURecognizer()
    reduction = recognizer.layout.reduction
    calibration, judged = (PreparedStore(folder, reduction) for folder in (metadata.calibration, metadata.judged))
    with tempfile.TemporaryDirectory() as folder:
        prepared, eight, half = (Path(folder) / f"{name}.onnx" for name in ("prepared", "int8", "bfloat16"))
        quant_pre_process(str(recognizer.path), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(eight),
            Reader(inputs_of(calibration, recognizer, np.arange(CALIBRATION_FACES))),
            QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        in_bfloat16(recognizer.path, half)
        sessions, refused = {}, {}
        for name, path in {"float32": recognizer.path, "int8": eight, "bfloat16": half}.items():
            try:
                sessions[name] = opened(path)
            except Exception as error:  # ONNX Runtime's own tree has no public base but Exception
                refused[name] = str(error).splitlines()[0].replace(str(path), path.name)
        inputs = inputs_of(judged, recognizer, np.arange(len(judged)))
        said = {name: session.run(["probability"], inputs)[0] for name, session in sessions.items()}
        found = {
            "what": "Variants of the pretrained AU network, on rendered faces of subjects that it was not trained on.",
            "command": "python benchmarks/quantised.py CALIBRATION JUDGED --result results/quantised.json",
            "weights_sha256": sha256_of(recognizer.path),
            "commit": commit(),
            "onnxruntime": onnxruntime.__version__,
            "faces": {"calibration": CALIBRATION_FACES, "judged": len(judged)},
            "fingerprints": [calibration.fingerprint, judged.fingerprint],
            "not_run": refused,
            "bytes": {"float32": recognizer.path.stat().st_size, "int8": eight.stat().st_size},
            "processor_ms_per_face": {
                f"batch {batch}": least_ms(sessions, inputs, batch, metadata.seconds) for batch in BATCHES
            },
            "mean_area_under_roc": {name: mean_area(probability, judged) for name, probability in said.items()},
            "largest_difference_of_probability": {
                name: round(float(np.abs(probability - said["float32"]).max()), 4) for name, probability in said.items()
            },
        }
    metadata.result.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
