"""The release trains: what a change affects, which version comes next, and how a package is built, tested and recorded.

Every package of the workspace travels alone: a tag such as ``core/v1.2.0`` selects one package and one commit, and nothing else
decides what is built. ``python -m train --help`` lists the commands; the sessions of ``noxfile.py`` run them.
"""
