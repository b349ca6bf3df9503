"""Options that have a new name: the old spelling still works for one release, out of the help, and says so once."""

from duchenne.commands.plain_console import PlainConsole

_RENAMED = {
    "detect": {"--threshold": "--thresholds"},
    "render": {"--company": "--cooccurrence", "--look": "--lighting", "--recipe": "--au-map"},
}
"""New spelling by verb and old spelling."""


def with_new_names(arguments: list[str], console: PlainConsole) -> list[str]:
    """Return the arguments of a command line with the options' new names; a remark names each old one once."""
    renamed = _RENAMED.get(arguments[0], {}) if arguments else {}
    end = arguments.index("--") if "--" in arguments else len(arguments)
    found, warned = list(arguments), set()
    for place, word in enumerate(arguments[:end]):
        old, equals, value = word.partition("=")
        if old in renamed:
            found[place] = f"{renamed[old]}{equals}{value}"
            warned.add(old)
    for old in sorted(warned):
        warn_of_old_name(old, renamed[old], console)
    return found


def warn_of_old_name(old: str, new: str, console: PlainConsole | None = None) -> None:
    """Say on standard error that an option or one of its values has another name now."""
    shown = console or PlainConsole(stderr=True)
    shown.say(f"duchenne: {old} is now {new}; the next release will not know {old}.")
