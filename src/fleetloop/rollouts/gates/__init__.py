"""Gates: one file each, found by name. See ``rollouts/seam.py`` for what each promises."""
