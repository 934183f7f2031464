"""Charts, one file each: they know positions and words; what is shown, `tune/` and `report/` choose."""
