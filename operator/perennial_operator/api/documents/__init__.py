"""JSON documents to typed values and back."""

from perennial_operator.api.documents.convert import camel, dump, load

__all__ = ["camel", "dump", "load"]
