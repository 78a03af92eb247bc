"""Models as values that run: loading checks every byte first, running knows no protocol.

load.load(directory, Options(...)) -> Loaded(model, digest, format, size_bytes, warmup)
model.Model (Protocol): signature, platform, is_threaded, run(inputs, outputs) -> list of arrays
artifact.build_manifest(directory, format_name=..., model=...) -> bytes of its manifest.json
artifact.parse_manifest(bytes) -> contract.manifest.Manifest, or Invalid; artifact.check_path(path)
sklearn.signature_of(estimator) -> Signature; sklearn.Sklearn(estimator, signature) is a Model
onnx.Onnx(bytes, signature, threads=1) is a Model; walk.check(ModelProto bytes) refuses unsafe ones
"""
