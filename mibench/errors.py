"""What goes wrong outside of trials, said in one line: what, where, what to do."""


class MibenchError(Exception):
    """A failure that its message explains; the command line shows it without a traceback and exits with 2."""


class UsageError(MibenchError):
    """What was asked for does not exist or does not fit."""


class PluginError(MibenchError):
    """A plugin could not be loaded, or what it declares is wrong."""


class UnfitError(MibenchError):
    """Raised in a trial by a task or an estimator: this estimator does not fit this cell; the trial is skipped."""


class StoreError(MibenchError):
    """Results could not be written or read."""
