#!/usr/bin/env python3
"""Draws what prober prints, as a terminal would show it: python3 docs/pictures/make.py [PROBER]

Runs the program against its own demo site at 80 and 160 columns, reads its colours, and draws each screen on a dark and
on a light ground as PNG beside this file. Needs rsvg-convert (Debian's librsvg2-bin) and DejaVu Sans Mono.
"""

import fcntl
import html
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
WIDTH, HEIGHT = 8.43, 18  # of a cell, for 14 px DejaVu Sans Mono

# Ground, text, and the eight colours that a terminal's theme decides: those of the Tango theme.
THEMES = {
    "dark": ("#1d1f21", "#d3d7cf", ["#555753", "#ef2929", "#8ae234", "#fce94f", "#729fcf", "#ad7fa8", "#34e2e2", "#eeeeec"]),
    "light": ("#ffffff", "#2e3436", ["#2e3436", "#cc0000", "#3a7a06", "#8f6a00", "#3465a4", "#75507b", "#06989a", "#555753"]),
}


def fixed(number):
    """A colour of the 256 that no theme decides."""
    if number >= 232:
        return "#" + "%02x" % (8 + 10 * (number - 232)) * 3
    steps = [0, 95, 135, 175, 215, 255]
    number -= 16
    return "#%02x%02x%02x" % (steps[number // 36], steps[number // 6 % 6], steps[number % 6])


def cells(text, columns, theme):
    """Rows of (character, colour, opacity), wrapped where a terminal wraps."""
    _, plain, palette = THEMES[theme]
    rows, colour, opacity = [[]], plain, 1.0
    for part in re.split(r"(\x1b\[[0-9;]*m|\n)", text):
        if part == "\n":
            rows.append([])
        elif part.startswith("\x1b["):
            codes = [int(code or 0) for code in part[2:-1].split(";")]
            if codes == [0]:
                colour, opacity = plain, 1.0
            elif codes == [2]:
                opacity = 0.65
            elif codes[:2] == [38, 5]:
                colour = fixed(codes[2])
            elif 30 <= codes[0] <= 37:
                colour = palette[codes[0] - 30]
        else:
            for character in part:
                assert unicodedata.east_asian_width(character) not in "WF", "nothing here is two columns wide"
                if len(rows[-1]) == columns:
                    rows.append([])
                rows[-1].append((character, colour, opacity))
    while rows and not rows[-1]:
        rows.pop()
    return rows


def svg(rows, columns, theme):
    ground, _, _ = THEMES[theme]
    width, height = columns * WIDTH + 24, len(rows) * HEIGHT + 24
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}">'
           f'<rect width="100%" height="100%" fill="{ground}"/>'
           '<g font-family="DejaVu Sans Mono" font-size="14" xml:space="preserve">']
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end][1:] == row[x][1:]:
                end += 1
            text = "".join(cell[0] for cell in row[x:end])
            if text.strip():
                out.append(f'<text x="{12 + x * WIDTH:.2f}" y="{12 + (y + 0.78) * HEIGHT:.1f}" fill="{row[x][1]}" '
                           f'fill-opacity="{row[x][2]}" textLength="{(end - x) * WIDTH:.2f}">{html.escape(text)}</text>')
            x = end
    return "\n".join(out) + "</g></svg>"


def shown_by_terminal(command, columns, environment):
    """What the command prints where its output is a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, env=environment)
    os.close(theirs)
    printed = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux's way to say that nobody has the other end open
            break
        if not piece:
            break
        printed += piece
    os.close(ours)
    errors = run.communicate()[1]
    return printed.decode().replace("\r\n", "\n") or errors.decode()


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else str(HERE.parent.parent / "target/release/prober")
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
    site = subprocess.Popen([program, "demo", "--serve"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        urls = list(iter(site.stdout.readline, "\n"))
        slow = next(url.strip() for url in urls if url.strip().endswith("/slow"))
        screens = {
            "text": ["demo"],
            "waterfall": ["demo", "--format", "waterfall"],
            "staircase": ["--format", "waterfall", slow],
            "stats": ["-c", "12", "-i", "0.05", "-q", "--stats", "--histogram", slow],
        }
        for name, arguments in screens.items():
            for columns in (80, 160):
                shown = shown_by_terminal([program, "--color", "always", *arguments], columns,
                                          environment | {"COLUMNS": str(columns)})
                command = f"$ prober {' '.join(arguments)}\n".replace(slow, "http://127.0.0.1:8080/slow")
                shown = shown.replace(slow.split("/")[2], "127.0.0.1:8080")
                for theme in THEMES:
                    path = HERE / f"{name}-{columns}-{theme}.png"
                    drawn = svg(cells(command + shown, columns, theme), columns, theme)
                    subprocess.run(["rsvg-convert", "-o", path], input=drawn, text=True, check=True)
                    print(path)
    finally:
        site.terminate()
        site.wait()


if __name__ == "__main__":
    main()
