"""Parts of `penstock.model.value`: zones of datetimes, instances of classes, tables, and what is refused."""
