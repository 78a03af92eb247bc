"""The API as a cluster sees it, generated from the typed definitions: CRDs, policies, roles."""
