"""Batch while busy: an idle model answers at once, a busy one takes all that waited meanwhile.

cost.Cost, batcher.Batcher, admission.Admission and merge are plain values and functions;
driver.Driver owns the runner threads and futures; warmup.warm() runs a model before it is asked.
"""
