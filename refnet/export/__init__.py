"""A Network and its tensors as files of other formats: ONNX, TensorFlow Lite, Core ML."""
