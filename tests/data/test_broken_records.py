"""What is broken is named by file and entry; the rest is read."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from PIL import Image

from spinemorph.data.classes import ClassNames, class_names
from spinemorph.data.collection import ReadOptions
from spinemorph.data.formats import open_annotations, recognise
from spinemorph.data.rle import decode, encode, pack, unpack
from spinemorph.data.via import CSV_COLUMNS
from spinemorph.errors import AnnotationError, UsageError
from spinemorph.types import Box

SQUARE = [[10, 10], [30, 10], [30, 40], [10, 40]]


def write(path, document):
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def flat(points):
    return [value for point in points for value in point]


def problems(loaded):
    return [f"{problem.entry}: {problem.message}" for problem in loaded.problems]


class TestVia:
    def regions(self):
        shape = {"all_points_x": [10, 30, 30, 10, 10], "all_points_y": [10, 10, 40, 40, 10]}
        good = {
            "shape_attributes": {"name": "polyline", **shape},
            "region_attributes": {"kind": "Sacrum"},
        }
        return [
            good,
            {**good, "region_attributes": {"kind": "femur"}},
            {**good, "shape_attributes": {"name": "polygon", **shape, "all_points_x": [1, 2]}},
            {**good, "shape_attributes": {"name": "polygon"}},
            {**good, "shape_attributes": {"name": "circle", "cx": 25, "cy": 30, "r": 18}},
            {**good, "shape_attributes": {"name": "ellipse", "cx": 20, "cy": 20, "rx": 9, "ry": 4}},
            {**good, "shape_attributes": {"name": "point", "cx": 2, "cy": 2}},
            "nothing",
        ]

    @pytest.mark.parametrize("listed", [list, lambda regions: dict(enumerate(regions))])
    def test_regions(self, tmp_path, listed):
        entry = {"filename": "C:\\films\\a.png", "size": 5, "regions": listed(self.regions())}
        document = {"_via_settings": {}, "_via_img_metadata": {"a": entry, "b": {"size": 1}}}
        collection = open_annotations(write(tmp_path / "p.json", document))
        assert [str(problem) for problem in collection.problems] == [
            "p.json: b: the entry names no file"
        ]
        loaded = collection.load("a", (60, 50))
        assert [i.category for i in loaded.annotation.instances] == ["sacrum"] * 3
        masked = loaded.annotation.rasterized()
        assert int(masked.instances[0].mask.sum()) == 600
        assert int(masked.instances[1].mask.sum()) == pytest.approx(np.pi * 18**2, rel=0.03)
        words = problems(loaded)
        assert len(words) == 5
        assert "region 1: no known class" in words[0]
        assert "region 2: 2 x coordinates, but 5 y coordinates" in words[1]
        assert "the shape 'point' has no area" in words[3]

    def test_csv(self, tmp_path):
        shape = json.dumps({"name": "rect", "x": 1, "y": 2, "width": 5, "height": 5})
        quoted = '"' + shape.replace('"', '""') + '"'
        lines = [
            "#" + ",".join(CSV_COLUMNS),
            f'a.png,9,"{{}}",2,0,{quoted},"{{""class"":""L2""}}"',
            'a.png,9,"{}",2,1,"{broken","{}"',
            ',9,"{}",2,1,"{}","{}"',
        ]
        collection = open_annotations(write(tmp_path / "a.csv", "\n".join(lines)))
        assert [str(problem) for problem in collection.problems] == [
            "a.csv: line 3: its attributes are not valid JSON",
            "a.csv: line 4: no filename",
        ]
        (body,) = collection.load("a").annotation.instances
        assert (body.category, body.level) == ("lumbar", "L2")


class TestCoco:
    def document(self):
        runs = [10 * 50 + 5, 10, 60 * 50 - 515]
        annotations = [
            {"id": 1, "image_id": 7, "category_id": 3, "segmentation": [flat(SQUARE)]},
            {
                "id": 2,
                "image_id": 7,
                "category_id": 3,
                "segmentation": {"size": [50, 60], "counts": runs},
                "iscrowd": 1,
            },
            {"id": 3, "image_id": 7, "category_id": 9, "segmentation": [flat(SQUARE)]},
            {"id": 4, "image_id": 8, "category_id": 3, "segmentation": [flat(SQUARE)]},
            {"id": 5, "image_id": 7, "category_id": 3, "segmentation": [[1, 2, 3]]},
            {
                "id": 6,
                "image_id": 7,
                "category_id": 3,
                "segmentation": {"size": [50, 60], "counts": [5]},
            },
            {"id": 7, "image_id": 7, "category_id": 3, "segmentation": []},
            {"id": 8, "image_id": 7, "category_id": 3, "segmentation": [[0, 0, 1, 1, "x", 2]]},
            {"id": 9, "image_id": 7, "category_id": 3, "segmentation": [flat(SQUARE)], "score": 7},
        ]
        images = [{"id": 7, "file_name": "x/a.png", "height": 50, "width": 60}, {"id": 1}]
        return {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 3, "name": "vertebrae"}],
        }

    def test_records(self, tmp_path):
        collection = open_annotations(write(tmp_path / "c.json", self.document()))
        assert [problem.entry for problem in collection.problems] == ["image 1", "annotation 3"]
        loaded = collection.load("a")
        first, second = loaded.annotation.rasterized().instances
        # COCO counts from the corner of a pixel: 10 to 30 are the pixels 10 to 29.
        assert first.box == Box(10, 10, 40, 30)
        assert second.box == Box(5, 10, 15, 11)
        assert [words.split(", ")[1].split(":")[0] for words in problems(loaded)] == [
            f"annotation {index}" for index in (3, 5, 6, 7, 8, 9)
        ]

    def test_a_list_of_results_is_refused_with_a_hint(self, tmp_path):
        with pytest.raises(AnnotationError, match="no table of images"):
            open_annotations(write(tmp_path / "r.json", "[]"))


def test_labelme_masks_groups_and_rectangles(tmp_path):
    import io

    stream = io.BytesIO()
    Image.fromarray(np.full((4, 6), 255, np.uint8)).save(stream, "PNG")
    part = base64.b64encode(stream.getvalue()).decode()
    shapes = [
        {"label": "L3", "shape_type": "mask", "points": [[5, 7], [10, 10]], "mask": part},
        {"label": "cage", "points": SQUARE, "group_id": 1},
        {"label": "cage", "points": [[40, 10], [50, 20]], "shape_type": "rectangle", "group_id": 1},
        {"label": "rib", "points": SQUARE},
        {"label": "rod", "points": [[0, 0]], "shape_type": "point"},
        {"label": "S1", "shape_type": "mask", "points": [[5, 7], [10, 10]], "mask": "%%"},
    ]
    write(tmp_path / "a.json", {"shapes": shapes, "imageHeight": 80, "imageWidth": 90})
    write(tmp_path / "other.json", {"hello": 1})
    collection = open_annotations(tmp_path)
    assert [problem.file for problem in collection.problems] == ["other.json"]
    loaded = collection.load("a")
    mask, cage = loaded.annotation.rasterized().instances
    assert (mask.level, mask.box) == ("L3", Box(7, 5, 11, 11))
    assert int(cage.mask.sum()) == 20 * 30 + 10 * 10
    assert [words.split(":")[0] for words in problems(loaded)] == ["shape 3", "shape 4", "shape 5"]


def test_yolo_lines_and_names(tmp_path):
    lines = [
        "1 0.1 0.1 0.5 0.1 0.5 0.5 0.9",
        "0 0.5 0.5 0.2 0.2",
        "7 0 0 1 0 1 1",
        "a b",
        "0 5 5 9 9 5 9",
        "",
    ]
    write(tmp_path / "a.txt", "\n".join(lines))
    with pytest.raises(AnnotationError, match="names of the classes are not known"):
        open_annotations(tmp_path)
    for text in (
        "names: ['vertebra', \"sacrum\"]",
        "nc: 2\nnames:\n  0: vertebra\n  1: sacrum # x",
        "names:\n- vertebra\n- sacrum\n",
    ):
        write(tmp_path / "data.yaml", text)
        loaded = open_annotations(tmp_path).load("a", (100, 200))
        (sacrum,) = loaded.annotation.instances
        assert (sacrum.category, sacrum.score) == ("sacrum", 0.9)
        assert sacrum.rasterized((100, 200)).box == Box(10, 21, 50, 100)
        assert [words.split(":")[0] for words in problems(loaded)] == [
            "line 2",
            "line 3",
            "line 4",
            "line 5",
        ]
    with pytest.raises(AnnotationError, match="give --images"):
        open_annotations(tmp_path).load("a")


def test_instance_masks(tmp_path):
    folder = tmp_path / "film"
    folder.mkdir()
    mask = np.zeros((20, 30), np.uint8)
    mask[2:5, 3:9] = 1
    Image.fromarray(mask).save(folder / "01_vertebra_Th12.png")
    Image.fromarray(mask * 0).save(folder / "02_sacrum.png")
    Image.fromarray(mask[:9]).save(folder / "03_L1.png")
    Image.fromarray(mask).save(folder / "04_skull.png")
    (folder / "05_rod.png").write_bytes(b"no picture")
    loaded = open_annotations(tmp_path).load("film")
    (body,) = loaded.annotation.instances
    assert (body.category, body.level, body.box) == ("lumbar", "T12", Box(2, 3, 5, 9))
    assert [problem.entry for problem in loaded.problems] == [
        "02_sacrum.png",
        "03_L1.png",
        "04_skull.png",
        "05_rod.png",
    ]


def test_colour_pictures_are_no_masks(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    with pytest.raises(AnnotationError, match="one channel"):
        open_annotations(tmp_path).load("a")


def test_two_annotations_of_one_image(tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        Image.new("L", (9, 9)).save(tmp_path / name / "a.png")
    collection = open_annotations(tmp_path, "label-masks")
    assert len(collection) == 1
    assert "a second annotation" in str(collection.problems[0])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", "not valid JSON|not recognised"),
        ("a.json", '{"a": 1}', "not recognised"),
        ("a.bin", "x", "not recognised"),
        ("a.csv", "image,x\n", "not a VIA CSV"),
    ],
)
def test_files_in_no_known_format(tmp_path, name, content, words):
    with pytest.raises(AnnotationError, match=words):
        open_annotations(write(tmp_path / name, content))


def test_folders_in_no_known_format(tmp_path):
    with pytest.raises(AnnotationError, match="no annotation in a known format"):
        recognise(tmp_path)
    write(tmp_path / "a.csv", "filename")
    with pytest.raises(AnnotationError, match="give the annotation file itself"):
        recognise(tmp_path)
    with pytest.raises(AnnotationError, match="no such file"):
        open_annotations(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("word", "reading"),
    [
        ("lumbar", ("lumbar", None)),
        ("Lumbar_Vertebrae", ("lumbar", None)),
        (" l3 ", ("lumbar", "L3")),
        ("Th12", ("lumbar", "T12")),
        ("T5", ("lumbar", None)),
        ("L6", ("lumbar", None)),
        ("L7", None),
        ("S1", ("sacrum", "S1")),
        ("S2", None),
        ("Pedicle screws", ("screw", None)),
        ("femur", None),
    ],
)
def test_class_names(word, reading):
    assert ClassNames().read(word) == reading


def test_own_class_names():
    names = class_names({"LWK 3": "L3", "Käfig": "cage"})
    assert names.read("LWK 3") == ("lumbar", "L3")
    assert names.of_attributes({"x": "Käfig", "note": "rod"}) == ("cage", None)
    assert names.of_attributes({"type": {"lumbar": True, "sacrum": False}, "level": "L4"}) == (
        "lumbar",
        "L4",
    )
    with pytest.raises(UsageError, match="cannot become 'femur'"):
        class_names({"a": "femur"})


def test_run_lengths_of_the_published_text_form():
    # A pair that the COCO tools' own documents give for a mask of 9 x 10.
    runs = np.array([6, 1, 40, 4, 5, 4, 5, 4, 21])
    assert pack(runs) == "61X13mN000`0"
    assert unpack("61X13mN000`0") == runs.tolist()


def test_run_lengths_round_trip_and_refuse():
    rng = np.random.default_rng(0)
    mask = rng.random((30, 40)) > 0.5
    mask[0, 0] = mask[-1, -1] = True
    text = encode(mask, Box(0, 0, 30, 40), (30, 40))
    assert (decode(text, (30, 40))[0] == mask).all()
    assert decode([1200], (30, 40)) is None
    for broken in (text[:-1], text + "1", "ÿ"):
        with pytest.raises(ValueError, match="run"):
            decode(broken, (30, 40))


def test_sizes_come_from_the_films(tmp_path):
    films = tmp_path / "films"
    films.mkdir()
    Image.new("L", (60, 80)).save(films / "a.jpg")
    entry = {"filename": "a.dcm", "size": 1, "regions": []}
    path = write(tmp_path / "v.json", {"a": entry})
    loaded = open_annotations(path, options=ReadOptions(images=films)).load("a")
    assert loaded.annotation.size == (80, 60)
