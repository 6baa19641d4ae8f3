"""Links from the pictures of estimators in notebooks to their pages of the documentation."""

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata


class Documented:
    """Has scikit-learn's HTML link to the page of a class, where the package names an address.

    The address is ``Documentation`` under ``[project.urls]`` in pyproject.toml, and leads to the site that
    ``examples/guide/site`` builds. Without it there is no link.
    """

    _doc_link_module = "tsrnn"

    @property
    def _doc_link_template(self):
        site = _site()
        return site and f"{site}/api.html#{{estimator_module}}.{{estimator_name}}"


@cache
def _site():
    """Return the address that the metadata of the installed package give, or ""."""
    try:
        addresses = metadata("tsrnn").get_all("Project-URL", [])
    except PackageNotFoundError:  # a copy of the repository on the path
        return ""
    named = dict(entry.split(", ", 1) for entry in addresses)
    return named.get("Documentation", "").rstrip("/")
