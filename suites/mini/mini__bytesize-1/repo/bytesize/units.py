STEP = 1024
UNITS = ["B", "KiB", "MiB", "GiB", "TiB"]
