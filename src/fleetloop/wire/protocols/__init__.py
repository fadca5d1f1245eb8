"""Device protocols, one file each; the file's name is the word in the configuration and in the counters."""
