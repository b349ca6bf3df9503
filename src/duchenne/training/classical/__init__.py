"""The baselines that are no networks; solvers come from scikit-learn, skglm and CRFsuite."""
