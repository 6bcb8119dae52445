import functools

from memo.key import call_key


def remember(function):
    """Calls `function` once for each set of arguments and gives the same result from then on."""
    results = {}

    @functools.wraps(function)
    def remembered(*args, **kwargs):
        key = call_key(args, kwargs)
        if key not in results:
            results[key] = function(*args, **kwargs)
        return results[key]

    remembered.forget = results.clear
    return remembered
