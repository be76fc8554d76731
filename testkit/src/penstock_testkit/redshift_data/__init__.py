"""A fake of the Redshift Data API."""

from penstock_testkit.redshift_data.data_api import RedshiftDataApi

__all__ = ["RedshiftDataApi"]
