"""The cold cell's gateway.

The board's driver (``board``), its lines (``report``), its images (``image``); and on these the process that speaks
hawkBit DDI for boards (``python -m gateway``: ``config``, ``device``, ``ddi``, ``service``, ``record``).
"""
