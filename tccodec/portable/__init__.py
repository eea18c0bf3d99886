"""The decoder without torch: entropy decoding in numpy, the synthesis as an ONNX graph."""
