"""The few errors a user can cause; every message says where, what was found, what to do."""


class TranslateError(Exception):
    """A mistake in the user's input, told in one line. The CLI exits with 2, the UI shows the text."""


class ConfigError(TranslateError):
    """A setting is missing, unknown or out of range."""


class DatasetError(TranslateError):
    """A data folder holds no usable pairs, or files that can't be used."""


class CheckpointError(TranslateError):
    """A model or a training state can't be found, read or trusted."""


class ImageError(TranslateError):
    """A picture can't be read, is too large, or has the wrong kind of pixels."""
