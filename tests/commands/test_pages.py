"""Every command and every option that README and the page of recipes name is executed here."""

from importlib import import_module
from pathlib import Path

import pytest
from commands.declared import EXECUTED
from commands.pages import commands_of

for _file in Path(__file__).parent.glob("test_*.py"):
    if _file.name != Path(__file__).name:
        import_module(f"commands.{_file.stem}")  # says what it executes


@pytest.mark.parametrize("page", EXECUTED, ids=["readme", "recipes"])
def test_whatever_the_page_names_is_executed(page):
    named, executed = commands_of(page.read_text(encoding="utf-8")), EXECUTED[page]
    new = [command for command in named if command not in executed]
    gone = [command for command in executed if command not in named]
    assert not new, f"{page.name} names what no test here executes: {new}"
    assert not gone, f"tests here execute what {page.name} does not name: {gone}"


PAGE = """
Say `say  it
  --loud`, `--quiet` or `loud`.

```bash
# say it
say \\
  it

for name in a b; do
  say $name
done
cat <<END
for
END
```
```python
a `b c`
```
```bash
names='a
  b'
say $names
```
```bash
#!/bin/bash
say it
say more
```
```bash
NAME=a say it
say it $(say \\
  more)
```
"""


def test_commands_are_found_on_a_page():
    assert commands_of(PAGE) == [
        "say \\\n  it",
        "for name in a b; do\n  say $name\ndone",
        "cat <<END\nfor\nEND",
        "names='a\n  b'\nsay $names",
        "#!/bin/bash\nsay it\nsay more",
        "NAME=a say it",
        "say it $(say \\\n  more)",
        "say it --loud",
        "--quiet",
    ]
