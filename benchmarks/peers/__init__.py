"""The same work as peers: one model, by this engine, by diffrax and by SciPy."""
