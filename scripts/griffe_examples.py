"""Show the examples of docstrings as code on the documentation site: Griffe knows their section as `Examples:`."""

import re
from typing import Any

from griffe import Extension, Object


class ExampleSections(Extension):
    """Rename the section `Example:` of every docstring before it is parsed."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of one module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
