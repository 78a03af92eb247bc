"""One file a storage scheme; each offers the functions of `fetch.store.Store`."""
