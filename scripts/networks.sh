#!/bin/sh
# Make the face detector and the landmarker of the package again, from nothing; a stopped run goes on where it was.
#
#     sh scripts/networks.sh WORK FACES TEACHERS PHOTOS
#
# FACES is a folder of real faces with index.csv, TEACHERS holds the unpacked wheels that `duchenne dev label-faces --help`
# names, PHOTOS are photographs without faces. Persons whose number ends in 0 are kept for measuring, in 1 for choosing, in 5
# for nothing at all. WORK takes about 8 GB. WORK/face_detector.onnx and WORK/landmarker.onnx are the results; what reads
# faces with them (`duchenne prepare`) must be run again once they lie in the package.
set -eu
work=$1 faces=$2 teachers=$3 photos=$4
mkdir -p "$work"
heads() { # name, seed, count, further options
    name=$1 seed=$2 count=$3
    shift 3
    duchenne render "$work/$name" --protocol stills --cooccurrence training --count "$count" --seed "$seed" "$@"
}
[ -e "$work/labels.npz" ] || duchenne dev label-faces --faces "$faces" --teachers "$teachers" --out "$work/labels.npz"
heads faint 1044 14000 --grades faint
heads tilted 1047 6000 --poses tilted
heads even 1045 10000 --grades uniform
detector() { # folder, further options
    folder=$1
    shift
    duchenne dev train-face-detector --faces "$faces" --labels "$work/labels.npz" --backgrounds "$photos" \
        --rendered "$work/tilted" --rendered "$work/faint" --work "$work/$folder" --out "$work/$folder.onnx" "$@"
}
detector detector_1
detector detector_2 --start "$work/detector_1.onnx" --rate 1.5e-3 --steps 2600
cp "$work/detector_2.onnx" "$work/face_detector.onnx"
landmarks() { # folder, further options
    folder=$1
    shift
    duchenne dev train-landmarks --faces "$faces" --labels "$work/labels.npz" --backgrounds "$photos" \
        --rendered "$work/faint" --rendered "$work/tilted" --work "$work/$folder" --out "$work/$folder.onnx" "$@"
}
landmarks landmarks_1
landmarks landmarks_2 --rendered "$work/even" --start "$work/landmarks_1.onnx" --rate 2e-3
cp "$work/landmarks_2.onnx" "$work/landmarker.onnx"
