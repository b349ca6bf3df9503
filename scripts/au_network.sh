#!/bin/sh
# Make both AU networks of the package again, from nothing; a stopped run goes on where it was.
#
#     sh scripts/au_network.sh WORK FACES LABELS [SEED]
#
# FACES is a folder of real faces with index.csv (file, person) and codes.csv (mean grades of the AUs), LABELS what
# `duchenne dev label-faces` says of them. Persons whose number ends in 0 are kept for measuring, in 1 for choosing, in 5
# for nothing at all. Seeds of the rendered sets differ, so no identity is in two of them, but the neutral heads of
# choose and free show the people of these. WORK takes about 2 GB. SEED is that of both trainings. The networks and their
# scores end in WORK/au_real.* and WORK/au_rendered.*; compare with results/.
set -eu
work=$1 faces=$2 labels=$3 seed=${4:-0}
mkdir -p "$work"
draw() { # name, seed, count, further options
    name=$1 first=$2 count=$3
    shift 3
    duchenne render "$work/$name" --protocol stills --count "$count" --seed "$first" "$@"
    duchenne prepare "$work/$name" --out "$work/$name.store"
}
draw faint 1044 14000 --cooccurrence training --grades faint
draw even 1045 10000 --cooccurrence training --grades uniform
draw tilted 1047 6000 --cooccurrence training --poses tilted
draw choose 1041 2500 --cooccurrence training --grades uniform
draw choose_neutral 1041 1000 --cooccurrence neutral --poses frontal
draw poses 42 3000 --cooccurrence independent --poses grid
draw pairs 43 2000 --cooccurrence pairs --poses frontal
draw free 45 1500 --cooccurrence independent
draw free_neutral 45 500 --cooccurrence neutral --poses frontal
draw prototypes 48 2000 --cooccurrence prototypes
draw neutral 49 500 --cooccurrence neutral
for part in teach choose; do
    duchenne prepare "$faces/codes.csv" --data generic --part "$part" --out "$work/real_$part.store"
done
duchenne dev grade-by-blendshapes --faces "$faces" --labels "$labels" --out "$work/uncoded.csv"
duchenne prepare "$work/uncoded.csv" --data generic --part teach --out "$work/uncoded.store"

learn() { # name, store that says when to stop, further stores to learn from
    name=$1 valid=$2
    shift 2
    duchenne train symmetric --data "$work/faint.store" --data "$work/even.store" --data "$work/tilted.store" "$@" \
        --valid "$work/$valid.store" --seed "$seed" --threads 1 --out "$work/$name"
}
release() { # name, further options
    name=$1
    shift
    duchenne dev release-au-network "$work/$name/symmetric" --choose "$work/choose.store" --poses "$work/poses.store" \
        --pairs "$work/pairs.store" --free "$work/free.store" --prototypes "$work/prototypes.store" \
        --choose-neutral "$work/choose_neutral.store" --free-neutral "$work/free_neutral.store" \
        --weights "$work/au_$name.onnx" --result "$work/au_$name.json" "$@"
    duchenne dev real-faces "$faces/codes.csv" --weights "$work/au_$name.onnx" --labels "$labels" \
        --neutral-heads "$work/neutral" --out "$work/au_${name}_on_real_faces.json"
}
learn real real_choose --data "$work/real_teach.store" --data "$work/uncoded.store"
release real --real-choose "$work/real_choose.store" --real-teach "$work/real_teach.store"
learn rendered choose
release rendered
