"""Fleetloop: DevOps for devices."""
