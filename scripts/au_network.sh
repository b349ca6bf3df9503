#!/bin/sh
# Make the AU network of the package again, from nothing; a stopped run goes on where it was.
#
#     sh scripts/au_network.sh WORK [FACES [EPOCHS [FURTHER]]]
#
# WORK takes about 2.5 GB. Seeds of the sets differ, so no identity is in two of them. The network learns FACES heads for
# EPOCHS, then those and half as many heads that look down or up for FURTHER epochs. It, its measured scores and their
# table end in WORK/au_compact.onnx and WORK/au_compact.json; compare with results/au_compact.json.
set -eu
work=$1 faces=${2:-52000} epochs=${3:-18} further=${4:-14}
mkdir -p "$work"
draw() { # name, seed, count, further options
    name=$1 seed=$2 count=$3
    shift 3
    duchenne render "$work/$name" --protocol stills --count "$count" --seed "$seed" "$@"
    duchenne prepare "$work/$name" --out "$work/$name.store"
}
draw choose 41 2500
draw poses 42 3000 --company independent --poses grid
draw pairs 43 6000 --company pairs --poses frontal
draw free 45 1500 --company independent
draw choose_neutral 41 1000 --company neutral --poses frontal
draw free_neutral 45 1000 --company neutral --poses frontal
draw train 44 "$faces"
draw tilted 47 $((faces / 2)) --poses tilted
duchenne train compact --data "$work/train.store" --valid "$work/choose.store" --epochs "$epochs" --threads 1 \
    --out "$work/trained"
duchenne train compact --data "$work/train.store" --data "$work/tilted.store" --valid "$work/choose.store" \
    --epochs "$further" --seed 1 --threads 1 --start "$work/trained/compact" --out "$work/further"
python -m duchenne.evaluation.pretrained.au_network "$work/further/compact" --choose "$work/choose.store" \
    --poses "$work/poses.store" --pairs "$work/pairs.store" --free "$work/free.store" \
    --choose-neutral "$work/choose_neutral.store" --free-neutral "$work/free_neutral.store" \
    --weights "$work/au_compact.onnx" --result "$work/au_compact.json"
