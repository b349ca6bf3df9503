#!/bin/sh
# Measure on real people how often the stronger side is named, each person by a network that never learnt from them.
#
#     sh scripts/cross_fitted_sides.sh WORK FACES
#
# WORK is the folder of scripts/au_network.sh, whose rendered stores are used; FACES as there. Three networks learn from
# the persons whose numbers do not end in 2 or 3, in 4 or 6, in 7, 8 or 9: two epochs each, so less than the network of
# the package. A stopped run goes on where it was. The result is WORK/sides_cross_fitted.json.
set -eu
work=$1 faces=$2
for digits in 23 46 789; do
    left_out=$work/without_$digits
    awk -F, -v faces="$faces" -v digits="[$digits]\$" 'NR == 1 {print} NR > 1 && $2 !~ digits {print faces "/" $0}' \
        "$faces/codes.csv" > "$left_out.csv"
    duchenne prepare "$left_out.csv" --data generic --part teach --out "$left_out.store"
    duchenne train symmetric-base --data "$work/faint.store" --data "$work/even.store" --data "$left_out.store" \
        --valid "$work/real_choose.store" --epochs 2 --threads 1 --out "$left_out"
    duchenne export "$left_out/symmetric-base" --valid "$work/choose.store" --out "$left_out.onnx"
done
duchenne dev cross-fitted-sides "$faces/codes.csv" --fold "0123=$work/without_23.onnx" "46=$work/without_46.onnx" \
    "789=$work/without_789.onnx" --out "$work/sides_cross_fitted.json"
