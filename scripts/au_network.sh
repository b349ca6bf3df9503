#!/bin/sh
# Make the AU network that learns from real faces again, from nothing; a stopped run goes on where it was.
#
#     sh scripts/au_network.sh WORK FACES LABELS [SEED]
#
# FACES is a folder of real faces with index.csv (file, person) and codes.csv (mean grades of the AUs), LABELS what
# `duchenne dev label-faces` says of them. Persons whose number ends in 0 are kept for measuring, in 1 for choosing, in 5
# for nothing at all. Seeds of the rendered sets differ, so no identity is in two of them, but the neutral heads of
# choose and free show the people of these. WORK takes about 2 GB. SEED is that of the training. The network learns in
# four steps, each from the one before: with half of each batch real, with a quarter, with weights of AUs that let
# thresholds fall, and with residual layers. It and its scores end in WORK/au_real.*; compare with results/.
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
draw rest 1051 5000 --cooccurrence neutral
draw further 1052 12000 --cooccurrence training \
    --shares prototype-pairs=.3,independent=.15,single=.1,neutral=.02
draw choose 1041 2500 --cooccurrence training --grades uniform
draw choose_neutral 1041 1000 --cooccurrence neutral --poses frontal
draw choose_rest 1041 1000 --cooccurrence neutral
draw poses 42 3000 --cooccurrence independent --poses grid
draw pairs 43 2000 --cooccurrence pairs --poses frontal
draw free 45 1500 --cooccurrence independent
draw free_neutral 45 500 --cooccurrence neutral --poses frontal
draw prototypes 48 2000 --cooccurrence prototypes
draw neutral 49 500 --cooccurrence neutral
for part in teach choose; do
    duchenne prepare "$faces/codes.csv" --data generic --part "$part" --out "$work/real_$part.store"
done

learn() { # name, recipe, epochs, further options
    name=$1 recipe=$2 epochs=$3
    shift 3
    duchenne train "$recipe" --data "$work/faint.store" --data "$work/even.store" --data "$work/tilted.store" "$@" \
        --data "$work/real_teach.store" --valid "$work/real_choose.store" --epochs "$epochs" --threads 1 \
        --out "$work/$name"
}
learn_on() { # name, recipe, epochs, folder to begin from, further options
    name=$1 recipe=$2 epochs=$3 start=$4
    shift 4
    learn "$name" "$recipe" "$epochs" --data "$work/rest.store" --data "$work/further.store" --start "$work/$start" "$@"
}
learn first symmetric-base 5 --seed "$seed"
learn_on second symmetric-base 16 first/symmetric-base --seed "$((seed + 1))" --set graded_share=0.25 --set rest_times=4
learn_on third symmetric-base 3 second/symmetric-base --seed "$((seed + 11))" --set skew_power=0.5 \
    --set graded_skew_power=1 --set graded_share=0.35 --set rest_times=8 --set optimiser.learning_rate=0.001
learn_on last symmetric 6 third/symmetric-base --seed "$((seed + 21))"
duchenne dev release-au-network "$work/last/symmetric" --choose "$work/choose.store" --poses "$work/poses.store" \
    --pairs "$work/pairs.store" --free "$work/free.store" --prototypes "$work/prototypes.store" \
    --choose-neutral "$work/choose_neutral.store" --choose-rest "$work/choose_rest.store" \
    --free-neutral "$work/free_neutral.store" \
    --real-choose "$work/real_choose.store" --real-teach "$work/real_teach.store" \
    --weights "$work/au_real.onnx" --result "$work/au_real.json"
duchenne dev real-faces "$faces/codes.csv" --weights "$work/au_real.onnx" --labels "$labels" \
    --neutral-heads "$work/neutral" --out "$work/au_real_on_real_faces.json"
