"""Starts the real thing on this machine: PostgreSQL, Traefik, Quai, and Barograph beside them.

Used by `./dev demo`, the tests of Quai, the dashboards' test and the drills. Standard library only.
"""
