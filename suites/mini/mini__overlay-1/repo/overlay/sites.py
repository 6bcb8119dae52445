from overlay.merge import merge


def build(defaults, sites):
    """The settings of each site: the defaults with its own laid over them."""
    return {name: merge(dict(defaults), own) for name, own in sites.items()}
