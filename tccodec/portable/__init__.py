"""The decoder for machines without torch: its synthesis as an ONNX graph."""
