"""The only place that knows HTTP: the raw ASGI hot route, FastAPI for the rest, one life cycle.

process.run(settings) runs a serving process from its start to its end.
front.Front is the data port's ASGI application; v2 and admin hold the FastAPI routes.
"""
