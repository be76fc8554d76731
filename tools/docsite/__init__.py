"""The documentation as a site: ``docs`` and the pages of every package, checked strictly and built with search and versions.

``python -m docsite`` collects the pages (`docsite.pages`), checks them (`docsite.checks`), builds them (`docsite.build`) and puts the
version beside others (`docsite.versions`); `docsite.released` builds those that were released.
"""
