"""The rivals that are no networks; solvers come from scikit-learn, skglm and CRFsuite."""
