"""`duchenne dev`: make the networks of the package again, measure them, and print their cards.

The verbs import what they call when they are called, so that help stays light.
"""

from cyclopts import App

from duchenne.commands.dev import action_units, making, measuring

_HELP = """For those who make the package's own weights.

Each network is made, measured and described by its own verbs, in this order. Real faces are a folder of pictures with
an `index.csv` (file, person) that you bring; docs/provenance.md says which ones the package's networks learnt from.

1. Face detector: `label-faces`, `train-face-detector`, `measure-face-detector`, `card face-detector`.
2. Landmarker: `train-landmarks`, `fit-pose-correction`, `measure-landmarks`, `card landmarks`.
3. Action units: `grade-by-blendshapes`; `sh scripts/au_network.sh WORK`, which ends in `release-au-network`; then
   `real-faces`, `cross-fitted-sides`, `measure-au-network`, `check-portraits`, `card au-network`.
4. `write-hashes`, once the new files lie in the package.

`measure-synthesis` and `measure-movements` say what holds of the rendered heads that all three learn from;
`draw-sample-face` draws the one that is part of the package, `pack-head-data` makes the data that they are built from.
"""

dev = App(name="dev", help=_HELP)
for _verb in (
    making.label_faces,
    action_units.grade_by_blendshapes,
    making.train_face_detector,
    making.train_landmarks,
    making.fit_pose_correction,
    action_units.release_au_network,
    making.draw_sample_face,
    making.pack_head_data,
    making.write_hashes,
    measuring.measure_face_detector,
    measuring.measure_landmarks,
    action_units.real_faces,
    action_units.cross_fitted_sides,
    action_units.measure_au_network,
    measuring.check_portraits,
    measuring.measure_synthesis,
    measuring.measure_movements,
    measuring.card,
):
    dev.command(_verb)
