"""What makes two calls the same."""


def call_key(args, kwargs):
    parts = [str(value) for value in args]
    parts += ["%s=%s" % (name, kwargs[name]) for name in sorted(kwargs)]
    return ",".join(parts)
