"""Every kind of file that is read: how a whole one is made, which of its files are damaged, and what reads it."""

import json
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

import duchenne
from fuzz.file_kind import ONE_FILE, FileKind, digest_of
from fuzz.run_kinds import RUN_KINDS
from fuzz.study_kinds import STUDY_KINDS
from heic import tiled_heic
from miniature_releases import (
    write_bp4d,
    write_ck_plus,
    write_disfa,
    write_disfa_plus,
    write_fera17,
    write_picture,
)
from toy_faces import head, stills, write_stills

ROOT = Path(duchenne.__file__).parents[2]
SAMPLE = Path(duchenne.__file__).parent / "samples" / "face.jpg"


def warm_up() -> None:
    """Import what the readers import when they are called, so that no case pays for it."""
    for name in (
        *("commands.detect_like", "datasets.loaders", "detection", "evaluation.evaluate_system"),
        *("evaluation.experiment.reproduction", "recognition", "review.coder_journal", "study.codings.reading"),
        *("study.people_table", "synthesis.sets.protocols", "training.systems"),
    ):
        import_module(f"duchenne.{name}")


def _make_pictures(folder: Path) -> None:
    with Image.open(SAMPLE) as opened:
        face = opened.convert("RGB").resize((96, 80))
    exif = Image.Exif()
    exif[0x0112] = 6
    face.save(folder / "a.jpg", quality=80, exif=exif)
    face.save(folder / "b.jpg", quality=60, progressive=True)
    face.convert("CMYK").save(folder / "c.jpg")
    face.save(folder / "d.png")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red_and_blue = profile.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")
    face.resize((32, 32)).save(folder / "d.tif", icc_profile=red_and_blue)
    face.quantize(16).save(folder / "e.png", transparency=3)
    Image.fromarray(np.asarray(face.convert("L")).astype(np.uint16) * 257).save(folder / "f.png")
    face.convert("RGBA").save(folder / "g.webp", lossless=True)
    face.save(folder / "h.webp", quality=60)
    face.save(folder / "i.gif", save_all=True, append_images=[face.rotate(90)])
    face.save(folder / "j.tif", compression="tiff_lzw")
    face.save(folder / "k.tif", compression="jpeg")
    face.save(folder / "l.bmp")
    face.save(folder / "m.jp2")
    face.save(folder / "n.avif", speed=10)
    (folder / "o.heic").write_bytes(tiled_heic(np.asarray(face)))
    face.save(folder / "o.ppm")


def _read_pictures(folder: Path) -> str:
    from duchenne.media import kind_of, read_picture

    (path,) = folder.iterdir()
    return digest_of([kind_of(path), read_picture(path).pixels])


def _make_videos(folder: Path) -> None:
    from fractions import Fraction

    import av

    with Image.open(SAMPLE) as opened:
        face = np.asarray(opened.convert("RGB").resize((64, 48)))
    for name, codec in (
        *(("a.mp4", "mpeg4"), ("b.mkv", "mpeg4"), ("c.avi", "mjpeg"), ("d.ts", "mpeg2video"), ("e.mov", "mpeg4")),
        *(("f.mpg", "mpeg1video"), ("g.flv", "flv"), ("h.avi", "mpeg4")),
    ):
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream(codec, rate=Fraction(25))
            stream.width, stream.height = 64, 48
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for k in range(8):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(face, 4 * k, 1), format="rgb24")))
            container.mux(stream.encode())


def _read_videos(folder: Path) -> str:
    from duchenne.media import open_video

    (path,) = folder.iterdir()
    with open_video(path) as video:
        return digest_of(part for frame in video for part in (frame.timestamp_s, frame.pixels))


def _release(kind: str) -> Callable[[Path], str]:
    def read(folder: Path) -> str:
        from duchenne.datasets.audit import audit
        from duchenne.datasets.loaders import load

        source = folder / "faces.csv" if kind == "generic" else folder
        release = load(source, kind)
        audit(release, source)
        return digest_of(
            part for r in release.recordings for part in (r.subject, r.labels.frame, r.labels.known, r.labels.intensity)
        )

    return read


def _make_csv(folder: Path) -> None:
    for frame in range(3):
        write_picture(folder / f"{frame}.png", frame)
    lines = [f"{k}.png,anna,talk,{k},6,{k % 2},9,{k}" for k in range(3)]
    (folder / "faces.csv").write_text("\n".join(["path,subject,sequence,frame,pose,AU6,AU12,AU12_intensity", *lines]))


