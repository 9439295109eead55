"""Every page as three pictures, target/screenshots/PAGE-{light,dark,phone}.png. Names of pages make only those."""

import pathlib
import shutil
import sys
import tempfile

from conftest import CHROMIUM, DESK, FLAGS, PHONE, Visitor
from hub import ROOT, Furnished
from pages import PAGES
from playwright.sync_api import sync_playwright

FOLDER = ROOT / "target" / "screenshots"
LOOKS = {
    "light": {"color_scheme": "light", "viewport": DESK},
    "dark": {"color_scheme": "dark", "viewport": DESK},
    "phone": {"color_scheme": "light", "viewport": PHONE, "device_scale_factor": 2, "is_mobile": True, "has_touch": True},
}
TALLEST = 4000
"""Pixels of a page; what comes further down is left out."""


def take(chromium, hub, pages):
    for look, how in LOOKS.items():
        visitors = {}
        for which in pages:
            if which.user not in visitors:
                visitors[which.user] = Visitor(chromium, hub, **how)
                if which.user:
                    visitors[which.user].sign_in(which.user)
            page = visitors[which.user].goto(which.address(hub), which.status)
            page.wait_for_load_state("networkidle") if which.still else page.wait_for_timeout(500)
            height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
            clip = {"x": 0, "y": 0, "width": how["viewport"]["width"], "height": max(height, how["viewport"]["height"])}
            page.screenshot(path=FOLDER / f"{which.name}-{look}.png", full_page=True, clip=clip)
        for visitor in visitors.values():
            visitor.leave()


def main(names):
    pages = [which for which in PAGES if not names or which.name in names]
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="screenshots-"))
    hub = Furnished(folder)
    try:
        hub.built()
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            take(chromium, hub, pages)
            chromium.close()
    finally:
        hub.stop()
        shutil.rmtree(folder)
    print(f"{3 * len(pages)} pictures in {FOLDER}")


if __name__ == "__main__":
    main(sys.argv[1:])
