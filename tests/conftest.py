"""What every test may count on: Hypothesis's examples, and that Ctrl-C is heard.

Hypothesis draws the same examples on every machine: a red test stays red until mended.
"""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile(
    "refnet",
    derandomize=True,
    deadline=None,  # the first call of anything is slow, and that is no failure
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("refnet")

# What a shell runs in the background ignores Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A script and modules that only some tests import; they need engines that may be absent.
collect_ignore = ["data/make_engine_answers.py", "cost/torch_models.py"]
