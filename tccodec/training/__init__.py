"""Training, calibration and export of models."""
