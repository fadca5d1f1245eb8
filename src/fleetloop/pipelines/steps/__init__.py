"""Pipeline steps, one file each; the file's name is the word of its tables in ``fleetloop.toml``."""