def _make_grades(folder: Path) -> None:
    for frame in range(3):
        write_picture(folder / f"{frame}.png", frame)
    lines = [f"{k}.png,{k},teach,{k},?,AU12:L" for k in range(3)]
    (folder / "faces.csv").write_text("\n".join(["file,person,part,AU6,AU12,one_sided", *lines]))


def _make_records(folder: Path) -> None:
    for path in sorted(
        (ROOT / "results" / "experiment" / "runs").rglob("*.json"), key=lambda path: path.stat().st_size
    )[:3]:
        shutil.copy(path, folder / f"{path.parent.name}-{path.name}")


def _read_records(folder: Path) -> str:
    from duchenne.evaluation.run_files import read_run

    (path,) = folder.iterdir()
    return digest_of([read_run(path)])


def _make_results(folder: Path) -> None:
    for name in ("face_detector", "landmarker"):
        shutil.copy(ROOT / "results" / f"{name}.json", folder)


def _read_results(folder: Path) -> str:
    from duchenne.evaluation.pretrained.face_detector_result import FaceDetectorResult
    from duchenne.evaluation.pretrained.landmark_result import LandmarksResult
    from duchenne.evaluation.pretrained.result_json import read_result

    (path,) = folder.iterdir()
    return digest_of([read_result(FaceDetectorResult if "face" in path.name else LandmarksResult, path)])


def _make_thresholds(folder: Path) -> None:
    (folder / "a.csv").write_text("au,threshold\nAU12,0.6\nAU06,0.4\n")
    (folder / "b.json").write_text(json.dumps([{"au": "AU12", "threshold": 0.6}, {"au": "AU06", "threshold": 0.4}]))


def _read_thresholds(folder: Path) -> str:
    from duchenne.chosen_thresholds import read_thresholds

    (path,) = folder.iterdir()
    return digest_of([read_thresholds(path)])


def _make_stills(folder: Path) -> None:
    table = stills(6, 0, "s")
    write_stills(table.assign(image=[image[:600] for image in table["image"]]), folder / "stills-00000.parquet")


def _make_store(folder: Path) -> None:
    from duchenne.datasets.loaders import load
    from duchenne.datasets.preparing.prepare import PrepareOptions, prepare

    source = folder.parent / f"{folder.name}-source"
    write_stills(stills(4, 0, "s"), source / "stills-00000.parquet")
    prepare([load(source)], folder, PrepareOptions("exact"))
    shutil.rmtree(source)


def _read_store(folder: Path) -> str:
    from duchenne.datasets.store import PreparedStore

    store = PreparedStore(folder)
    columns = (store.points, store.occurrence, store.known, store.intensity, store.subject, store.sequence, store.frame)
    report = json.dumps(store.report, sort_keys=True)
    return digest_of([*map(np.array, columns), store.crops(np.arange(len(store))), store.extra_names, report])


def _read_stills(folder: Path) -> str:
    from duchenne.datasets.loaders import load

    release = load(folder)
    return digest_of(
        part
        for r in release.recordings
        for part in (r.subject, r.labels.intensity, *r.pictures.read(r.labels.frame), r.truth and r.truth.points)
    )


