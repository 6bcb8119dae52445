"""Settings from lines of NAME=value."""


def parse(text):
    """A dict of the settings in `text`. Raises ValueError for a line without an equals sign."""
    settings = {}
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, value = line.split("=")
        settings[name.strip()] = value.strip()
    return settings
