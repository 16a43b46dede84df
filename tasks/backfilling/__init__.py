"""A backfill: what the learning flow would have learned at earlier moments, in a history of its own.

request   what an operator may ask for                    opening   who, which moments, with which code
history   one extraction, and what was known at a moment  planning  which steps must run, and why
step      one moment: check, count, learn, judge, write   walk      steps in order of time, several prepared ahead
last      the last step before the live head's gate       walked    what every pattern met afterwards, as a report
"""
