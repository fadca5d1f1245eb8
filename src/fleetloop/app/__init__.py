"""Knows every room: wires them, serves them, commands them, and shows them off.

No rule of the domain lives here; what two rooms need to agree on is decided in one of them.
"""