def _make_weights(folder: Path) -> None:
    from duchenne import weights

    shutil.copytree(weights.FOLDER, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.py"))


def _read_weights(folder: Path) -> str:
    from duchenne import weights
    from duchenne.landmarks import mean_face, pose_correction
    from duchenne.recognition import AURecognizer

    there = weights.FOLDER
    weights.FOLDER = folder
    try:
        found = [weights.sha256_of(weights.whole_weights(name)) for name in weights.WEIGHT_FILES]
        return digest_of([*found, mean_face.__wrapped__(), pose_correction.__wrapped__(), AURecognizer().thresholds])
    finally:
        weights.FOLDER = there


def _make_networks(folder: Path) -> None:
    import torch

    from duchenne.networks.region import RegionNetwork
    from duchenne.training.action_units.onnx_export import description, export_network
    from toy_network import TINY

    torch.manual_seed(0)
    network = RegionNetwork(TINY, torch.from_numpy(head() / 80).float()).eval()
    path = folder / "tiny.onnx"
    export_network(network, description(network, np.array([0.5, 0.5]), head() / 80, {"data": "none"}), path)


def _read_networks(folder: Path) -> str:
    from duchenne.alignment import align
    from duchenne.recognition import AURecognizer

    recognizer = AURecognizer(folder / "tiny.onnx")
    points = head()[:, :2] + 128
    picture = np.full((256, 256, 3), 90, np.uint8)
    found = recognizer.recognize_fully([align(picture, points)], [head()[:, 2]])
    return digest_of([found.probability])


def _make_systems(folder: Path) -> None:
    import torch

    from duchenne.networks.build import build_network
    from duchenne.training.action_units.system import DeepSystem
    from duchenne.training.classical.system import ClassicalSystem
    from duchenne.training.recipes.deep import DeepRecipe
    from duchenne.training.recipes.named import RECIPES
    from toy_network import TINY

    torch.manual_seed(0)
    DeepSystem(DeepRecipe("tiny", "For tests.", TINY), build_network(TINY), head() / 80, {}).save(folder)
    ClassicalSystem(RECIPES["svm"], {"weights": np.zeros((12, 3))}, {"identity": "none"}).save(folder)  # type: ignore[arg-type]


def _read_systems(folder: Path) -> str:
    from duchenne.training.action_units.system import DeepSystem
    from duchenne.training.systems import load_system

    system = load_system(folder)
    if isinstance(system, DeepSystem):
        held = [(name, values.numpy()) for name, values in sorted(system.network.state_dict().items())]
    else:
        held = sorted(system.arrays.items())  # type: ignore[attr-defined]
    return digest_of([system.recipe, *(part for pair in held for part in pair)])


def _make_scores(folder: Path) -> None:
    from duchenne.extras.parquet import write_parquet

    values = np.linspace(0, 1, 6).astype(np.float32)
    (folder / "a.csv").write_text("AU01_p,AU12_p\n" + "".join(f"{v:.3f},{1 - v:.3f}\n" for v in values))
    groups = [{"AU01_p": values, "AU12_p": 1 - values}]
    write_parquet(folder / "b.parquet", {"AU01_p": "float32", "AU12_p": "float32"}, groups)


def _read_scores(folder: Path) -> str:
    from duchenne.evaluation.evaluate_system import read_scores

    (path,) = folder.iterdir()
    return digest_of(read_scores(path))


KINDS = (
    FileKind("pictures", _make_pictures, (ONE_FILE,), _read_pictures, 40),
    FileKind("videos", _make_videos, (ONE_FILE,), _read_videos, 24),
    FileKind("bp4d", lambda f: write_bp4d(f, {"F001_T1": 3}), ("AUCoding/**/*.csv",), _release("bp4d"), 4),
    FileKind("fera17", lambda f: write_fera17(f, poses=(6,)), ("*_Occ/*.csv", "*_Int/*.csv"), _release("fera17"), 4),
    FileKind("disfa", write_disfa, ("ActionUnit_Labels/**/*.txt",), _release("disfa"), 4),
    FileKind("disfa+", write_disfa_plus, ("**/AU*.txt",), _release("disfa+"), 4),
    FileKind("ck+", write_ck_plus, ("FACS/**/*.txt",), _release("ck+"), 4),
    FileKind("own csv", _make_csv, ("faces.csv",), _release("generic"), 4),
    FileKind("grades", _make_grades, ("faces.csv",), _release("generic"), 4),
    FileKind("records", _make_records, (ONE_FILE,), _read_records, 6),
    FileKind("results", _make_results, (ONE_FILE,), _read_results, 6),
    FileKind("thresholds", _make_thresholds, (ONE_FILE,), _read_thresholds, 4),
    FileKind("stills", _make_stills, ("*.parquet",), _read_stills, 12, sealed=False),
    FileKind("stores", _make_store, ("*.*",), _read_store, 12, sealed=True),
    FileKind("weights", _make_weights, ("*.onnx", "*.json"), _read_weights, 8, sealed=True),
    FileKind("networks", _make_networks, ("*.onnx",), _read_networks, 2),
    FileKind("systems", _make_systems, (ONE_FILE,), _read_systems, 8, sealed=True),
    FileKind("scores", _make_scores, (ONE_FILE,), _read_scores, 6),
    *RUN_KINDS,
    *STUDY_KINDS,
)
