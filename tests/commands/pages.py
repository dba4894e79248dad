"""What a page of ours tells people to type."""

import os
import re
import subprocess

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
ASSIGNMENT = re.compile(r"""\w+=("[^"]*"|'[^']*'|\$\(.*\)|\S*)""", re.DOTALL)


def commands_of(page: str) -> list[str]:
    """The commands of a page in Markdown, each once and as it stands there.

    Those of the ``bash`` blocks: lines that belong together (continued ones, loops, here-documents)
    are one command; a block with a ``#!`` or with variables that later lines read is a script, and
    one command as a whole. Then whatever stands between backticks in the text and has a space or
    begins with a dash: whole commands, and options.
    """
    blocks = [text for language, text in BLOCK.findall(page) if language == "bash"]
    commands = [command for block in blocks for command in _commands_of_block(block)]
    spans = (" ".join(span.split()) for span in SPAN.findall(BLOCK.sub("", page)))
    commands += [span for span in spans if " " in span or span.startswith("-")]
    return list(dict.fromkeys(commands))


def _commands_of_block(block: str) -> list[str]:
    commands, lines = [], []
    for line in block.splitlines():
        if lines or line.strip():
            lines.append(line)
        text = "\n".join(lines)
        if text and _is_complete(text):
            commands.append(text)
            lines = []
    assert not lines, f"no command of bash ends here: {lines}"
    script = block.startswith("#!") or any(map(ASSIGNMENT.fullmatch, commands))
    if script:
        return [block.rstrip("\n")]
    return [command for command in commands if not command.startswith("#")]


def _is_complete(text: str) -> bool:
    """Whether bash reads these lines as whole commands."""
    if text.endswith("\\"):
        return False
    done = subprocess.run(
        ["bash", "-n"],
        input=text,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
    )
    return done.returncode == 0 and "here-document" not in done.stderr
