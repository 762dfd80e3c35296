"""Boards that are reached by their Jupyter server only (PYNQ's port 9090).

``http`` logs in and asks the server, ``terminal`` is a terminal of it over a websocket, ``runner``
runs on the board in such a terminal and starts commands and moves files there, ``session`` talks
to it, ``files`` and ``connection`` make a ``Transport`` of all that.
"""
