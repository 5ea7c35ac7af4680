from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from spinemorph.flags import FLAGS
from spinemorph.report import svg
from spinemorph.report.catalogue import load_words
from spinemorph.report.html import HtmlWriter, drawing
from spinemorph.types import Numbering

EN, DE = load_words("en"), load_words("de")
CHROMIUM = next(
    (path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None
)
VOID = {"meta", "link", "br"}
PHONE, PAPER, SCREEN = 360, 794, 1400
#: Opens the page in frames of three widths and tells how wide it is there, and what it says.
FRAMES = """<!DOCTYPE html><meta charset="utf-8"><body><pre id="told"></pre><script>
const page = PAGE, widths = WIDTHS, told = {};
for (const width of widths) {
  const frame = document.createElement("iframe");
  frame.width = width; frame.height = 2000; frame.srcdoc = page;
  frame.onload = () => {
    const root = frame.contentDocument.documentElement;
    told[width] = [root.scrollWidth, frame.contentDocument.body.innerText];
    document.getElementById("told").textContent = JSON.stringify(told);
  };
  document.body.append(frame);
}
</script></body>"""


class Tags(HTMLParser):
    """Checks that elements nest, and keeps every start tag with its attributes."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.said = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data)


def page_of(study, film, tmp_path, **options):
    path = tmp_path / "report.html"
    HtmlWriter(**options).write(study, film, path)
    return path.read_text(encoding="utf-8")


def said(text):
    return re.sub(r"\s+", " ", " ".join(Tags(text).said))


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_says_what_the_report_says(phantom, tmp_path, language):
    words = load_words(language)
    study, film = phantom
    text = said(page_of(study, film, tmp_path, language=language))
    for part in (
        "Müller, Zoé",
        words.number(52, 1) + "°",
        words("key.interval", low=50, high=54),
        words("report.notice"),
        words("scale.detector"),
        words.flag("corner_uncertain"),
        words("headings.profile"),
        words("method.interval"),
        study.source.sha256,
    ):
        assert re.sub(r"\s+", " ", part) in text, part
    for item in study.measurements:
        assert words.measure(item.name) in text
        assert re.sub(r"\s+", " ", words.definition(item.name, item.definition)) in text


def test_the_page_is_one_file_without_any_address(phantom, tmp_path):
    text = page_of(*phantom, tmp_path)
    for tag, attributes in Tags(text).tags:
        assert tag not in {"script", "iframe", "object", "embed", "base", "form"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"href", "src", "xlink:href", "srcset", "data", "action"}:
                assert value.startswith("data:"), (tag, name)
            if name.startswith("xmlns"):
                continue
            assert "//" not in (value or "") or value.startswith("data:"), (tag, name)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_can_be_heard(phantom, tmp_path):
    text = page_of(*phantom, tmp_path, language="de")
    tags = Tags(text).tags
    assert ("html", {"lang": "de"}) in tags
    drawings = [attributes for tag, attributes in tags if tag == "svg" and "viewbox" in attributes]
    assert len(drawings) > 8
    assert all(each["role"] == "img" and each["aria-label"] for each in drawings)
    heads = [attributes for tag, attributes in tags if tag == "th"]
    assert {each["scope"] for each in heads} == {"col", "row"}
    assert [tag for tag, _ in tags if tag in {"h1", "main", "header", "footer"}] == [
        "header",
        "h1",
        "main",
        "footer",
    ]


HOSTILE = "<img src=x onerror=alert(1)>{{ 7*7 }}</style></svg>&lt;\"'#$]"


def test_names_are_text(build, tmp_path):
    patient = {"patient_name": HOSTILE, "patient_id": HOSTILE, "body_position": HOSTILE}
    study, film = build(patient=patient, file="a<b>'\".png")
    text = page_of(study, film, tmp_path)
    parsed = Tags(text)
    assert not [tag for tag, _ in parsed.tags if tag == "img"]
    assert HOSTILE in " ".join(parsed.said)
    assert "49" not in re.findall(r"onerror.*?&lt;/style", text)[0]


@pytest.mark.parametrize("name", ["x" * 300, "محمد", "王小明", "😀" * 20, "\x00\u202e\ud800"])
def test_any_name_gives_a_page(build, tmp_path, name):
    study, film = build(patient={"patient_name": name})
    assert "52.0°" in said(page_of(study, film, tmp_path))


def test_a_film_without_findings_gets_an_honest_page(build, tmp_path):
    study, film = build(patient={})
    study = replace(
        study,
        vertebrae=(),
        measurements=(),
        numbering=Numbering(0.0),
        flags=("not_lateral_lumbar",),
    )
    text = said(page_of(study, film, tmp_path))
    assert EN("empty.nothing") in text
    assert FLAGS["not_lateral_lumbar"] in text
    assert text.count(EN("report.unknown")) == len(EN.section("patient"))


def test_only_drawings_of_this_package_are_markup():
    with pytest.raises(TypeError, match="only a drawing"):
        drawing('<svg xmlns="http://www.w3.org/2000/svg"/>', "x")
    plain = drawing(svg.document(1, 1, svg.line(0, 0, 1, 1, 1)), 'a <b> "c"')
    assert 'aria-label="a &lt;b&gt; &#34;c&#34;"' in str(plain)
    assert str(drawing(svg.document(1, 1, "", label="own"), "other")).count("aria-label") == 1


def test_the_same_study_gives_the_same_bytes(phantom, tmp_path):
    assert page_of(*phantom, tmp_path) == page_of(*phantom, tmp_path)


def browse(tmp_path, *arguments):
    """What headless Chromium writes on stdout and stderr."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout, run.stderr


def addresses_asked_by_pages(log):
    """Addresses in a log of the net, without what the browser asks for itself."""
    events = json.loads(log.read_text("utf-8"))["events"]
    asked = [event.get("params", {}) for event in events if "url" in event.get("params", {})]
    return {
        each["url"]
        for each in asked
        if each["url"].startswith(("http", "ws"))
        and each.get("initiator", "not an origin") != "not an origin"
    }


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: nothing is opened")
def test_a_request_of_a_page_would_be_seen(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<img src="http://localhost:9/x.png">')
    browse(tmp_path, f"--log-net-log={tmp_path / 'net.json'}", "--dump-dom", page.as_uri())
    assert addresses_asked_by_pages(tmp_path / "net.json") == {"http://localhost:9/x.png"}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the page is not opened")
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_browser_opens_the_page(build, tmp_path, language):
    words = load_words(language)
    study, film = build(flags=tuple(FLAGS))
    page = page_of(study, film, tmp_path, language=language)
    log = tmp_path / "net.json"
    _, complaints = browse(
        tmp_path, f"--log-net-log={log}", "--dump-dom", (tmp_path / "report.html").as_uri()
    )
    assert "CONSOLE" not in complaints
    assert not addresses_asked_by_pages(log)

    opened = tmp_path / "frames.html"
    source = json.dumps(page).replace("</", "<\\/")
    opened.write_text(
        FRAMES.replace("WIDTHS", json.dumps([PHONE, PAPER, SCREEN])).replace("PAGE", source),
        encoding="utf-8",
    )
    dom, complaints = browse(tmp_path, "--virtual-time-budget=5000", "--dump-dom", opened.as_uri())
    assert "CONSOLE" not in complaints
    told = json.loads(html.unescape(re.search(r'<pre id="told">(.*?)</pre>', dom, re.DOTALL)[1]))
    for width in (PHONE, PAPER, SCREEN):
        wide, text = told[str(width)]
        assert wide <= width
        for part in (words.number(52, 1) + "°", words("headings.stop"), words("headings.basis")):
            assert part in text
