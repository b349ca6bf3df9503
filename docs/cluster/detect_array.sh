#!/bin/bash
# Find action units in all videos of a folder with a SLURM array; one task does one shard.
#   sbatch detect_array.sh
#   duchenne merge results --output all.csv     (when all tasks have ended)
# A task that was stopped, or whose node was lost, is given again and goes on where it stopped:
#   sbatch --array=7-7 detect_array.sh          (SHARDS must stay the same: export SHARDS=20)
#SBATCH --job-name=duchenne
#SBATCH --array=1-20
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --requeue
set -euo pipefail

SHARDS=${SHARDS:-$SLURM_ARRAY_TASK_COUNT}
duchenne detect videos --output-dir results --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" \
    --workers "${SLURM_CPUS_PER_TASK:-1}" --quiet
