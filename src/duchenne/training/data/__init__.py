"""Prepared faces as batches of tensors: dataset, sampler, inputs, labels, augmentation."""
