"""The ground every room stands on: time, errors, settings, database, facts, the command line's frame.

It is *not* a place for what two rooms happen to share: nothing here knows a device, a release or a rollout.
Every other room may import its files directly.
"""
