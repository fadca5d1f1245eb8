"""The cold cell's gateway: the board's driver (``board``), its lines (``report``) and its images (``image``)."""
