"""The documentation as a site: ``docs`` and the pages of every package, checked strictly and built with search and versions.

``python -m docsite`` collects the pages (`docsite.pages`), checks them (`docsite.checks`) and builds (`docsite.build`).
"""
