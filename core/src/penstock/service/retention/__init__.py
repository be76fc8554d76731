"""Applies ``[retention]``: deletes what is older than the settings say."""
