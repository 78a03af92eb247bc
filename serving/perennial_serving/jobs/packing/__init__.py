"""Model files for serving: signature, conversion to ONNX with its proof, and the artifact."""
