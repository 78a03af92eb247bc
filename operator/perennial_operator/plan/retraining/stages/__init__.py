"""One module a state of a run: each looks at a RunSnapshot and returns an Advance."""
