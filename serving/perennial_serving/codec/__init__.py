"""Bytes <-> tensors, pure: nothing here knows a socket, a model library or a clock.

tensors.parse_signature(text) -> Signature              the artifact's signature.json
tensors.signature_document(signature) -> dict           what to write into signature.json
decode.Decoder(signature, Limits(...)).decode(body) -> Request(id, inputs, outputs, rows, timeout)
columns.from_columns(signature, {name: array}) -> {input: array}    what jobs use
encode.Encoder(model, revision, signature).encode(request_id, outputs) -> bytes
"""
