"""Builders of the objects that the operator owns: one function an object, the whole intent."""
