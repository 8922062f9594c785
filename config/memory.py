"""The collector of cyclic garbage, told what a long-lived process knows and it does not."""

import gc


def spare_the_collector() -> None:
    """Call once all is loaded. What was loaded stays; what a request or a slice makes hardly ever goes in circles.

    Looking for circles took 6 % of a worker and 5 % of a web process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
