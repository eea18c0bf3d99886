"""The codecs that a report compares: what each one is, at which settings, and how to get it."""
