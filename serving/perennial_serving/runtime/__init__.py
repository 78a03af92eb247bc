"""Models as values that run: loading checks every byte first, running knows no protocol.

load.load(directory, Options(...)) -> Loaded(model, digest, format, size_bytes, warmup)
model.Model (Protocol): signature, platform, is_threaded, run(inputs, outputs) -> list of arrays
manifest.build(directory, format_name=..., model=...) -> bytes     the manifest.json of a directory
manifest.parse(text) -> Manifest; manifest.digest_of(bytes) -> "sha256:<hex>"; check_path(path)
sklearn.signature_of(estimator) -> Signature; sklearn.Sklearn(estimator, signature) is a Model
onnx.Onnx(bytes, signature, threads=1) is a Model; walk.check(ModelProto bytes) refuses unsafe ones
"""
