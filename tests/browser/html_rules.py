"""Rules of HTML, by html-validate."""

import json
import subprocess
import tempfile


def invalid_html(programs, rules, files):
    """What is wrong in these files, a line each: by all recommended rules, with these changes."""
    config = {"root": True, "extends": ["html-validate:recommended", "html-validate:document"], "rules": rules}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        command = [programs / "node", programs / "html-validate", "--config", file.name, "--formatter", "text", *files]
        done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr
