"""Guarded access to model and data stores, and the init container `fetch`. Synchronous.

access.Access(allowed_hosts, allow_private_networks, credentials)   what may be opened, and how
access.read_credentials(folder) -> {key: value}                     a mounted Secret
store.open_store(uri, access) -> Store: entries(), chunks(path), write(path, data, is_new=False),
    upload(path, file); paths are relative to the URI
place.read(store, path, limit_bytes=...) -> bytes
download.download(uri, directory, access, limits=..., digest="") -> Fetched(digest, size_bytes)
publish.publish(directory, uri, access)     uploads a directory, its manifest last, if not there yet
retry.persistently(call)                    five tries while the store is Unavailable
"""
